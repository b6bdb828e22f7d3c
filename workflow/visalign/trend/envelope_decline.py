"""A calibrated test that the upper edge of a cloud of models, a quantile given accuracy, declines.

The published claim is about the upper envelope; the test of decline in ``segmented`` is about the mean. They
differ: where scatter below a flat edge grows with accuracy the mean falls alone, and where laggards catch up
with a falling edge the edge falls alone.
"""

from __future__ import annotations

import numpy as np

from visalign.trend import mean_decline
from visalign.trend.answer import EnvelopeDecline

#: The quantile that is tested: where models are few, a lower one, so that enough of them lie above it.
TAU_OF_MANY, TAU_OF_FEW, MANY = 0.9, 0.8, 200
#: At least so many models of a tested study lie above the quantile.
MIN_ABOVE = 10


def above_quantile(x: np.ndarray, y: np.ndarray, tau: float, starts: np.ndarray) -> np.ndarray:
    """Return, beyond each start, who is above the `tau` quantile of all there, less the share of those.

    The quantile is the ⌈n·tau⌉-th smallest score.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    tau : float
    starts : ndarray, shape (n_starts,)

    Returns
    -------
    ndarray, shape (n_starts, n)
        0 for models that are not beyond.
    """
    above = np.zeros((len(starts), len(x)))
    for row, start in enumerate(starts):
        beyond = x > start
        scores = y[beyond]
        higher = scores > np.sort(scores)[int(np.ceil(round(len(scores) * tau, 9))) - 1]
        above[row, beyond] = higher - higher.mean()
    return above


def envelope_decline(
    x: np.ndarray, y: np.ndarray, families: np.ndarray, signs: np.ndarray
) -> EnvelopeDecline:
    """Test the hypothesis that nowhere do fewer models score high where accuracy is higher.

    Exactly: that for any level the share of models that score above it, given accuracy, nowhere declines; all
    quantiles of the score, the upper envelope among them, are nondecreasing then. The statistic is that of
    ``mean_decline.decline``, but beyond each start the scores are replaced by 0 and 1, below and above their
    `tau` quantile there. So models far below the envelope do not count, and noise that grows or shrinks while
    that quantile stays is no decline. As there, no nondecreasing share makes a slope below 0, and the
    draws turn what is left around a constant share over, family by family.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
    families : ndarray of int, shape (n,)
    signs : ndarray, shape (n_families, draws)

    Returns
    -------
    dict
        tau, the quantile; statistic, p, start (None: the whole range), None where nothing can be tested;
        reason, why not, else ''.
    """
    tau = TAU_OF_MANY if len(x) >= MANY else TAU_OF_FEW
    if round(len(x) * (1 - tau), 9) < MIN_ABOVE:
        return untested(tau, f"that takes {round(MIN_ABOVE / (1 - tau))} models")
    starts, reason = mean_decline.testable_starts(x, families)
    if reason:
        return untested(tau, reason)
    above = above_quantile(x, y, tau, starts)
    found = mean_decline.against_draws(x, above, above, families, starts, signs)
    return {
        "tau": tau,
        "statistic": found["statistic"],
        "p": found["p"],
        "start": found["start"],
        "reason": "",
    }


def untested(tau: float, reason: str) -> EnvelopeDecline:
    """Return the answer where nothing can be tested."""
    return {"tau": tau, "statistic": None, "p": None, "start": None, "reason": reason}
