"""People whose maps of an image can be told apart: what ceilings and floors of participants rest on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np


class Log(Protocol):
    """What people did on images, filtered: a click log, or fixations."""

    def participants(self, processed: bool = True) -> Iterator[tuple[str, np.ndarray]]:
        """Each image, and the maps of its participants, float32 (n_participants, n_pixels).

        `processed` maps are at 64 × 64, as they are compared with models; others as the log has them.
        """
