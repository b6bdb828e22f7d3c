"""What solves cluttered letters from the image of their parts: of which letter is the ink under a marker?"""

from __future__ import annotations

import numpy as np

#: Share of the ink under a marker that must be of one letter.
LEAST = 0.9


def answer(parts: np.ndarray, markers: np.ndarray, radius: float) -> int | None:
    """Whether two markers lie on one letter.

    Parameters
    ----------
    parts : ndarray of uint8, shape (height, width)
        1 and 2 where a letter is, 3 where both are.
    markers : ndarray, shape (2, 2)
        Their centres (x, y) in pixels.
    radius : float
        Of the markers, in pixels.

    Returns
    -------
    int or None
        1 for one letter, 0 for two; None where a marker is on no letter, or not on one alone.
    """
    first, second = (letter_under(parts, marker, radius) for marker in np.asarray(markers, dtype=float))
    if first is None or second is None:
        return None
    return int(first == second)


def letter_under(parts: np.ndarray, marker: np.ndarray, radius: float) -> int | None:
    """Number of the letter that has nearly all ink under a marker, None if none has."""
    rows, columns = np.indices(parts.shape)
    under = parts[np.hypot(columns - marker[0], rows - marker[1]) <= radius]
    ink = np.count_nonzero(under)
    counts = [np.count_nonzero(under == number) for number in (1, 2)]
    return int(np.argmax(counts)) + 1 if ink and max(counts) >= LEAST * ink else None
