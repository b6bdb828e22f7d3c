"""The one exception that means: the input is wrong, and here is what to change."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from contextlib import contextmanager

#: Names that a message lists at most.
LISTED = 20


class InputError(ValueError):
    """Bad input: each message names the file, the field and the value, on one line.

    Parameters
    ----------
    *messages : str
        Usually one; several where all that is wrong with a study is told at once.
    """

    def __init__(self, *messages: str) -> None:
        super().__init__(*messages)
        self.messages = messages

    def __str__(self) -> str:
        """Return the messages, a line each."""
        return "\n".join(self.messages)


@contextmanager
def collected(faults: list[str]) -> Iterator[None]:
    """Add what is wrong with the input of the block to `faults`, and go on after it."""
    try:
        yield
    except InputError as error:
        faults.extend(message for message in error.messages if message not in faults)


def raise_any(faults: list[str]) -> None:
    """Raise InputError of all faults, if there are any."""
    if faults:
        raise InputError(*faults)


def unknown(name: object, known: Collection[str]) -> str:
    """Say that a name is unknown, and which ones are known; of many how many, and those most like it."""
    if len(known) <= LISTED:
        return f"{name!r} is unknown (known: {', '.join(known)})"
    near = difflib.get_close_matches(str(name), known, 3, 0) or list(known)[:3]
    return f"{name!r} is unknown (known: {len(known)}, such as {', '.join(near)})"
