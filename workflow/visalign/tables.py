"""Small files: tidy score rows, CSV tables and JSON, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visalign.errors import InputError

if TYPE_CHECKING:  # networks read JSON only, and start half a second sooner without pandas
    import pandas as pd

#: Columns of every score table, in order (one row a model, benchmark, metric, convention, layer).
SCORE_COLUMNS = (
    "model",
    "benchmark",  # stage/dataset[/region][/window][/protocol]
    "metric",
    "value",
    "ci_low",
    "ci_high",
    "n",  # units the value rests on (images, stimuli, neuroids: said by the metric)
    "n_excluded",
    "floor",
    "ceiling",
    "convention",  # how value relates to floor and ceiling: r, r2/c, rho, floor_corrected, ...
    "layer",
    "status",  # "ok", or the reason why value is empty
    "simulated",
    "seed",
    "version",  # VERSION of the stage
    "inputs_hash",
)


def write_atomic(path: str | Path, content: str | bytes) -> None:
    """Write `content` to `path` through a temporary file beside it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    os.replace(temporary, path)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as JSON; NaN is not JSON and must have become None before."""
    write_atomic(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file; a broken one is named."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not JSON: {error}") from None


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as CSV with full float precision."""
    write_atomic(path, table.to_csv(index=False))


def read_table(path: str | Path, required: Iterable[str] = (), **options: Any) -> pd.DataFrame:
    """Read a CSV, or TSV by its suffix, and check its columns."""
    import pandas as pd

    path = Path(path)
    separator = "\t" if path.suffix == ".tsv" else ","
    try:
        if path.suffix == ".tsv":  # sheets may hold lines of comment
            lines = path.read_text().splitlines()
            options["skiprows"] = [number for number, line in enumerate(lines) if line.startswith("#")]
        table = pd.read_csv(path, sep=separator, comment=None, **options)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a table: {str(error).splitlines()[0]}") from None
    for column in required:
        if column not in table.columns:
            raise InputError(f"{path}: no column {column!r} (columns: {', '.join(map(str, table.columns))})")
    return table


def inputs_hash(*paths: str | Path) -> str:
    """Return a short hash over the bytes of small input files (manifests, cards, tables)."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()[:16]


def score_row(**values: Any) -> dict[str, Any]:
    """Return one score row with every column; unknown columns are refused."""
    unknown = set(values) - set(SCORE_COLUMNS)
    if unknown:
        raise TypeError(f"unknown score columns: {sorted(unknown)}")
    row = dict.fromkeys(SCORE_COLUMNS) | {"n_excluded": 0, "status": "ok"} | values
    if row["value"] is not None and row["value"] != row["value"]:  # NaN
        row["value"] = None
        if row["status"] == "ok":
            row["status"] = "undefined (not a number)"
    return row


def write_scores(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write score rows as CSV."""
    import pandas as pd

    write_table(path, pd.DataFrame(list(rows), columns=list(SCORE_COLUMNS)))


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read a score table; text columns have '' instead of missing values."""
    text = ["model", "benchmark", "metric", "convention", "layer", "status", "inputs_hash"]
    empty = {column: [""] for column in SCORE_COLUMNS if column not in text}
    # A model may be called 007 or None: neither a number nor a missing value.
    return read_table(
        path, required=SCORE_COLUMNS, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=empty
    )
