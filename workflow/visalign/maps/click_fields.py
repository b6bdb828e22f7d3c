"""What the fields of a click log may hold: names, shares, flags, and clicks in pixels of the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from visalign.errors import InputError

#: What a missing name becomes as text.
MISSING = ("", "nan", "NaN", "None", "<NA>")
#: If a larger share of the clicks lies outside the image, they are no pixels of it.
MOST_OUTSIDE = 0.1


def names(path: str | Path, field: str, values: np.ndarray) -> np.ndarray:
    """Names (n,) as text; a missing one is ''.

    Raises
    ------
    InputError
        Neither text nor numbers, or no UTF-8.
    """
    if values.dtype.kind not in "USiuf":
        raise InputError(f"{path}: {field}: {values.dtype} values, not names")
    try:
        text = np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values.astype(str)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: {field}: not UTF-8: {error}") from None
    text = np.char.strip(text)
    return np.where(np.isin(text, MISSING), "", text)


def shares(path: str | Path, field: str, values: np.ndarray) -> np.ndarray:
    """Shares (n,) as floats from 0 to 1, NaN where missing; any other value is an InputError."""
    found = numbers(path, field, values, "iufb").astype(float)
    _refuse(path, field, found, (found < 0) | (found > 1), "not a share from 0 to 1 (divide percent by 100)")
    return found


def flags(path: str | Path, field: str, values: np.ndarray) -> np.ndarray:
    """Flags (n,) as booleans; any value but 0 and 1 is an InputError."""
    found = numbers(path, field, values, "iufb")
    _refuse(path, field, found, (found != 0) & (found != 1), "neither 0 nor 1")
    return found.astype(bool)


def numbers(path: str | Path, field: str, values: np.ndarray, kinds: str) -> np.ndarray:
    """Return the values; raise InputError where their type is none of NumPy's `kinds`."""
    if values.dtype.kind not in kinds:
        raise InputError(f"{path}: {field}: {values.dtype} values, not numbers")
    return values


def _refuse(path: str | Path, field: str, values: np.ndarray, wrong: np.ndarray, reason: str) -> None:
    if wrong.any():
        entry = int(wrong.argmax())
        raise InputError(
            f"{path}: {field}: {values[entry]:g} (entry {entry}, {int(wrong.sum())} such) is {reason}"
        )


# --- clicks ---


def padded_clicks(path: str | Path, xy: np.ndarray) -> tuple[np.ndarray, ...]:
    """Clicks of each entry, (n_clicks, 2), of an array (n, longest, 2) with NaN behind the last click."""
    missing = np.isnan(xy).any(axis=-1)
    wrong = (missing != np.isnan(xy).all(axis=-1)).any(axis=-1) | (missing[:, :-1] & ~missing[:, 1:]).any(
        axis=-1
    )
    if wrong.any():
        raise InputError(
            f"{path}: clickmap_x, clickmap_y: NaN among the clicks of entry {int(wrong.argmax())} "
            f"({int(wrong.sum())} such): NaN may only fill a row behind its last click, in x and y alike"
        )
    zero = (xy == 0).all(axis=-1)[:, -1:]
    if zero.any():
        raise InputError(
            f"{path}: clickmap_x, clickmap_y: entry {int(zero.argmax())} ends in a click at (0, 0) "
            f"({int(zero.sum())} such): fill rows with NaN behind the last click"
        )
    return tuple(row[~gone] for row, gone in zip(xy, missing, strict=True))


def flat_clicks(
    path: str | Path, xy: np.ndarray, offsets: np.ndarray | None, n: int
) -> tuple[np.ndarray, ...]:
    """Clicks of each of `n` entries, (n_clicks, 2), of an array (all clicks, 2) with offsets (n + 1,)."""
    if xy.ndim != 2 or offsets is None:
        raise InputError(f"{path}: clickmap_x: shape {xy.shape[:-1]}: flat arrays need click_offsets")
    rising = offsets.shape == (n + 1,) and offsets.dtype.kind in "iu" and offsets[0] == 0
    if not rising or offsets[-1] != len(xy) or (np.diff(offsets.astype(np.int64)) < 0).any():
        raise InputError(f"{path}: click_offsets: not {n + 1} rising offsets from 0 to {len(xy)} clicks")
    missing = np.isnan(xy).any(axis=-1)
    if missing.any():
        entry = int(np.searchsorted(offsets, int(missing.argmax()), side="right")) - 1
        raise InputError(
            f"{path}: clickmap_x, clickmap_y: NaN among the clicks of entry {entry} ({int(missing.sum())} "
            "such clicks): leave them out, and out of click_offsets"
        )
    return tuple(np.split(xy, offsets[1:-1].astype(np.int64))) if n else ()


def inside(xy: np.ndarray, side: int) -> np.ndarray:
    """Tell the clicks (n_clicks, 2) that lie in an image of `side` pixels: 0 ≤ x, y < side."""
    return np.all((xy >= 0) & (xy < side), axis=-1)


def check_pixels(path: str | Path, xy: np.ndarray, side: int) -> None:
    """Raise InputError where the clicks (n_clicks, 2) of a whole log are no pixels of its images.

    Such are clicks that all lie within −1 … 1 and are not whole numbers, and those more than a tenth of
    which lie outside.
    """
    if not len(xy):
        return
    low, high = xy.min(axis=0), xy.max(axis=0)
    span = f"x from {low[0]:g} to {high[0]:g}, y from {low[1]:g} to {high[1]:g}"
    advice = f"clicks are in pixels of the {side} × {side} image"
    if np.abs(xy).max() <= 1 and (xy != np.rint(xy)).any():
        raise InputError(f"{path}: clickmap_x, clickmap_y: {span} are shares of the image: {advice}")
    outside = int((~inside(xy, side)).sum())
    if outside > MOST_OUTSIDE * len(xy):
        raise InputError(
            f"{path}: clickmap_x, clickmap_y: {outside} of {len(xy)} clicks lie outside ({span}): {advice}"
        )
