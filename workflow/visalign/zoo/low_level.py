"""Low-level models: image statistics that stand in a study as models do, as controls.

Rows of the model sheet whose weights are ``low-level``; what they compute is in `image_statistics`. They name
no classes, so only some scores are defined for them. It imports nothing heavy, since every start of Snakemake
passes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from visalign.io.rows import ModelRow
    from visalign.stimuli.transforms import DataConfig

#: Raised when one of them is defined otherwise: it stands where other rows name the source of their weights.
VERSION = 1
#: What the column weights of the model sheet says of them.
WEIGHTS = "low-level"
#: Architecture -> what it gives: features, which predict recordings, or importance maps, which are compared
#: with people's in the place of saliency and of perturbations.
GIVES = {
    "pixels": "features",
    "gabor-energy": "features",
    "edge-energy": "importance maps",
    "local-contrast": "importance maps",
    "centre": "importance maps",
}
#: Columns of the model sheet that their rows may fill.
COLUMNS = (
    *("model", "architecture", "weights", "family", "role"),
    *("input_size", "crop_pct", "crop_mode", "interpolation"),
)
#: Their input, where the row does not say otherwise: that of most networks of ImageNet.
DATA_CONFIG: DataConfig = {
    "input_size": [3, 224, 224],
    "interpolation": "bicubic",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "crop_pct": 0.875,
    "crop_mode": "center",
}


def faults(row: ModelRow, defaults: Mapping[str, object]) -> list[str]:
    """What is wrong with the row of a low-level model, whose empty cells hold `defaults`: field and value."""
    found = []
    if row["architecture"] not in GIVES:
        found.append(f"architecture: {row['architecture']!r} is no low-level model ({', '.join(GIVES)})")
    for name, value in row.items():
        if name not in COLUMNS and value != defaults.get(name):
            found.append(f"{name}: {value!r}: rows of low-level models have only {', '.join(COLUMNS)}")
    return found


def lacks(architecture: str, needed: str) -> str | None:
    """Why a low-level model does not give what is needed, features or importance maps, or None."""
    gives = GIVES[architecture]
    return None if needed == gives else f"a low-level model, which gives {gives} only"
