"""SVG inside an HTML page: a saved figure made safe to embed, and small curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from visalign.errors import InputError

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
#: Elements that a figure does not need and that could run code, fetch, or carry addresses.
UNSAFE = {"script", "foreignObject", "metadata", "a", "iframe", "animate", "set"}


def _is_safe(name: str, value: str) -> bool:
    """Return whether an attribute neither runs code nor refers outside the document."""
    local = name.rpartition("}")[2].lower()
    if local.startswith("on"):
        return False
    if local in ("href", "src"):
        return value.startswith(("#", "data:image/png"))
    return "url(" not in value.replace("url(#", "")


def embeddable(path: str | Path) -> str:
    """Return a figure as an ``<svg>`` element without scripts, outside references, or fixed size.

    Raises
    ------
    InputError
        When the file is missing or is not SVG.
    """
    try:
        root = ElementTree.fromstring(Path(path).read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except ElementTree.ParseError as error:
        raise InputError(f"{path}: not XML: {error}") from None
    if root.tag != f"{{{SVG}}}svg":
        raise InputError(f"{path}: root element {root.tag!r} is not svg")
    for parent in root.iter():
        for child in list(parent):
            if child.tag.rpartition("}")[2] in UNSAFE:
                parent.remove(child)
        for name, value in list(parent.attrib.items()):
            if not _is_safe(name, value):
                del parent.attrib[name]
        if parent.tag == f"{{{SVG}}}style" and (
            "url(" in (parent.text or "") or "@import" in (parent.text or "")
        ):
            parent.text = ""
    for size in ("width", "height"):  # the page decides; the viewBox keeps the proportions
        root.attrib.pop(size, None)
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    return ElementTree.tostring(root, encoding="unicode")


def curve(
    values: Sequence[float], low: float, high: float, *, width: int = 200, height: int = 64, pad: int = 6
) -> list[dict[str, Any]]:
    """Place values at equal steps in a small box, `low` at its bottom and `high` at its top.

    Returns
    -------
    list of dict
        x, y in pixels from the upper left corner, in the order of `values`.
    """
    step = (width - 2 * pad) / max(1, len(values) - 1)
    span = (high - low) or 1.0
    return [
        {
            "x": round(pad + i * step, 1),
            "y": round(height - pad - (value - low) / span * (height - 2 * pad), 1),
        }
        for i, value in enumerate(values)
    ]
