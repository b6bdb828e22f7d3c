"""How often the sentences of a trend err: simulated studies with known truth, as Markdown tables.

    python bench/calibration.py 300 > tables.md

Models come in families of unequal size (shares drawn from a uniform Dirichlet) that differ in accuracy and
share part of their noise, unless a row says otherwise. Its output is recorded in docs/calibration.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable

import numpy as np
from scipy.special import ndtri

from visalign.stats.correlations import spearman
from visalign.trend import mean_decline, segmented
from visalign.trend.correlation import correlation, family_interval
from visalign.trend.covariates import clustered_regression
from visalign.trend.envelope_decline import MANY, TAU_OF_FEW, TAU_OF_MANY, envelope_decline
from visalign.trend.power import accuracies, noise_of

DRAWS = 299
CELLS = ((60, 60), (60, 12), (360, 360), (360, 40))


def families_of(rng: np.random.Generator, n: int, n_families: int, sizes: str = "unequal") -> np.ndarray:
    """Return the family of each model, 0 … ; sizes: unequal, even, or half (one family has half)."""
    if n_families == n:
        return np.arange(n)
    if sizes == "even":
        return np.arange(n) % n_families
    if sizes == "half":
        return np.where(np.arange(n) < n // 2, 0, 1 + np.arange(n) % (n_families - 1))
    share = rng.dirichlet(np.ones(n_families))
    codes = np.concatenate([np.arange(n_families), rng.choice(n_families, n - n_families, p=share)])
    return np.unique(codes, return_inverse=True)[1]


def tau_of(n: int) -> float:
    """Return the quantile that the test of the envelope takes."""
    return TAU_OF_MANY if n >= MANY else TAU_OF_FEW


Curve = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]

#: Neither mean nor any quantile declines.
RISES: dict[str, Curve] = {
    "no relation": lambda x, e, rng: e,
    "linear": lambda x, e, rng: 2 * x + e,
    "rise then plateau": lambda x, e, rng: 3 * np.minimum(x, 0.5) + e,
    "saturating": lambda x, e, rng: 3 * (1 - np.exp(-6 * x)) + e,
    "step at .3": lambda x, e, rng: 3.0 * (x > 0.3) + e,
    "steep step at .8": lambda x, e, rng: 3.0 * (x > 0.8) + 0.3 * e,
    "two steps": lambda x, e, rng: 4.0 * (x > 0.25) + 4.0 * (x > 0.6) + e,
    "convex": lambda x, e, rng: 4 * x**4 + 0.5 * e,
}
#: The mean is flat; quantiles above it rise or fall with the noise.
MEAN_FLAT: dict[str, Curve] = {
    "noise grows": lambda x, e, rng: (0.2 + 1.8 * x) * e,
    "noise shrinks": lambda x, e, rng: (2 - 1.8 * x) * e,
}
#: The tested quantile is flat; the mean falls or rises.
QUANTILE_FLAT: dict[str, Curve] = {
    "noise grows under a flat quantile": lambda x, e, rng: (0.2 + 1.8 * x) * (e - ndtri(tau_of(len(x)))),
    "noise shrinks under a flat quantile": lambda x, e, rng: (2 - 1.8 * x) * (e - ndtri(tau_of(len(x)))),
}


def hanging(x: np.ndarray, edge: np.ndarray, depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return scores spread evenly from the edge down to twice the depth below it."""
    return edge - 2 * depth * rng.uniform(size=len(x))


def laggards(x: np.ndarray, e: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return scores whose edge falls beyond .6 while their mean rises."""
    edge = 0.6 + 0.6 * np.minimum(x, 0.6) - 0.5 * np.maximum(x - 0.6, 0)
    return hanging(x, edge, np.maximum(edge - 0.3 - 0.5 * x, 0.03), rng)


def falling_edge(x: np.ndarray, e: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return scores whose edge falls beyond .6 while their mean is flat."""
    fall = 0.8 * np.maximum(x - 0.6, 0)
    return hanging(x, 1 - fall, np.maximum(0.45 - fall, 0.05), rng)


DECLINES: dict[str, Curve] = {
    "mean and edge fall by 1 SD over the upper third": lambda x, e, rng: (
        3 * np.minimum(x, 2 / 3) - 3 * np.maximum(x - 2 / 3, 0) + e
    ),
    "mean and edge fall by 2 SD": lambda x, e, rng: (
        3 * np.minimum(x, 2 / 3) - 6 * np.maximum(x - 2 / 3, 0) + e
    ),
    "edge falls, mean flat": falling_edge,
    "edge falls, mean rises": laggards,
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a Markdown table, every row as soon as it is known."""
    head = list(head)
    print("\n| " + " | ".join(head) + " |\n|" + " --- |" * len(head), flush=True)
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def alarms(curve: Curve, n: int, n_families: int, runs: int, **study) -> tuple[float, float, float]:
    """Return how often mean and envelope are found to decline, and the share of studies tested.

    Of large studies half as many are made.
    """
    sizes, spread, shared = (study.get(k, d) for k, d in (("sizes", ""), ("spread", 0.25), ("shared", 0.3)))
    found = np.zeros(3)
    runs = runs // 2 if n >= MANY else runs
    for run in range(runs):
        rng = np.random.default_rng([run, n, n_families])
        families = families_of(rng, n, n_families, sizes)
        x = accuracies(rng, families, spread)
        y = curve(x, noise_of(rng, families, shared), rng)
        signs = segmented.wild_signs(families, rng, DRAWS)
        starts, reason = mean_decline.testable_starts(x, families)
        if reason:
            continue
        left = mean_decline.nondecreasing_residuals(x, y)
        mean = mean_decline.against_draws(x, y - y.mean(), left, families, starts, signs)["p"]
        edge = envelope_decline(x, y, families, signs)["p"]
        found += mean <= 0.05, edge is not None and edge <= 0.05, 1
    tested = max(found[2], 1)
    return found[0] / tested, found[1] / tested, found[2] / runs


def tests_of_decline(runs: int) -> None:
    """Print false alarms and power of the tests of mean and envelope."""
    print("\n## Decline of the mean / of the upper envelope: share of studies that find one at p ≤ .05")
    for title, curves in (
        ("Neither declines", RISES),
        ("Mean flat; upper quantiles rise or fall with the noise", MEAN_FLAT),
        ("Tested quantile flat; the mean falls or rises", QUANTILE_FLAT),
        ("Declines", DECLINES),
    ):
        print(f"\n### {title}")

        def rows(curves: dict[str, Curve] = curves) -> Iterable[list[str]]:
            for name, curve in curves.items():
                yield [name, *("{:.3f} / {:.3f}".format(*alarms(curve, *cell, runs)[:2]) for cell in CELLS)]

        table(["truth", *(f"n {n}, {g} families" for n, g in CELLS)], rows())
    print("\n### No relation, 60 % of the noise shared, one family has half of the models: mean (tested)")
    cells = ((60, 12), (360, 12), (360, 40))

    def dominant() -> Iterable[list[str]]:
        for name, spread in (("wide families", 0.25), ("narrow families", 0.05)):
            found = [
                alarms(RISES["no relation"], *cell, runs, sizes="half", spread=spread, shared=0.6)
                for cell in cells
            ]
            yield [name, *(f"{mean:.3f} ({tested:.2f})" for mean, _, tested in found)]

    table(["study", *(f"n {n}, {g} families" for n, g in cells)], dominant())


def correlation_sentences(runs: int) -> None:
    """Print how often a direction is claimed of independent x and y."""
    print("\n## A direction of independent x and y: share of studies that claim one")

    def alone() -> Iterable[list[str]]:
        for n in (6, 7, 8, 10, 20, 40):
            wrong = 0
            for run in range(3 * runs):
                x, y = np.random.default_rng([run, n]).standard_normal((2, n))
                found = correlation(x, y, np.arange(n), seed=run, draws=600)
                low, high = found["ci_low"], found["ci_high"]
                wrong += low is not None and high is not None and (low > 0 or high < 0)
            yield [str(n), f"{wrong / (3 * runs):.3f}"]

    table(["models, each its own family", "claimed"], alone())

    def grouped() -> Iterable[list[str]]:
        for n, g in ((20, 5), (30, 6), (40, 8), (60, 12), (100, 20), (200, 40)):
            row = [str(n), str(g)]
            for shared in (0.5, 0.9):
                wrong = 0
                for run in range(2 * runs):
                    rng = np.random.default_rng([run, n, g])
                    families = np.concatenate([np.arange(g), rng.integers(g, size=n - g)])
                    x, y = noise_of(rng, families, shared), noise_of(rng, families, shared)

                    def rho(models: np.ndarray, x: np.ndarray = x, y: np.ndarray = y) -> np.ndarray:
                        return spearman(x[models], y[models])

                    interval = family_interval(families, rho)
                    wrong += interval is not None and not interval[0] <= 0 <= interval[1]
                row.append(f"{wrong / (2 * runs):.3f}")
            yield row

    table(["models", "families", "half of the variance shared", "nine tenths shared"], grouped())


def regression_intervals(runs: int) -> None:
    """Print how often intervals of the regression miss the truth."""
    print("\n## 95 % intervals of the standardised regression: share of studies in which they miss the truth")

    def rows() -> Iterable[list[str]]:
        for n, g, p in (
            (40, 5, 2),
            (40, 5, 4),
            (60, 6, 4),
            (60, 8, 4),
            (100, 12, 4),
            (200, 20, 4),
            (360, 40, 4),
        ):
            missed = 0
            for run in range(2 * runs):
                rng = np.random.default_rng([run, n, g, p])
                families = families_of(rng, n, g)
                columns = [noise_of(rng, families, 0.5) for _ in range(p)]
                design = np.column_stack([np.ones(n), *columns[1:]])
                _, intervals = clustered_regression(design, columns[0], families)
                missed += intervals is None or not intervals[1, 0] <= 0 <= intervals[1, 1]
            yield [str(n), str(g), str(p), f"{missed / (2 * runs):.3f}"]

    table(["models", "families", "coefficients", "missed"], rows())


def changepoint_intervals(runs: int) -> None:
    """Print how often intervals of the two-piece regression hold the truth."""
    print("\n## Intervals of the two-piece regression: share of studies in which they hold the truth")
    print("\nSlope 2 below x = .6. Changepoint, slope below, slope beyond.")
    cells = ((20, 20), (20, 6), (60, 60), (60, 12), (360, 360), (360, 12), (360, 40))

    def rows() -> Iterable[list[str]]:
        for slope, sd in ((-4, 0.5), (-4, 1), (0, 0.5)):
            row = [f"slope {slope} beyond, noise SD {sd}"]
            for n, g in cells:
                held, fitted = np.zeros(3), 0
                for run in range(runs):
                    rng = np.random.default_rng([run, n, g, 7])
                    families = families_of(rng, n, g)
                    x = accuracies(rng, families, 0.25)
                    y = 2 * np.minimum(x - 0.6, 0) + slope * np.maximum(x - 0.6, 0)
                    y = y + sd * noise_of(rng, families, 0.3)
                    found = segmented.fit(x, y, families, segmented.wild_signs(families, rng, DRAWS))
                    if found is None:
                        continue
                    fitted += 1
                    truth = {"changepoint": 0.6, "slope_below": 2, "slope_beyond": slope}
                    held += [found[f"{k}_low"] <= v <= found[f"{k}_high"] for k, v in truth.items()]
                row.append(" / ".join(f"{share:.2f}" for share in held / max(fitted, 1)))
            yield row

    table(["truth", *(f"n {n}, {g} families" for n, g in cells)], rows())


PARTS = {
    "decline": tests_of_decline,
    "correlation": correlation_sentences,
    "regression": regression_intervals,
    "changepoint": changepoint_intervals,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int, nargs="?", default=100, help="studies a cell (more where cheap)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    args = parser.parse_args()
    began = time.process_time()
    for part in args.parts:
        PARTS[part](args.runs)
    print(f"\n{args.runs} studies a cell; {time.process_time() - began:.0f} CPU s")
