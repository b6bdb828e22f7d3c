"""The model sheet as a trend needs it, and what it must agree on with the score table."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import pandas as pd

from visalign.errors import InputError
from visalign.io import tables
from visalign.io.scores import read_scores
from visalign.measures.added_scores import read_table
from visalign.trend.columns import covariates


def read_study(
    scores_path: str,
    sheet_path: str | None,
    sides: Mapping[str, int] | None = None,
    added: Sequence[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the score table, and the model sheet with the covariates of its models.

    Parameters
    ----------
    sheet_path : str, optional
        Model sheet; None: all models are of tables.
    sides : mapping of str to int, optional
        Side of each model's input in pixels.
    added : sequence of str
        Tables of scores that others measured; their models that are not in the sheet come after it.

    Returns
    -------
    scores, sheet : DataFrame

    Raises
    ------
    InputError
        A table without rows or with a model without a name, two rows of a model in the sheet.
    """
    scores = read_scores(scores_path)
    sheet = pd.DataFrame({"model": []}, dtype=str)
    if sheet_path:
        found = tables.read_table(
            sheet_path, required=("model",), short=True, dtype=str, keep_default_na=False
        )
        sheet = found.fillna("")
    if "family" not in sheet:
        sheet["family"] = ""  # each model is one of its own
    for path, table in ((scores_path, scores), *([(sheet_path, sheet)] if sheet_path else [])):
        if table.empty:
            raise InputError(f"{path}: no rows")
        table["model"] = tables.words(table, "model", path)
    for model in sheet["model"][sheet["model"].duplicated()]:
        raise InputError(f"{sheet_path}: model {model!r} has two rows")
    if sides:
        sheet["input_size"] = [str(sides.get(model, "")) for model in sheet["model"]]
    if others := of_tables(added, set(sheet["model"])):
        sheet = pd.concat([sheet, pd.DataFrame(others)], ignore_index=True).fillna("")
    return scores, sheet.assign(**covariates(sheet, sheet_path or ", ".join(added)))


def of_tables(paths: Sequence[str], known: Container[str]) -> list[dict[str, object]]:
    """Rows of the models of tables of scores that are not known, with what the tables say of each.

    Raises
    ------
    InputError
        Two tables say different things of a model. See also `added_scores.read_table`.
    """
    found: dict[str, dict[str, object]] = {}
    for table in map(read_table, paths):
        for model, facts in table.models.items():
            row = found.setdefault(model, {"model": model, "family": ""})
            for name, said in facts.items():
                if row.get(name) and row[name] != said:
                    raise InputError(f"{table.path}: {model}: {name}: {said!r}, and {row[name]!r} elsewhere")
                row[name] = said
    return [row for model, row in found.items() if model not in known]
