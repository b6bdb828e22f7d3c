"""The one exception that means: the input is wrong, and here is what to change."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input: the message names the file, the field and the value, on one line."""
