"""Scores: a number of a model or the reason why there is none, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

from visalign.io.tables import numbers, read_table, write_table

if TYPE_CHECKING:  # networks write no score, and start half a second sooner without pandas
    import pandas as pd


class ScoreRow(TypedDict):
    """A row of a score table: one model, benchmark, metric, convention and layer."""

    model: str
    benchmark: str  # stage/dataset[/region][/window][/protocol]
    metric: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int | None  # units the value rests on (images, stimuli, neuroids: said by the metric)
    n_excluded: int | None
    floor: float | None
    ceiling: float | None
    convention: str | None  # how value relates to floor and ceiling: r, r2/c, rho, floor_corrected, ...
    layer: str | None
    status: str  # "ok", or the reason why value is empty
    simulated: bool
    seed: int | None
    version: int | None  # VERSION of the stage
    inputs_hash: str | None


#: Columns of every score table, in order.
SCORE_COLUMNS = tuple(ScoreRow.__annotations__)


@dataclass(frozen=True, kw_only=True)
class Score:
    """A number of one model on one benchmark, or the reason why there is none.

    A number that is NaN becomes None; of the value, the status then says that it is undefined.

    Attributes
    ----------
    metric, convention : str
        What is measured, and how the value relates to floor and ceiling.
    value, ci_low, ci_high : float or None
        With its 95 % interval, where known.
    n, n_excluded : int
        Units that it rests on (images, stimuli, neuroids: said by the metric), and those left out.
    floor, ceiling : float or None
        What a model that knows nothing, and what a perfect one would have.
    layer : str or None
        Of the model, where the score is one layer's.
    status : str
        ``ok`` (``ok, REMARK``), or the reason why there is no value.
    simulated : bool or None
        Whether it rests on simulated data; None: as its benchmark.
    headline : bool
        Whether it is the score of its metric, and not a variant of it.
    """

    metric: str
    convention: str | None = None
    value: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n: int | None = None
    n_excluded: int = 0
    floor: float | None = None
    ceiling: float | None = None
    layer: str | None = None
    status: str = "ok"
    simulated: bool | None = None
    headline: bool = False

    def __post_init__(self) -> None:
        for name in ("value", "ci_low", "ci_high", "floor", "ceiling"):
            number = getattr(self, name)
            if number is not None and number != number:
                object.__setattr__(self, name, None)
                if name == "value" and (self.status == "ok" or self.status.startswith("ok, ")):
                    object.__setattr__(self, "status", f"undefined (not a number){self.status[2:]}")


@dataclass(frozen=True, kw_only=True)
class Source:
    """What scores are of, and what they were computed from.

    Attributes
    ----------
    model : str
    benchmark : str
        ``measure/dataset[/region][/window][/protocol]``.
    simulated : bool
    seed, version : int
        Version of the command, see `study.versions`.
    inputs_hash : str
        See `files.inputs_hash`.
    """

    model: str
    benchmark: str
    simulated: bool = False
    seed: int | None = None
    version: int | None = None
    inputs_hash: str | None = None


class Entry(TypedDict):
    """What is told of a `Score` as JSON."""

    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int | None
    n_excluded: int
    floor: float | None
    ceiling: float | None
    convention: str | None


def entry(score: Score) -> Entry:
    """Return what is told of a score."""
    return {
        "value": score.value,
        "ci_low": score.ci_low,
        "ci_high": score.ci_high,
        "n": score.n,
        "n_excluded": score.n_excluded,
        "floor": score.floor,
        "ceiling": score.ceiling,
        "convention": score.convention,
    }


def rows_of(scores: Iterable[Score], source: Source) -> list[ScoreRow]:
    """Return rows of the score table."""
    return [
        {
            "model": source.model,
            "benchmark": source.benchmark,
            "metric": score.metric,
            **entry(score),
            "layer": score.layer,
            "status": score.status,
            "simulated": source.simulated if score.simulated is None else score.simulated,
            "seed": source.seed,
            "version": source.version,
            "inputs_hash": source.inputs_hash,
        }
        for score in scores
    ]


def rows_in(scores: pd.DataFrame) -> list[ScoreRow]:
    """Return the rows of a score table that was read; a missing number is None, a missing text ''."""
    rows = scores.to_dict("records")
    return [
        cast("ScoreRow", {name: None if cell != cell else cell for name, cell in row.items()}) for row in rows
    ]


def write_scores(path: str | Path, rows: Iterable[ScoreRow]) -> None:
    """Write score rows as CSV."""
    import pandas as pd

    write_table(path, pd.DataFrame(list(rows), columns=list(SCORE_COLUMNS)))


def read_scores(path: str | Path) -> pd.DataFrame:
    """Read a score table; text columns have '' instead of missing values."""
    text = ["model", "benchmark", "metric", "convention", "layer", "status", "inputs_hash"]
    empty = {column: [""] for column in SCORE_COLUMNS if column not in text}
    # A model may be called 007 or None: neither a number nor a missing value.
    table = read_table(
        path, required=SCORE_COLUMNS, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=empty
    )
    for column in SCORE_COLUMNS:
        if column not in (*text, "simulated") and table[column].dtype.kind not in "iuf":  # words among them
            table[column] = numbers(table, column, path, missing=True)
    return table


def is_true(value: object) -> bool:
    """Return whether a cell says true: whole columns of truths are read as such, mixed ones as text."""
    return str(value).lower() == "true"
