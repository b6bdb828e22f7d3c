"""How often 95 % intervals of neural scores hold the truth: whole experiments simulated many times over.

Neuroids read dimensions that the features of a model have, and others that these lack; a population says how
many, how alike neuroids are, and how images differ. Every replication draws stimuli, trials and (unless they
are fixed) neuroids anew and is scored by the code of stage neural. The mean over replications stands for the
truth. Prints a table in Markdown, a population as soon as it is known, and writes
``results/bench/coverage_STUDY.csv``. Some seven minutes for all on one core.

  python bench/coverage.py whole --replications 80
  python bench/coverage.py grids --replications 100
  python bench/coverage.py paired --replications 60
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
import pandas as pd

from _measure import RESULTS
from visalign.comparisons import pls
from visalign.io.scores import Score
from visalign.neural import predictivity
from visalign.neural import rows as neural_rows
from visalign.neural.layers import Selected, score_block
from visalign.neural.predictivity import Ceiling, Responses
from visalign.recordings import ceilings
from visalign.stats import bootstrap, resampling
from visalign.stats.cross_validation import Split, leave_out_splits, nested_splits
from visalign.stats.resampling import Draws
from visalign.tools import compare_models

REPETITIONS = 12
#: Standard deviations of what features of two models have beside the signal's, of 1.
NOISE = (0.5, 0.6)
#: value, low, high of a number.
Estimate = tuple[float, float, float]


class Population(NamedTuple):
    """Where stimuli and neuroids are drawn from.

    ``images`` are whole ones, or grids of `positions`; ``known`` and ``unknown`` are the dimensions that the
    `features` have and lack, ``share`` the range over neuroids of the share that the known ones have of the
    signal, ``reliability`` that of a single trial. Images have gains of log-sd `heterogeneity`, once for all
    of the signal and once for its unknown part. Signals are divided by their standard deviation in the
    ``population``, in the ``sample`` that was drawn (which makes all images depend on each), or not at all.
    """

    images: int = 208
    neuroids: int = 100
    fixed: bool = False
    positions: int = 1
    known: int = 8
    unknown: int = 2
    features: int = 30
    share: tuple[float, float] = (0.4, 0.6)
    reliability: tuple[float, float] = (0.5, 0.9)
    heterogeneity: float = 0.0
    scale: str = ""


class Neuroids(NamedTuple):
    """Weights (dimensions, m) of known and unknown dimensions, share and single-trial reliability (m,)."""

    known: np.ndarray
    unknown: np.ndarray
    reliability: np.ndarray


UNLIKE = Population(neuroids=60, share=(0.1, 0.9), reliability=(0.3, 0.95))
WHOLE = {
    "208 images, 100 alike neuroids": Population(),
    "208 images, 60 unlike neuroids": UNLIKE,
    "208 images, 100 alike neuroids, fixed": Population(fixed=True),
    "640 images, 100 alike neuroids": Population(images=640),
}
UNEVEN = Population(
    images=14,
    neuroids=32,
    positions=49,
    known=12,
    unknown=6,
    features=40,
    share=(0.2, 0.9),
    reliability=(0.3, 0.3),
    heterogeneity=0.5,
    scale="population",
)
GRIDS = {
    "14 images, log-sd .5": UNEVEN,
    "14 images, log-sd .5, coupled": UNEVEN._replace(scale="sample"),
    "14 images, log-sd .3": UNEVEN._replace(heterogeneity=0.3),
    "14 images, alike": UNEVEN._replace(heterogeneity=0.0),
    "14 images, log-sd .5, sites fixed": UNEVEN._replace(fixed=True),
    "10 images, log-sd .5": UNEVEN._replace(images=10),
    "5 images, log-sd .3": UNEVEN._replace(images=5, heterogeneity=0.3),
}
PAIRED = {
    "208 images, 100 alike neuroids": Population(),
    "208 images, 60 unlike neuroids": UNLIKE,
    "208 images, 100 alike neuroids, fixed": Population(fixed=True),
    "grids: 14 images, log-sd .5": UNEVEN,
    "grids: 14 images, log-sd .5, sites fixed": UNEVEN._replace(fixed=True),
}


def neuroids(population: Population, rng: np.random.Generator) -> Neuroids:
    """Draw neuroids."""
    m = population.neuroids
    share, reliability = rng.uniform(*population.share, m), rng.uniform(*population.reliability, m)
    known, unknown = (
        np.sqrt(part / size) * rng.standard_normal((size, m))
        for part, size in ((share, population.known), (1 - share, population.unknown))
    )
    return Neuroids(known, unknown, reliability)


class Experiment(NamedTuple):
    """Known dimensions (n, known) of n stimuli, responses (n, repetitions, m), and the image of each."""

    known: np.ndarray
    responses: np.ndarray
    image: np.ndarray


def experiment(population: Population, rng: np.random.Generator) -> Experiment:
    """Draw stimuli, trials and, unless they are fixed, neuroids."""
    own = neuroids(population, np.random.default_rng(3) if population.fixed else rng)
    shape, spread = (population.images, population.positions), population.heterogeneity
    gain = np.exp(spread * rng.standard_normal((population.images, 1, 1)))
    of_unknown = gain * np.exp(spread * rng.standard_normal(gain.shape))
    known = (gain * rng.standard_normal((*shape, population.known))).reshape(-1, population.known)
    unknown = (of_unknown * rng.standard_normal((*shape, population.unknown))).reshape(-1, population.unknown)
    signal = known @ own.known + unknown @ own.unknown
    if population.scale == "sample":
        signal /= signal.std(axis=0)
    elif population.scale == "population":  # the mean of squared lognormal gains is exp(2 log-sd²)
        once = np.exp(2 * spread**2)
        signal /= np.sqrt(once * ((own.known**2).sum(axis=0) + once * (own.unknown**2).sum(axis=0)))
    noise = np.sqrt((1 - own.reliability) / own.reliability)
    trials = noise * rng.standard_normal((len(signal), REPETITIONS, population.neuroids))
    return Experiment(known, signal[:, None] + trials, np.repeat(np.arange(shape[0]), shape[1]))


class Measured(NamedTuple):
    """What all models of an experiment share."""

    responses: Responses
    ceiling: Ceiling
    c: Estimate
    draws: Draws


def measured(population: Population, found: Experiment, draws: int) -> Measured:
    """Splits, ceiling and draws of an experiment, as of stage neural."""
    of_grids = population.positions > 1
    own = ceilings.trials(found.responses, 10, 1, found.image if of_grids else None)
    splits: list[Split] = (
        leave_out_splits(np.char.zfill(found.image.astype(str), 2), 1, 0)
        if of_grids
        else nested_splits(len(found.image), None, 10, 0.9, 1, 0)
    )
    drawn = resampling.draw(found.image, population.neuroids, 0, draws)
    c, of_draws = ceilings.c_of(own.per_split()), own.resampled(drawn)
    interval = bootstrap.expanded_interval(of_draws, drawn.units)
    ceiling = Ceiling(value=c, resampled=lambda _: of_draws)
    return Measured(Responses(own.mean, splits, found.image), ceiling, (c, *interval), drawn)


def score(X: np.ndarray, data: Measured) -> tuple[predictivity.Summary, np.ndarray]:
    """Score features (n, p) by PLS; r (splits, m) too."""
    block = score_block(lambda: {"X": X}, data.responses.Y, data.responses.splits, pls.COMPARISON)
    selected = Selected("features", block.values, block.predicted)
    return predictivity.summarise(
        Score(metric="pls"), selected, data.responses, data.ceiling, 0.0, data.draws
    ), block.values


def estimate(score: Score) -> Estimate:
    """Value and interval of a score, NaN where there is none."""
    low, value, high = (np.nan if x is None else x for x in (score.ci_low, score.value, score.ci_high))
    return value, low, high


def one_model(population: Population, number: int, draws: int) -> dict[str, Estimate]:
    """r, r²/c and c of one replication."""
    found = experiment(population, np.random.default_rng([7, number]))
    data = measured(population, found, draws)
    summary, _ = score(found.known @ mixing(population), data)
    scores = {name: summary.by_convention[name] for name in ("r", "r2/c")}
    return {name: estimate(e) for name, e in scores.items()} | {"c": data.c}


def two_models(population: Population, number: int, draws: int) -> dict[str, Estimate]:
    """Differences in r and in r²/c of two models on one replication, and r²/c of the first."""
    rng = np.random.default_rng([8, number])
    found = experiment(population, rng)
    data = measured(population, found, draws)
    tables, every = {}, []
    for level in NOISE:
        own = level * rng.standard_normal((len(found.known), population.features))
        summary, r = score(found.known @ mixing(population) / np.sqrt(population.known) + own, data)
        every.append(r)
        table = neural_rows.draw_table(summary.scores, summary.draws, data.draws.units)
        tables[str(level)] = table.assign(metric="pls")
    first = summary.by_convention["r2/c"]
    result = {"first model's r2/c": estimate(first)}
    for name in ("r", "r2/c"):
        row = compare_models.differences(tables, "pls", name)[1]
        result[f"difference in {name}"] = (row["difference"], row["ci_low"], row["ci_high"])
    return result | {"difference in mean r, mixed model": mixed_model(np.array(every))}


def mixed_model(r: np.ndarray) -> Estimate:
    """Effect of the model in r ~ model + (1|neuroid) + (1|split), of a complete table r (2, splits, m).

    As restricted maximum likelihood gives it where both variances are above 0: the mean difference, with the
    residual variance of the additive model.
    """
    of_model, of_split, of_neuroid = (r.mean(axis=axes, keepdims=True) for axes in ((1, 2), (0, 2), (0, 1)))
    residual = r - of_model - of_split - of_neuroid + 2 * r.mean()
    freedom = r.size - sum(r.shape) + 2
    error = np.sqrt(2 * (residual**2).sum() / freedom / r[0].size)
    difference = float(r[1].mean() - r[0].mean())
    return difference, difference - 1.96 * error, difference + 1.96 * error


def mixing(population: Population) -> np.ndarray:
    """Weights (known, features) of the features, the same in every replication."""
    return np.random.default_rng(5).standard_normal((population.known, population.features))


def row(name: str, replications: list[dict[str, Estimate]]) -> pd.DataFrame:
    """Coverage of each number: share of the intervals that hold the mean over replications."""
    rows = []
    for number in replications[0]:
        value, low, high = np.array([replication[number] for replication in replications]).T
        truth, sd = value.mean(), value.std(ddof=1)
        covered = np.mean((low <= truth) & (truth <= high))
        half = np.mean(high - low) / 2
        cells = (f"{truth:.3f}", f"{sd:.4f}", f"{half:.4f}", f"{half / sd:.2f}", f"{covered:.3f}")
        rows.append((name, number, *cells))
    return pd.DataFrame(rows)


HEADER = ("population", "number", "mean", "sd", "half-width", "in sd", "coverage")
STUDIES = {"whole": (WHOLE, one_model), "grids": (GRIDS, one_model), "paired": (PAIRED, two_models)}


def simulate(study: str, replications: int, draws: int, only: str) -> None:
    """Print the table of one study and write it, a population after the other."""
    populations, replicate = STUDIES[study]
    print(f"\n| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}", flush=True)
    tables = []
    for name, population in populations.items():
        if only not in name:
            continue
        table = row(name, [replicate(population, number, draws) for number in range(replications)])
        for cells in table.itertuples(index=False):
            print(f"| {' | '.join(cells)} |", flush=True)
        tables.append(table)
        RESULTS.mkdir(parents=True, exist_ok=True)
        pd.concat(tables).to_csv(RESULTS / f"coverage_{study}.csv", header=list(HEADER), index=False)


def main() -> None:
    """Simulate some studies."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", nargs="*", metavar="{whole,grids,paired}", help="default: all")
    parser.add_argument("--replications", type=int, default=80, help="of every population (%(default)s)")
    parser.add_argument("--draws", type=int, default=300, help="of the bootstrap (%(default)s)")
    parser.add_argument("--only", default="", help="populations whose name has this in it")
    args = parser.parse_args()
    for study in args.study:
        if study not in STUDIES:
            parser.error(f"{study!r}: choose from {', '.join(STUDIES)}")
    for study in args.study or STUDIES:
        simulate(study, args.replications, args.draws, args.only)


if __name__ == "__main__":
    main()
