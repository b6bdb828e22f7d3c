"""The tilt illusion of people: how far a grating looks turned away from the one around it.

O'Toole and Wenderoth (1977, Vision Research 17, 367–374), two series as digitised by Linsley et al. (2020,
ICLR).
"""

from __future__ import annotations

import numpy as np

#: Surround less centre, in degrees.
DELTAS = np.arange(0, 91, 10)
#: Degrees of repulsion; below 0 of attraction.
FIRST = np.array([-0.18, 1.82, 2.68, 2.00, 0.49, -0.40, -0.32, -0.69, -0.58, -0.47])
SECOND = np.array([-0.24, 1.96, 2.21, 1.87, 0.96, -0.03, -0.39, -0.65, -0.07, -0.24])


def repulsion(delta: np.ndarray) -> np.ndarray:
    """Repulsion of the first series at deltas of 0 to 90 degrees, between them on straight lines."""
    return np.interp(delta, DELTAS, FIRST)
