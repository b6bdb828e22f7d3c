"""The model sheet as a trend needs it, and what it must agree on with the score table."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from visalign.errors import InputError
from visalign.io import tables
from visalign.io.scores import read_scores
from visalign.trend.columns import covariates


def read_study(
    scores_path: str, sheet_path: str, accuracy: str | None, sides: Mapping[str, int] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Read the score table, and the model sheet with the covariates of its models.

    Parameters
    ----------
    accuracy : str, optional
        Benchmark of the x axis, of which the score table must have rows; None: the only one that it has.
    sides : mapping of str to int, optional
        Side of each model's input in pixels.

    Returns
    -------
    scores, sheet : DataFrame
    accuracy : str

    Raises
    ------
    InputError
        A table without rows or with a model without a name, two rows of a model in the sheet, no row of the
        x axis.
    """
    scores = read_scores(scores_path)
    sheet = tables.read_table(sheet_path, required=("model",), dtype=str, keep_default_na=False).fillna("")
    if "family" not in sheet:
        sheet["family"] = ""  # each model is one of its own
    for path, table in ((scores_path, scores), (sheet_path, sheet)):
        if table.empty:
            raise InputError(f"{path}: no rows")
        table["model"] = tables.words(table, "model", path)
    for model in sheet["model"][sheet["model"].duplicated()]:
        raise InputError(f"{sheet_path}: model {model!r} has two rows")
    there = sorted(name for name in set(scores["benchmark"]) if name.startswith("accuracy/"))
    if accuracy is None and len(there) == 1:
        [accuracy] = there
    if accuracy is None or accuracy not in set(scores["benchmark"]):
        raise InputError(f"{scores_path}: no row of the x axis, {accuracy!r} (there: {', '.join(there)})")
    if sides:
        sheet["input_size"] = [str(sides.get(model, "")) for model in sheet["model"]]
    return scores, sheet.assign(**covariates(sheet, sheet_path)), accuracy
