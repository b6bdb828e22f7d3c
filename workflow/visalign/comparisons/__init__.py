"""Ways to compare features with neural responses, each declared in a file of its own.

Every start of Snakemake imports this: files here import at their top nothing but the standard library.
"""

from __future__ import annotations

from visalign.comparisons import cka, pls, ridge, rsa
from visalign.comparisons.comparison import Comparison, Option, Value

#: A new way to compare is a file with its COMPARISON, and a line here.
COMPARISONS: tuple[Comparison, ...] = (
    pls.COMPARISON,
    ridge.COMPARISON,
    cka.COMPARISON,
    rsa.COMPARISON,
)


def names(kind: str | None = None) -> list[str]:
    """Names of the comparisons, of those of a kind: ``regression`` or ``similarity``."""
    return [one.name for one in COMPARISONS if kind in (None, one.kind)]


def chosen(name: str, **options: Value) -> Comparison:
    """Return the comparison of a name with the options that it takes of those given, else its defaults."""
    return next(one for one in COMPARISONS if one.name == name).using(**options)


def options() -> list[Option]:
    """Return the options of all comparisons, each once."""
    return list({option.name: option for one in COMPARISONS for option in one.options}.values())


def metrics() -> dict[str, str]:
    """Return what comparisons add to the score table, metric -> meaning: the metrics, then their variants."""
    own = {one.name: one.meaning for one in COMPARISONS}
    return own | {name: meaning for one in COMPARISONS for name, meaning in one.metrics().items()}
