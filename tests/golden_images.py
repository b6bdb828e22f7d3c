"""Golden images: what generators of visual tasks draw, kept as small files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).with_name("golden") / "visual_tasks"


def check(name: str, images: np.ndarray | Sequence[np.ndarray]) -> None:
    """Compare an image, or several side by side, with what is kept; ``UPDATE_GOLDEN=1`` keeps it first."""
    image = images if isinstance(images, np.ndarray) else np.hstack(list(images))
    path = FOLDER / f"{name}.png"
    if os.environ.get("UPDATE_GOLDEN") and not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    assert path.exists(), f"{path.name}: no golden image: UPDATE_GOLDEN=1 keeps that of now"
    kept = np.asarray(Image.open(path))
    assert kept.shape == image.shape
    # Rounding may differ between machines by one level.
    assert np.abs(kept.astype(int) - image.astype(int)).max() <= 1, f"{name}: another image than before"
