"""Golden images: what a generator draws from a seed, kept as PNG; the same on any machine to a grey level.

An image that changes is another stimulus under the same name. After raising the version of the command
``stimuli``, remove the file; ``UPDATE_GOLDEN=1 pytest TEST`` keeps the images of now.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).with_name("golden") / "images"


def check(name: str, images: Sequence[np.ndarray]) -> None:
    """Compare grey images of one size with those that are kept, side by side, in ``NAME.png``."""
    path, found = FOLDER / f"{name}.png", np.hstack(list(images))
    if os.environ.get("UPDATE_GOLDEN") and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(found).save(path)
    assert path.exists(), f"{path.name}: no golden images: UPDATE_GOLDEN=1 keeps those of now"
    kept = np.asarray(Image.open(path))
    assert kept.shape == found.shape, f"{path.name}: {found.shape}, not {kept.shape}"
    difference = np.abs(kept.astype(int) - found)
    assert difference.max() <= 1, (
        f"{path.name}: {(difference > 1).sum()} pixels differ by up to {difference.max()}"
    )
