"""Claims about schemas: the types of rows are theirs."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest

from visalign.io import rows
from visalign.study.schemas import definition

TYPES = {"string": str, "integer": int, "number": float, "boolean": bool}
SHEETS: dict[str, Any] = {
    "models": rows.ModelRow,
    "train": rows.RecipeRow,
    "stimuli": rows.StimuliRow,
    "recordings": rows.RecordingRow,
    "maps": rows.MapsRow,
}


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_row_has_the_columns_and_types_of_its_schema(sheet):
    schema, row = definition(sheet), SHEETS[sheet]
    columns = schema["properties"]
    assert get_type_hints(row) == {name: TYPES[part.get("type", "string")] for name, part in columns.items()}
    given = {name for name, part in columns.items() if "default" in part}
    assert row.__required_keys__ == given | set(schema["required"])
