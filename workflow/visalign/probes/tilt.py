"""The tilt illusion of a model: what orientation a decoder reads from its features when another surrounds it.

A ridge regression reads (cos 2θ, sin 2θ) from the features of gratings that are alone. Of gratings with a
surround it then reads the centre's orientation; the bias is its error, above 0 if away from the surround
(repulsion), and below if towards it (attraction). People see both (`tilt_people`). Features in which centre
and surround are merely averaged attract at every difference, as ½ atan2(w sin 2Δ, 1 − w + w cos 2Δ) says,
and show no illusion.

Biases at Δ and at −Δ are averaged. At Δ of 0 and 90 there is one image and no side, so no bias: what a
decoder is off there, and half of what Δ and −Δ differ by elsewhere, is its preference for some
orientations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from visalign.errors import InputError
from visalign.gram import ridge
from visalign.io.scores import Score
from visalign.probes import tilt_people
from visalign.stats.bootstrap import expanded_interval, resample_counts
from visalign.stats.correlations import pearson

#: Degrees of the decoder's error beyond which its biases say nothing.
GATE = 5.0
#: Deltas in degrees over which repulsion and attraction are averaged, both ends included.
REPULSION, ATTRACTION = (10, 30), (60, 89)
SPANS = {"tilt_repulsion": REPULSION, "tilt_attraction": ATTRACTION}
PENALTIES, FOLDS, DRAWS = 15, 5, 2000
#: Weights of the surround that are tried; below 0 it is subtracted.
_WEIGHTS = np.linspace(-0.5, 1, 601)


@dataclass(frozen=True, kw_only=True)
class Number:
    """A value with its 95 % interval, NaN where unknown."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, draws: np.ndarray, units: int) -> Number:
        """Value with the interval of its bootstrap draws (draws,) over so many units."""
        low, high = expanded_interval(draws, units)
        return cls(value=float(value), low=low, high=high)


@dataclass(frozen=True, kw_only=True)
class Tilt:
    """What a decoder makes of gratings with surrounds; angles in degrees.

    Attributes
    ----------
    decoder_error : Number
        Mean absolute error on gratings alone that it was not fitted to.
    deltas : ndarray, shape (k,)
        Above 0 and below 90, rising.
    bias, low, high : ndarray, shape (k,)
        Above 0 away from the surround; its 95 % interval over cells.
    preference : ndarray, shape (k,)
        Half of what the error at Δ and at −Δ share.
    correlation, slope : Number
        Pearson correlation with people's curve; degrees of bias a degree of theirs.
    repulsion, attraction : Number
        Mean bias over `REPULSION` and over `ATTRACTION`.
    zero_crossing : Number
        Delta at which the bias first falls below 0.
    average_weight : Number
        Weight w of the surround in the vector average nearest to the curve.
    average_misfit : float
        Root mean square difference from that average.
    cells : int
        Of one centre, radius, wavelength and phase each.
    gratings : int
        Alone.
    """

    decoder_error: Number
    deltas: np.ndarray
    bias: np.ndarray
    low: np.ndarray
    high: np.ndarray
    preference: np.ndarray
    correlation: Number
    slope: Number
    repulsion: Number
    attraction: Number
    zero_crossing: Number
    average_weight: Number
    average_misfit: float
    cells: int
    gratings: int

    @property
    def readable(self) -> bool:
        """Whether the decoder is good enough for its biases to mean anything."""
        return self.decoder_error.value <= GATE

    @property
    def illusion(self) -> bool:
        """Whether there is repulsion at small deltas and attraction at large ones."""
        return self.readable and self.repulsion.low > 0 > self.attraction.high


def decode(features: np.ndarray, theta: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Orientations that a ridge on some features reads from others.

    Parameters
    ----------
    features : ndarray, shape (n, p)
    theta : ndarray, shape (n,)
        Degrees.
    others : ndarray, shape (m, p)

    Returns
    -------
    ndarray, shape (m,)
        Degrees in [0, 180).
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    X = (np.concatenate([features, others]).astype(np.float64) - mean) / deviation
    n, doubled = len(features), np.deg2rad(2 * theta)
    Y = np.zeros((len(X), 2))
    Y[:n] = np.stack([np.cos(doubled), np.sin(doubled)], axis=1)
    K, train = X @ X.T, np.arange(n)
    penalties = ridge.penalty_grid(K, train, PENALTIES)
    # One penalty for both outputs: which of them an orientation falls on is a matter of where 0 is.
    _, _, errors = ridge.fit(K, Y, train, penalties)
    best = penalties[[errors.sum(axis=1).argmin()]]
    cosine, sine = ridge.predict(K, Y, train, np.arange(n, len(X)), best).T
    return np.rad2deg(np.arctan2(sine, cosine)) / 2 % 180


def held_out(features: np.ndarray, theta: np.ndarray, seed: int) -> np.ndarray:
    """Errors (n,) in degrees of orientations, each decoded from the features (n, p) of other folds."""
    fold = np.random.default_rng(seed).permutation(np.arange(len(theta)) % FOLDS)
    errors = np.empty(len(theta))
    for each in range(FOLDS):
        held = fold == each
        errors[held] = turned(decode(features[~held], theta[~held], features[held]) - theta[held])
    return errors


def turned(angle: np.ndarray) -> np.ndarray:
    """Differences of orientations in [−90, 90)."""
    return (np.asarray(angle) + 90) % 180 - 90


def mean_orientation(angle: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Circular mean of orientations in degrees over the first axis.

    Parameters
    ----------
    angle : ndarray, shape (n, ...)
    weights : ndarray, shape (draws, n), optional

    Returns
    -------
    ndarray, shape (...) or (draws, ...)
        In [−90, 90).
    """
    arrows = np.exp(2j * np.deg2rad(angle))
    total = arrows.mean(axis=0) if weights is None else np.tensordot(weights, arrows, axes=1)
    return turned(np.rad2deg(np.angle(total)) / 2)


def measured(
    alone: np.ndarray,
    theta: np.ndarray,
    surrounded: np.ndarray,
    centre: np.ndarray,
    delta: np.ndarray,
    cell: np.ndarray,
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> Tilt:
    """Measure the tilt illusion in features.

    Parameters
    ----------
    alone, surrounded : ndarray, shape (n, p), (m, p)
        Features of gratings alone and with surrounds.
    theta, centre : ndarray, shape (n,), (m,)
        Orientation of the grating, and of the centre, in degrees.
    delta : ndarray, shape (m,)
        Surround less centre, in degrees.
    cell : ndarray, shape (m,)
        Name of what has each delta once: a centre with its radius, wavelength and phases.
    seed : int
        Of folds and of the bootstrap.

    Raises
    ------
    InputError
        Fewer than two gratings a fold, features that are not finite, or a cell without one of the deltas.
    """
    _check(alone, theta, surrounded)
    errors = np.abs(held_out(alone, theta, seed))
    deltas, away = paired(turned(decode(alone, theta, surrounded) - centre), delta, cell)
    cells = away.shape[1]
    rng = np.random.default_rng([seed, 1])
    counts = resample_counts(cells, rng, draws)
    curves = mean_orientation(np.concatenate(away), np.hstack([counts, counts]))
    curve = Curve(deltas, mean_orientation(np.concatenate(away)), curves, cells)
    weights, misfits = averaging(deltas, np.concatenate([curve.bias[None], curves]))
    resampled = resample_counts(len(errors), rng, draws) @ errors / len(errors)
    ends = np.array([expanded_interval(column, cells) for column in curves.T])
    people = tilt_people.repulsion(deltas)
    return Tilt(
        decoder_error=Number.of(errors.mean(), resampled, len(errors)),
        deltas=deltas,
        bias=curve.bias,
        low=ends[:, 0],
        high=ends[:, 1],
        preference=mean_orientation(np.concatenate([-away[0], away[1]])),
        correlation=curve.number(lambda bias: float(pearson(bias, people))),
        slope=curve.number(lambda bias: float(np.polyfit(people, bias, 1)[0])),
        repulsion=curve.number(lambda bias: over(deltas, bias, REPULSION)),
        attraction=curve.number(lambda bias: over(deltas, bias, ATTRACTION)),
        zero_crossing=curve.number(lambda bias: crossing(deltas, bias)),
        average_weight=Number.of(weights[0], weights[1:], cells),
        average_misfit=float(misfits[0]),
        cells=cells,
        gratings=len(errors),
    )


@dataclass(frozen=True, eq=False)
class Curve:
    """Bias (k,) at each delta, and that of each bootstrap draw over cells, (draws, k)."""

    deltas: np.ndarray
    bias: np.ndarray
    draws: np.ndarray
    cells: int

    def number(self, statistic: Callable[[np.ndarray], float]) -> Number:
        """Statistic of the curve, with its interval over cells."""
        return Number.of(statistic(self.bias), np.array([statistic(row) for row in self.draws]), self.cells)


def paired(errors: np.ndarray, delta: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Biases of cells at Δ and at −Δ.

    Parameters
    ----------
    errors, delta : ndarray, shape (m,)
        Decoded less true orientation of the centre, and surround less centre, in degrees.
    cell : ndarray, shape (m,)

    Returns
    -------
    deltas : ndarray, shape (k,)
        Above 0 and below 90, rising.
    away : ndarray, shape (2, cells, k)
        Bias away from the surround at Δ, and at −Δ.

    Raises
    ------
    InputError
        A cell that has not each Δ and −Δ once.
    """
    side = turned(delta)
    deltas = np.unique(np.abs(side[(side != 0) & (side != -90)]))
    names = np.unique(cell)
    away = np.empty((2, len(names), len(deltas)))
    for row, name in enumerate(names):
        for column, size in enumerate(deltas):
            for half, sign in enumerate((1, -1)):
                [*found] = np.flatnonzero((cell == name) & (side == sign * size))
                if len(found) != 1:
                    raise InputError(
                        f"delta: cell {name} has {len(found)} gratings at {sign * size:g}, not 1"
                    )
                away[half, row, column] = turned(-sign * errors[found[0]])
    if len(deltas) < 3:
        raise InputError(
            f"delta: {len(deltas)} differences between 0 and 90 degrees; a curve takes at least 3"
        )
    return deltas, away


def over(deltas: np.ndarray, bias: np.ndarray, span: tuple[float, float]) -> float:
    """Mean bias at the deltas within a span; NaN where there is none."""
    within = (deltas >= span[0]) & (deltas <= span[1])
    return float(bias[within].mean()) if within.any() else float("nan")


def crossing(deltas: np.ndarray, bias: np.ndarray) -> float:
    """Delta at which the bias first falls from above 0 to below, on a straight line; NaN if nowhere."""
    falls = np.flatnonzero((bias[:-1] > 0) & (bias[1:] <= 0))
    if not len(falls):
        return float("nan")
    left, right = falls[0], falls[0] + 1
    return float(deltas[left] + bias[left] / (bias[left] - bias[right]) * (deltas[right] - deltas[left]))


def average(deltas: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Bias of a vector average in which the surround has a weight, and the centre the rest; degrees.

    Parameters
    ----------
    deltas : ndarray, shape (k,)
    weight : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (n, k)
        −½ atan2(w sin 2Δ, 1 − w + w cos 2Δ).
    """
    doubled, w = np.deg2rad(2 * deltas), np.asarray(weight)[:, None]
    return -np.rad2deg(np.arctan2(w * np.sin(doubled), 1 - w + w * np.cos(doubled))) / 2


def averaging(deltas: np.ndarray, curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vector average that is nearest to each curve.

    Parameters
    ----------
    deltas : ndarray, shape (k,)
    curves : ndarray, shape (n, k)
        Bias in degrees.

    Returns
    -------
    weight : ndarray, shape (n,)
        Of the surround, in steps of .0025.
    misfit : ndarray, shape (n,)
        Root mean square difference in degrees.
    """
    expected = average(deltas, _WEIGHTS)
    squares = sum(turned(expected[:, column] - curves[:, column, None]) ** 2 for column in range(len(deltas)))
    misfit = np.asarray(squares) / len(deltas)
    return _WEIGHTS[misfit.argmin(axis=1)], np.sqrt(misfit.min(axis=1))


def scores(tilt: Tilt, layer: str | None = None) -> list[Score]:
    """Scores of a measured illusion; without a value where the decoder is not good enough.

    `n` is the number of cells, of the decoder's error that of gratings alone. The ceiling of repulsion and
    attraction is what people have.
    """
    reason = (
        f"decoder_error is {tilt.decoder_error.value:.1f} degrees, more than {GATE:g}: biases say nothing"
    )
    people = {
        name: over(tilt.deltas, tilt_people.repulsion(tilt.deltas), span) for name, span in SPANS.items()
    }
    found = []
    for metric, convention, number, headline in (
        ("decoder_error", "degrees", tilt.decoder_error, True),
        ("tilt_correlation", "r", tilt.correlation, True),
        ("tilt_slope", "degrees/degree", tilt.slope, False),
        ("tilt_repulsion", "degrees", tilt.repulsion, True),
        ("tilt_attraction", "degrees", tilt.attraction, True),
        ("tilt_zero_crossing", "degrees", tilt.zero_crossing, False),
        ("tilt_average_weight", "share", tilt.average_weight, False),
    ):
        error, status = metric == "decoder_error", "ok"
        if metric in SPANS:
            status = "ok, an illusion" if tilt.illusion else "ok, no illusion"
        elif metric == "tilt_zero_crossing" and np.isnan(number.value):
            status = "the bias does not fall below 0"
        shown = error or tilt.readable
        score = Score(
            metric=metric,
            convention=convention,
            value=number.value if shown else None,
            ci_low=number.low if shown else None,
            ci_high=number.high if shown else None,
            n=tilt.gratings if error else tilt.cells,
            ceiling=people.get(metric),
            layer=layer,
            status=status if shown else reason,
            headline=headline,
        )
        found.append(score)
    return found


def _check(alone: np.ndarray, theta: np.ndarray, surrounded: np.ndarray) -> None:
    if len(theta) < 2 * FOLDS:
        raise InputError(f"orientation: {len(theta)} gratings alone; a decoder takes at least {2 * FOLDS}")
    for name, features in (("alone", alone), ("with surrounds", surrounded)):
        if not np.isfinite(features).all():
            raise InputError(f"features of gratings {name}: not finite")
