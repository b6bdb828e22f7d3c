"""Galleries of images with their human map and the model's saliency, from the best aligned to the worst."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from visalign.report import theme

COLUMNS = ("image", "human map", "saliency", "overlay")
SIDE = 1.9  # of one picture, in inches
COLOURS = "inferno"
#: Saliency has few extreme pixels: brighter than this quantile is all the same.
CLIP = 0.99


def examples(rho: np.ndarray) -> dict[str, int]:
    """Rows of the best, the median and the worst image by ρ (n,); NaN is none of them, few are fewer."""
    ascending = np.argsort(rho)[: np.isfinite(rho).sum()].tolist()
    if not ascending:
        return {}
    chosen = {"best": ascending[-1], "median": ascending[len(ascending) // 2], "worst": ascending[0]}
    return {kind: row for i, (kind, row) in enumerate(chosen.items()) if row not in list(chosen.values())[:i]}


def gallery(
    images: np.ndarray, human: np.ndarray, saliency: np.ndarray, rho: np.ndarray, names: list[str], title: str
) -> Figure:
    """Draw one row per image: the image, its human map, the saliency, and both over the image.

    In the overlay, colour is saliency and the line surrounds the 10 % of the pixels most important to people.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 3, height, width)
    human, saliency : ndarray, shape (n, height, width)
    rho : ndarray, shape (n,)
    names : list of str
        Written beside each row.

    Returns
    -------
    Figure
        Ready to save (inside ``theme.look()``).
    """
    rows = max(len(images), 1)
    figure = Figure(figsize=(SIDE * len(COLUMNS) + 1.8, SIDE * rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    if not len(images):
        figure.text(0.5, 0.4, "no image can be compared", ha="center", color=theme.QUIET)
    grid = figure.subplots(rows, len(COLUMNS), squeeze=False)
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        for spine in axes.spines.values():
            spine.set_visible(False)
    for axes, column in zip(grid[0], COLUMNS, strict=True):
        axes.set_title(column, fontsize=9, fontweight="normal", loc="center")
    for line, image, own, model, value, name in zip(grid, images, human, saliency, rho, names, strict=False):
        clipped = np.clip(model / max(np.quantile(model, CLIP), np.finfo(np.float32).tiny), 0, 1)
        picture = image.transpose(1, 2, 0)
        line[0].imshow(picture)
        line[1].imshow(own, cmap=COLOURS)
        line[2].imshow(clipped, cmap=COLOURS)
        line[3].imshow(picture.mean(axis=2), cmap="gray", vmin=0, vmax=255)
        line[3].imshow(clipped, cmap=COLOURS, alpha=0.75 * clipped)
        line[3].contour(own, [np.quantile(own, 0.9)], colors="white", linewidths=1.2)
        line[0].set_ylabel(f"{name}\nρ = {value:.2f}", rotation=0, ha="right", va="center", fontsize=8)
    return figure


def png(figure: Figure) -> bytes:
    """Return the figure as PNG: same figure, same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata=theme.METADATA["png"])
    return buffer.getvalue()
