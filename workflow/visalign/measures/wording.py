"""Words and numbers of sentences: enumerations, intervals, spans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from visalign.maps.card import MapsCard


class Card(TypedDict):
    """What cards of recordings and of maps say alike."""

    simulated: bool


class Estimate(TypedDict):
    """What ceilings and floors have alike."""

    value: float | None
    ci_low: float | None
    ci_high: float | None


def decimal(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """Return a number as text, with a true minus sign; '–' for none."""
    if value is None or value != value:
        return "–"
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")


def enumeration(names: Iterable[str]) -> str:
    """Join names with commas, and the last one with "and"."""
    *others, last = list(names) or [""]
    return f"{', '.join(others)} and {last}" if others else last


def listing(names: Iterable[str]) -> str:
    """Join names, which may hold commas, with semicolons."""
    return "; ".join(names)


def of_regions(regions: Iterable[str], score: str = "predictivity") -> str:
    """Name the predictivity of neurons, or another score, by the recorded regions; '' is an unknown one."""
    return f"{enumeration(sorted(set(filter(None, regions)))) or 'Neural'} {score}"


def span(numbers: Iterable[float]) -> str:
    """Return one number, or the least and the largest, as text."""
    ordered = sorted(set(numbers))
    return f"{ordered[0]:g}" if len(ordered) == 1 else f"{ordered[0]:g} to {ordered[-1]:g}"


def kind(card: Card) -> str:
    """Say whether data are simulated."""
    return "simulated" if card["simulated"] else "measured"


def reliability(found: Estimate) -> str:
    """Return a ceiling or floor with its interval as text."""
    if found["value"] is None:
        return "unknown"
    low, high = found["ci_low"], found["ci_high"]
    interval = "" if low is None else f" [{decimal(low, 3)}, {decimal(high, 3)}]"
    return decimal(found["value"], 3) + interval


def of_maps(cards: Mapping[str, MapsCard]) -> str:
    """Describe importance maps with their ceilings and floors, from their cards by name."""
    return listing(
        f"{name} ({kind(card)}; {card['n']} images; ceiling {reliability(card['ceiling'])}, "
        f"{card['ceiling']['method'] or 'no method'}; floor {reliability(card['floor'])})"
        for name, card in cards.items()
    )
