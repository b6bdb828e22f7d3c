"""Pages from templates: every string is escaped."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

import jinja2

from visalign.measures.wording import decimal

TEMPLATES = Path(__file__).parents[2] / "report"


def number(value: float | None) -> str:
    """Return a number to three decimals, below 0.01 to two digits; rounding errors of 0 are 0."""
    if value and 1e-12 < abs(value) < 0.01:
        return f"{value:.2g}".replace("-", "−")
    return decimal(value, 3)


def render(template: str, context: Mapping[str, object]) -> str:
    """Fill a template; every string in `context` is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.filters |= {"decimal": decimal, "number": number}
    return environment.get_template(template).render(context)


def links(paths: Iterable[str | Path], page: Path) -> list[tuple[str, str]]:
    """Return stem and address, relative to `page`, of each file that exists."""
    found = [Path(path) for path in paths if Path(path).exists()]
    return [(path.stem, quote(os.path.relpath(path, page.parent))) for path in found]


def address(path: Path, page: Path) -> str:
    """Return the address of a file relative to a page."""
    return quote(os.path.relpath(path, page.parent))
