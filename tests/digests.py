"""What golden values keep of large results: a few numbers of an array, the columns of a score table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def of_array(values: Any, entries: int = 5) -> dict[str, Any]:
    """Shape, mean and standard deviation of an array, and some of its entries, evenly spaced."""
    values = np.asarray(values)
    flat = values.ravel().astype(float)
    some = flat[np.unique(np.linspace(0, len(flat) - 1, entries).astype(int))]
    return {
        "shape": list(values.shape),
        "mean": np.nanmean(flat),
        "sd": np.nanstd(flat),
        "some": some.tolist(),
    }


def of_scores(table: pd.DataFrame) -> dict[str, list]:
    """Columns of a score table but for what it was computed from."""
    return table.drop(columns=["version", "inputs_hash"]).to_dict("list")
