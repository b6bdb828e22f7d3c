"""The trend of two columns of any table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from visalign.errors import InputError
from visalign.trend.answer import TableTrend
from visalign.trend.association import describe, too_few
from visalign.trend.columns import Covariates, covariates, inner_join, numeric, read, read_pairs, without


def covariates_of_pairs(
    path: str, x: str, y: str, *, join: str | None, on: str | None, exclude: Sequence[str]
) -> Covariates:
    """Return the covariates of the rows that ``read_pairs`` keeps, in its order."""
    table = inner_join(path, join, on)[0] if join and on else read(path)
    kept = without(table, exclude, path)
    used = np.isfinite([numeric(kept, name, path) for name in (x, y)]).all(axis=0)
    return covariates(kept.iloc[np.flatnonzero(used)], path)


def of_table(
    path: str,
    x: str,
    y: str,
    *,
    join: str | None = None,
    on: str | None = None,
    label: str | None = None,
    family: str | None = None,
    exclude: Sequence[str] = (),
    anchor: str | None = None,
    seed: int,
    draws: int,
) -> TableTrend:
    """Return the trend of two columns of a table, with what was left out of it.

    Parameters
    ----------
    path : str
        CSV or TSV, one row per model.
    x, y : str
        Columns of accuracy and alignment.
    join, on, label, family, exclude
        As `columns.read_pairs` takes them.
    anchor : str, optional
        Name of the point to which the falling line is drawn.
    seed, draws : int
        Of the bootstrap.

    Raises
    ------
    InputError
        A column is missing or holds words, or the anchor is none of the points or not beyond the highest.
    """
    pairs = read_pairs(path, x, y, join=join, on=on, label=label, family=family, exclude=exclude)
    if anchor and anchor not in pairs.names:
        raise InputError(f"--anchor {anchor!r}: no such point among the {len(pairs.names)} used")
    given = covariates_of_pairs(path, x, y, join=join, on=on, exclude=exclude)
    reason, found = too_few(len(pairs.x)), None
    if not reason:
        to = pairs.names.index(anchor) if anchor else None
        cloud = (pairs.x, pairs.y, pairs.names, pairs.families)
        try:
            found = describe(*cloud, **given, seed=seed, draws=draws, anchor=to)
        except ValueError as error:
            raise InputError(f"--anchor {anchor!r}: {error}") from None
    columns = (pairs.names, pairs.families, pairs.x.tolist(), pairs.y.tolist())
    return {
        "x": x,
        "y": y,
        "n": len(pairs.x),
        "n_unmatched": pairs.n_unmatched,
        "n_missing": pairs.n_missing,
        "n_excluded": pairs.n_excluded,
        "points": [{"model": m, "family": f, "x": x, "y": y} for m, f, x, y in zip(*columns, strict=True)],
        "trend": found,
        "reason": reason,
    }
