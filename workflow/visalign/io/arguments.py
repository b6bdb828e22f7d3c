"""Types of command-line options that have a least value."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def at_least(least: int) -> Callable[[str], int]:
    """Return the type of an option that is a whole number from `least`."""

    def whole(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return int(text)

    whole.__name__ = "whole number"  # of "invalid whole number value: '1.5'"
    return whole


def proportion(text: str) -> float:
    """Return an option that is from 0 to 1."""
    if not 0 <= float(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return float(text)
