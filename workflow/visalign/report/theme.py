"""The one look of every figure: fonts, lines, and a colour and a marker for each model family."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from visalign.io.files import replaced

#: Colours that stay apart under the common colour-vision deficiencies: Okabe and Ito 2008, with a dark grey
#: for their black (kept for envelope and text). Markers have a dark edge, for yellow's sake.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#595959")
#: Families differ in marker too, so that colour is never the only sign.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

#: So many families, the largest, have a style of their own in a figure; the rest share one: a short legend.
MAX_FAMILIES = 14
OTHER = {"color": "#ffffff", "marker": "o"}

INK = "#1a1a1a"
QUIET = "#6b6b6b"
SIMULATED = "#A03000"
#: The two-piece regression with its bands, and published models behind a study's own.
FIT = "#5B3A8C"
OVERLAY = "#b4b4b4"
#: The band of a floor, and people's line.
FLOOR = "#ece8de"
PEOPLE = "#0b6e4f"

RC: Any = {  # matplotlib types each key by name
    # Verdana has the widths of DejaVu Sans: text in an SVG keeps its place on machines without the latter.
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
    "font.size": 9,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.fonttype": "none",  # text stays text: searchable, and editable
    "pdf.fonttype": 42,
    "figure.autolayout": False,  # whatever the user's matplotlibrc says
    "figure.constrained_layout.use": False,
    "svg.hashsalt": "visalign",  # same input, same bytes
}

#: What differs in panels that are small enough for several on the width of a page.
SMALL: Any = {
    "font.size": 6.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 6.5,
    "axes.labelpad": 2,
    "axes.linewidth": 0.6,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "grid.linewidth": 0.4,
    "legend.fontsize": 6,
}

#: Metadata without dates, by format: same input, same bytes.
METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def look() -> AbstractContextManager[None]:
    """Return the context in which every figure is drawn and saved."""
    return mpl.rc_context(RC)


def family_styles(families: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return family -> {color, marker}, the family of most models first.

    Parameters
    ----------
    families : iterable of str
        The family of every model, in any order. Colours and markers have lengths without a common divisor,
        so that 72 families differ, and the largest in colour alone.
    """
    ranked = sorted(Counter(families).items(), key=lambda item: (-item[1], item[0]))
    return {
        family: {"color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)]}
        for i, (family, _) in enumerate(ranked)
    }


def save(figure: Figure, stem: Path, dpi: int) -> list[Path]:
    """Save a figure as PNG of a resolution, SVG and PDF, each whole or not at all."""
    paths = []
    for suffix, metadata in METADATA.items():
        path = stem.with_suffix(f".{suffix}")
        with replaced(path) as partial:
            figure.savefig(partial, format=suffix, dpi=dpi, metadata=metadata)
        paths.append(path)
    return paths
