"""What the scores of a panel are read against, and how much of their spread is more than error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from visalign.io.scores import ScoreRow, is_true
from visalign.measures.measure import Headline
from visalign.probes.reliability import attainable, binomial_errors, disattenuated, spread_reliability
from visalign.stats.defined import or_none
from visalign.trend import score_rows
from visalign.trend.answer import Level, ReferenceLine, SpreadReliability


def named(level: Level) -> str:
    """Return the name of a level, and whether it is simulated."""
    return level["name"] + (", SIMULATED" if level["simulated"] else "")


def level(name: str, rows: Iterable[tuple[float, float | None, float | None, bool]]) -> Level | None:
    """Return a level at the median over models of value, lower and upper end; None of no model.

    Parameters
    ----------
    rows : iterable of (value, low, high, simulated)
        One per model; an end that any lacks is none.
    """
    known = list(rows)
    if not known:
        return None
    value, low, high = (
        None if any(row[part] is None for row in known) else float(np.median([row[part] for row in known]))
        for part in range(3)
    )
    assert value is not None
    simulated = any(row[3] for row in known)
    return {"name": name, "y": value, "low": low, "high": high, "simulated": simulated, "n": len(known)}


def levels(scores: pd.DataFrame, headline: Headline, benchmark: str) -> list[Level]:
    """Return what the scores of a panel are read against, of those that some model has."""
    found = []
    for metric, name, band in headline.references:
        rows = score_rows.select(scores, benchmark, metric, headline.convention).values()
        ends = [
            (
                row["value"],
                score_rows.number(row["ci_low"]) if band else None,
                score_rows.number(row["ci_high"]) if band else None,
                is_true(row["simulated"]),
            )
            for row in rows
            if row["value"] is not None and np.isfinite(row["value"])
        ]
        found.append(level(name, ends))
    return [one for one in found if one]


def reliability(
    entries: Iterable[ReferenceLine], y_rows: Mapping[str, ScoreRow], rho: float | None
) -> SpreadReliability:
    """Return how reliable the spread between models is of scores that are each a share of n units.

    Parameters
    ----------
    entries : iterable of dict
        Models with a score.
    rho : float, optional
        The correlation over these models.

    Returns
    -------
    dict
        See `probes.reliability`.
    """
    own = [(entry["y"], n) for entry in entries if (n := y_rows[entry["model"]]["n"])]
    shares, units = (np.array([row[part] for row in own], dtype=float) for part in range(2))
    value = spread_reliability(shares, binomial_errors(shares, units)) if own else float("nan")
    return {
        "value": or_none(value),
        "attainable": or_none(attainable(value)),
        "disattenuated": or_none(disattenuated(float("nan") if rho is None else rho, value)),
        "n": len(own),
        "units": [int(units.min()), int(units.max())] if own else [],
    }
