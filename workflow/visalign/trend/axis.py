"""The x axis of the panels: an accuracy, another score, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from visalign.errors import InputError
from visalign.measures import ACCURACIES, HEADLINES
from visalign.measures.added_scores import PUBLISHED, SHARE
from visalign.measures.measure import Headline
from visalign.trend import answer, score_rows

#: What a panel says that has no x axis.
NONE = "no accuracy in this study: scores by model"
#: What the panel of an x axis says that has nothing to be the x axis of.
ALONE = "nothing else is in this study: scores by model"


@dataclass(frozen=True)
class XAxis:
    """A score as the x axis of all panels: its rows in the score table, and what it is called."""

    benchmark: str
    metric: str
    convention: str
    label: str
    word: str = "accuracy"

    def answer(self) -> answer.Axis:
        """Return it as a trend holds it."""
        return {
            "benchmark": self.benchmark,
            "metric": self.metric,
            "convention": self.convention,
            "word": self.word,
        }


def of_accuracy(benchmark: str, metric: str) -> XAxis:
    """Return an accuracy as x axis."""
    return XAxis(benchmark, metric, SHARE, f"{ACCURACIES[metric]}, {benchmark.split('/', 1)[-1]}")


def accuracies(scores: pd.DataFrame) -> list[str]:
    """Benchmarks of accuracies of which some model has a value, sorted."""
    return sorted(name for name in set(scores["benchmark"][scores["value"].notna()]) if is_accuracy(name))


def is_accuracy(benchmark: str) -> bool:
    """Whether a benchmark is an accuracy."""
    return benchmark.startswith(PUBLISHED.split("/")[0] + "/")


def choose(
    scores: pd.DataFrame,
    path: str,
    accuracy: str | None,
    metric: str,
    score: str | None,
    titles: Mapping[str, str],
) -> XAxis | None:
    """Return the x axis of a score table, None where there is none.

    Parameters
    ----------
    scores : DataFrame
    path : str
        File of it, which errors name.
    accuracy : str, optional
        Benchmark of an accuracy, of which the table must have rows.
    metric : str
        Of it.
    score : str, optional
        Another score, BENCHMARK/METRIC or BENCHMARK/METRIC/CONVENTION. Without it and `accuracy` the x axis
        is the one accuracy that the table has values of.
    titles : mapping of str to str
        Of benchmarks that have one of their own.

    Raises
    ------
    InputError
        Rows that are not there, several accuracies of which none is asked for, or a score of which several
        conventions are there and none is a headline.
    """
    if accuracy and score:
        raise InputError(f"--accuracy {accuracy} and --axis {score}: give one of them")
    if score:
        return of_score(scores, path, score, titles)
    there = accuracies(scores)
    if accuracy is None and not there:
        return None
    if accuracy is None and len(there) == 1:
        [accuracy] = there
    if accuracy is None or accuracy not in set(scores["benchmark"]):
        known = sorted(filter(is_accuracy, set(scores["benchmark"])))
        raise InputError(f"{path}: no row of the x axis, {accuracy!r} (there: {', '.join(known)})")
    return of_accuracy(accuracy, metric)


def of_score(scores: pd.DataFrame, path: str, score: str, titles: Mapping[str, str]) -> XAxis:
    """Return another score as x axis. See `choose`."""
    columns = ["benchmark", "metric", "convention"]
    valued = scores.loc[scores["value"].notna(), columns].drop_duplicates()
    there = [(str(b), str(m), str(c)) for b, m, c in valued.itertuples(index=False)]
    exact = [found for found in there if "/".join(found) == score]
    named = [found for found in there if "/".join(found[:2]) == score]
    if not exact and not named:
        known = dict.fromkeys("/".join(found[:2]) for found in there)
        raise InputError(f"{path}: no value of the x axis, {score!r} (there: {listed(known)})")
    chosen = exact or (named if len(named) == 1 else [one for one in named if headline_of(*one)])
    if not chosen:
        known = dict.fromkeys("/".join(found) for found in named)
        raise InputError(f"{path}: the x axis, {score!r}, has several conventions: give {listed(known)}")
    benchmark, metric, convention = chosen[0]
    if is_accuracy(benchmark):
        return of_accuracy(benchmark, metric)
    headline = headline_of(benchmark, metric, convention)
    rest = " ".join(benchmark.split("/")[1:]).replace("_", " ")
    name = score_rows.title(headline, benchmark, titles) if headline else metric.replace("_", " ")
    label = headline.label if headline and headline.convention == convention else convention
    return XAxis(benchmark, metric, convention, f"{name}: {label}, {rest}", name)


def headline_of(benchmark: str, metric: str, convention: str) -> Headline | None:
    """Return the headline whose metric and convention, or other convention, a score has."""
    for headline in HEADLINES:
        scales = {headline.convention} | ({headline.otherwise.convention} if headline.otherwise else set())
        if (headline.stage, headline.metric) == (benchmark.split("/")[0], metric) and convention in scales:
            return headline
    return None


def listed(names: Iterable[str], most: int = 20) -> str:
    """Join names, not more than so many."""
    found = list(names)
    return ", ".join(found[:most]) + (", …" if len(found) > most else "")
