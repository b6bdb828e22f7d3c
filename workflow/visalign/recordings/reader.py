"""What a reader of recordings is: a file format, what its rows of the sheet say, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NotRequired, TypedDict

from visalign.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

    from visalign.io.rows import RecordingRow


class Asked(TypedDict):
    """What is to be read of a file, None where not given: what any reader takes, then SETTINGS."""

    region: str | None
    subject: str | None
    windows: str | None
    first_ms: int | None
    variable: str | None
    order: str | None
    stimulus_ids: NotRequired[Sequence[str] | None]  # of the stimulus set, in its order, where it is known


class Listed(NamedTuple):
    """Stimuli and neuroids of a recording.

    ``stimulus_ids``: of a grid recording its images, each once; ``object_names``: category of each, ''
    where there is none; ``n_neuroids``: of the region; ``n_repetitions``: the most of any stimulus;
    ``in_order``: whether the ids are numbers only, and the stimuli those of the set in its order.
    """

    stimulus_ids: list[str]
    object_names: list[str]
    n_neuroids: int
    n_repetitions: int
    in_order: bool = False


def no_files(path: str) -> list[str]:
    """Return no file: one that names no others."""
    return []


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A reader of recordings.

    Attributes
    ----------
    name, meaning : str
        In the column ``reader`` of the sheet, and the file format that it stands for.
    read : callable
        ``(path, asked, sha1)`` to the internal form, see `recordings.form`; of `Asked` it has regard to the
        region and what it `takes`.
    listed : callable
        ``(path, row)`` to what a recording lists, without its responses; errors as of `read`.
    needs : tuple of str
        Columns that its rows must have.
    takes : tuple of str
        Of SETTINGS, those that it reads; others are refused.
    files : callable
        Other files that the one at a path names.
    """

    name: str
    meaning: str
    read: Callable[[str, Asked, str | None], xr.DataArray]
    listed: Callable[[Path, RecordingRow], Listed]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    files: Callable[[str], list[str]] = no_files


def check_grid(path: Path, own: tuple[int, ...] | None, grid: int | None) -> None:
    """Raise InputError where a recording has another grid of positions, or none, than its sheet says."""
    if own != (None if grid is None else (grid, grid)):
        shown = "no grid positions" if own is None else f"{own[0]} × {own[1]} grid positions"
        said = "grid is empty" if grid is None else f"grid is {grid}"
        raise InputError(f"{path}: grid: {shown}, but in the sheet of recordings {said}")
