"""Many panels, each tested: p values adjusted for how many there are in a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from visalign.errors import InputError
from visalign.trend.answer import Decline, Panel

#: The tests of a trend that are made in every panel.
TESTS: tuple[Literal["decline", "envelope_decline"], ...] = ("decline", "envelope_decline")


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


def adjust(panels: Sequence[Panel], confirmatory: str | None = None) -> None:
    """Add ``p_adjusted`` and ``n_panels``, over how many it is adjusted, to the tests of the panels' trends.

    The panels of one figure are a family: what is asked of probes makes no verdict on neurons less sure.

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
        families: dict[str, list[tuple[Decline, float]]] = {}
        for panel, by_itself in zip(panels, alone, strict=True):
            result: Decline | None = panel["trend"] and panel["trend"][test]
            if not result or (p := result["p"]) is None:
                continue
            if by_itself:
                result["p_adjusted"], result["n_panels"] = p, 1
            else:
                families.setdefault(panel["figure"], []).append((result, p))
        for together in families.values():
            raised = holm([p for _, p in together])
            for (adjusted, _), p in zip(together, raised.tolist(), strict=True):
                adjusted["p_adjusted"], adjusted["n_panels"] = p, len(together)
