"""Many panels, each tested: p values adjusted for how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from visalign.errors import InputError

#: The tests of a trend that are made in every panel.
TESTS = ("decline", "envelope_decline")


def holm(p: Sequence[float]) -> np.ndarray:
    """Return p values that, compared with a level, keep the chance of any false rejection below it.

    Holm 1979: the i-th smallest of m is multiplied by m − i + 1, never below a smaller one, at most 1.

    Parameters
    ----------
    p : sequence of float, length m

    Returns
    -------
    ndarray, shape (m,)
    """
    values = np.asarray(p, dtype=float)
    order = np.argsort(values)
    raised = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(raised, 1)
    return adjusted


def adjust(panels: Sequence[dict[str, Any]], confirmatory: str | None = None) -> None:
    """Add ``p_adjusted`` and ``n_panels``, over how many it is adjusted, to the tests of the panels' trends.

    Parameters
    ----------
    panels : sequence of dict
        As the trend stage writes them.
    confirmatory : str, optional
        The one panel that is not adjusted, nor counted with the others: ``BENCHMARK``, or
        ``BENCHMARK/METRIC`` where two panels share a benchmark.

    Raises
    ------
    InputError
        No panel, or more than one, is the confirmatory one.
    """
    names = [{panel["benchmark"], f"{panel['benchmark']}/{panel['metric']}"} for panel in panels]
    if confirmatory and sum(confirmatory in own for own in names) != 1:
        known = ", ".join(f"{panel['benchmark']}/{panel['metric']}" for panel in panels)
        raise InputError(
            f"trend.confirmatory: {confirmatory!r} is not the name of one panel (panels: {known})"
        )
    alone = [confirmatory in own for own in names]
    for test in TESTS:
        found = [
            (panel["trend"][test], by_itself)
            for panel, by_itself in zip(panels, alone, strict=True)
            if panel["trend"] and panel["trend"].get(test, {}).get("p") is not None
        ]
        together = [result for result, by_itself in found if not by_itself]
        for result, p in zip(together, holm([result["p"] for result in together]), strict=True):
            result |= {"p_adjusted": float(p), "n_panels": len(together)}
        for result in (result for result, by_itself in found if by_itself):
            result |= {"p_adjusted": result["p"], "n_panels": 1}
