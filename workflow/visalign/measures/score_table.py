"""All scores of a study in one table, each a value or the reason why there is none."""

from __future__ import annotations

import fnmatch
import glob
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np
import pandas as pd

from visalign.errors import InputError
from visalign.io.files import read_json
from visalign.io.rows import ModelRow
from visalign.io.scores import SCORE_COLUMNS, Score, ScoreRow, Source, read_scores, rows_of
from visalign.labels.spaces import label_mismatch
from visalign.measures import BY_NAME, METRICS
from visalign.measures.added_scores import AddedScores, key_of
from visalign.measures.measure import NOT_CHOSEN, Measure
from visalign.zoo import low_level
from visalign.zoo.weights import weights_id

NUMBERS = ["value", "ci_low", "ci_high", "n", "n_excluded", "floor", "ceiling", "seed", "version"]


class Chosen(TypedDict, total=False):
    """Of which models a measure is."""

    models: list[str]


class Entry(Chosen):
    """An entry of the option ``--benchmarks``, see `Benchmark`."""

    measure: str
    dataset: str
    label_space: NotRequired[str | None]
    simulated: NotRequired[bool | None]
    reason: NotRequired[str | None]


@dataclass(frozen=True)
class Benchmark:
    """A measure on a dataset.

    Attributes
    ----------
    measure, dataset : str
    label_space : str or None
        That of the dataset; None where its labels play no part.
    simulated : bool
    reason : str or None
        Why no model has scores on it.
    models : tuple of str
        Shell patterns of the models that have.
    """

    measure: str
    dataset: str
    label_space: str | None = None
    simulated: bool = False
    reason: str | None = None
    models: tuple[str, ...] = ("*",)

    @classmethod
    def of(cls, entry: Entry) -> Benchmark:
        """Return the benchmark of an entry of the option ``--benchmarks``."""
        return cls(
            entry["measure"],
            entry["dataset"],
            label_space=entry.get("label_space"),
            simulated=bool(entry.get("simulated")),
            reason=entry.get("reason"),
            models=tuple(entry.get("models", ["*"])),
        )

    @property
    def declared(self) -> Measure:
        """Its measure, as it is declared."""
        return BY_NAME[self.measure]

    def why_undefined(self, row: ModelRow, head: str | None = None) -> str | None:
        """Why the model of a row has no score on it, known before any job, or None.

        `head` is why its head has none that rest on labels. See `study.Study.undefined`.
        """
        if self.reason:
            return self.reason
        if row["weights"] == low_level.WEIGHTS:
            return low_level.lacks(row["architecture"], self.declared.low_level)
        if self.label_space is None:
            return head if self.declared.labelled else None
        return label_mismatch(row["label_space"], self.label_space, self.dataset) or head

    def not_chosen(self, model: str) -> str | None:
        """Why a model has no score on it that others have, or None."""
        chosen = any(fnmatch.fnmatchcase(model, pattern) for pattern in self.models)
        return None if chosen or self.reason else NOT_CHOSEN.format(self.measure)

    def without_value(self, model: str, reason: str) -> pd.DataFrame:
        """Rows that only give a reason, one per headline metric of the measure."""
        scores = [
            Score(
                metric=name,
                status=reason,
                simulated=self.simulated and self.declared.metric(name).simulated == "dataset",
            )
            for name in self.declared.reason_metrics
        ]
        source = Source(model=model, benchmark=f"{self.measure}/{self.dataset}")
        return pd.DataFrame(rows_of(scores, source), columns=list(SCORE_COLUMNS))


def failure(logs: Path, *names: str) -> str:
    """Which stage failed and why: the last line of the newest log with an error.

    Parameters
    ----------
    logs : Path
        Holds STAGE/NAME.log and STAGE/NAME/*.log.
    *names : str
        What the missing score needed: model, weights, dataset.
    """
    errors = []
    patterns = [f"*/{glob.escape(name)}{end}" for name in names for end in (".log", "/*.log")]
    for file in (file for pattern in patterns for file in logs.glob(pattern)):
        lines = file.read_text(errors="replace").replace("\r", "\n").strip().splitlines()
        if lines and ("error: " in lines[-1] or any(line.startswith("Traceback") for line in lines)):
            errors.append((file.stat().st_mtime, f"{file.relative_to(logs).parts[0]}: {lines[-1]}"))
    return max(errors)[1] if errors else "no error in its logs: interrupted, or not run"


def of_each_model(
    directory: Path,
    models: Mapping[str, ModelRow],
    benchmarks: Sequence[Benchmark],
    logs: Path,
    heads: Mapping[str, str],
) -> Iterator[pd.DataFrame]:
    """Yield the scores of each model on each benchmark, or rows with the reason. See `gather`."""
    for (model, row), benchmark in itertools.product(models.items(), benchmarks):
        path = directory / benchmark.measure / model / f"{benchmark.dataset}.csv"
        reason = benchmark.not_chosen(model) or benchmark.why_undefined(row, heads.get(model))
        if reason is None and path.exists():
            yield read_scores(path)
            continue
        base = row["source"] if row["weights"] == "train" else weights_id(row)
        why = reason or f"failed: {failure(logs, model, base, benchmark.dataset)}"
        yield benchmark.without_value(model, why)


def remarks(directory: Path, models: Iterable[str]) -> dict[str, str]:
    """Say of each model whose weights come with another transform than is used how they differ."""
    cards = {model: directory / "models" / f"{model}.json" for model in models}
    told = {model: read_json(card).get("other_transform") for model, card in cards.items() if card.exists()}
    return {model: "; ".join(differences) for model, differences in told.items() if differences}


def remarked(scores: pd.DataFrame, told: Mapping[str, str]) -> pd.DataFrame:
    """Scores of which the status of each value also says what is told of its model."""
    for model, remark in told.items():
        valued = (scores["model"] == model) & scores["value"].notna()
        status = scores["status"][valued]
        scores.loc[valued, "status"] = status + np.where(status == "ok", ", ", "; ") + remark
    return scores


def of_all_models(
    directory: Path,
    models: Mapping[str, ModelRow],
    benchmarks: Sequence[Benchmark],
    heads: Mapping[str, str],
) -> Iterator[pd.DataFrame]:
    """Yield the scores of files that hold those of all models on a dataset. See `gather`."""
    for benchmark in benchmarks:
        path = directory / benchmark.declared.across_models / f"{benchmark.dataset}.csv"
        if benchmark.declared.across_models and path.exists():
            together = read_scores(path)
            scored = [m for m, row in models.items() if not benchmark.why_undefined(row, heads.get(m))]
            yield together[together["model"].isin(scored)]


def gather(
    directory: Path,
    models: Mapping[str, ModelRow],
    benchmarks: Sequence[Benchmark],
    logs: Path,
    heads: Mapping[str, str] | None = None,
    added: Sequence[AddedScores] = (),
    published: Sequence[ScoreRow] = (),
) -> pd.DataFrame:
    """Concatenate all score files; a pair without one becomes rows with the reason.

    Parameters
    ----------
    directory : Path
        Holds MEASURE/MODEL/DATASET.csv, and STAGE/DATASET.csv of stages that score all models together.
    models : mapping
        Rows of the model sheet.
    benchmarks : sequence of Benchmark
    logs : Path
        Folder of logs, searched for why a score is missing.
    heads : mapping of str, optional
        Models whose head has no scores that rest on labels, and why.
    added : sequence of AddedScores
        Scores of other runs or people.
    published : sequence of ScoreRow
        Accuracies that others report.

    Raises
    ------
    InputError
        A score file has a metric that no measure declares, two sources have the same score, or none has any.
    """
    heads = heads or {}
    told = remarks(directory, models)
    tables = [
        remarked(table, told)
        for table in (
            *of_each_model(directory, models, benchmarks, logs, heads),
            *of_all_models(directory, models, benchmarks, heads),
        )
    ]
    if published:
        tables.append(pd.DataFrame(list(published), columns=list(SCORE_COLUMNS)))
    for table in added:
        refuse_twice(table, tables)
        tables.append(pd.DataFrame(list(table.rows.values()), columns=list(SCORE_COLUMNS)))
    if not tables:
        raise InputError(f"{directory}: no scores: neither a model and a benchmark nor a table of scores")
    scores = pd.concat([table.astype(object) for table in tables], ignore_index=True)
    unknown = set(scores["metric"]) - set(METRICS)
    if unknown:
        raise InputError(f"{directory}: metric: {sorted(unknown)[0]!r} is not a known metric")
    scores[NUMBERS] = scores[NUMBERS].apply(pd.to_numeric)
    scores["simulated"] = scores["simulated"].astype(bool)
    return scores


def refuse_twice(table: AddedScores, before: Sequence[pd.DataFrame]) -> None:
    """Raise InputError where a table has a score that is there already."""
    there = {key_of(row) for scores in before for row in scores.to_dict("records")}
    for key in table.rows:
        if key in there:
            score = " ".join(filter(None, key[1:]))
            line = table.lines[key]
            raise InputError(f"{table.path}: line {line}: model: {key[0]!r} has {score} from elsewhere too")


def as_parquet(scores: pd.DataFrame) -> bytes:
    """Return a score table as a parquet file, words as words where all are missing too."""
    text = scores.select_dtypes("object").columns
    parquet = scores.copy()
    parquet[text] = parquet[text].astype("string")
    return parquet.to_parquet(index=False)
