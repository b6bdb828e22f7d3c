"""A recording as stage neural scores it: splits of its stimuli, ceilings of its time bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from visalign.errors import InputError
from visalign.io.tables import numbers, read_table
from visalign.neural.grid import Protocol
from visalign.neural.rows import TimeBin, time_bin
from visalign.stats.cross_validation import (
    Split,
    check_tests,
    copies,
    leave_out_splits,
    nested_splits,
    strata,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from visalign.recordings.card import RecordingCard


class Plan(NamedTuple):
    """How stimuli are split: `splits`, `train_size` of them to train on, `inner` of each training set."""

    splits: int
    train_size: float
    seed: int
    inner: int

    def shuffled(
        self, n: int, categories: np.ndarray | None, pictures: np.ndarray | None = None
    ) -> list[Split]:
        """Brain-Score's splits of n stimuli, balanced over categories (n,); a picture (n,) is on one side."""
        return nested_splits(
            n, strata(categories), self.splits, self.train_size, self.seed, self.inner, pictures
        )

    def leaving_out(self, groups: np.ndarray, pictures: np.ndarray | None = None) -> list[Split]:
        """One group (n,), such as an image, left out in turn; a picture (n,) is on one side."""
        return leave_out_splits(groups, self.seed, self.inner, pictures)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A recording, and what all scores on it share.

    Attributes
    ----------
    card : RecordingCard
        Of the recording, from `path`, which errors name.
    ceilings : DataFrame
        See `read_ceilings`.
    images : ndarray, shape (n_stimuli,) or None
        Image of each stimulus of a grid recording.
    alike : ndarray, shape (n_stimuli,)
        Picture of each stimulus.
    said : list of str
        What the status of every score says.
    """

    recording: xr.DataArray
    card: RecordingCard
    path: str
    ceilings: pd.DataFrame
    splits: list[Split]
    images: np.ndarray | None
    alike: np.ndarray
    said: list[str]

    @property
    def region(self) -> str:
        """Regions of the neuroids, joined by +."""
        return "+".join(sorted({str(value) for value in np.atleast_1d(self.recording["region"].values)}))

    def time_bin(self, index: int, seed: int) -> TimeBin:
        """Responses of a time bin with their ceiling; `seed` is that of draws.

        Raises
        ------
        InputError
            The card has another ceiling than the responses.
        """
        recording, window = self.recording, self.card["time_bins"][index]
        names = np.array([str(name) for name in recording["neuroid_id"].values])
        own = self.ceilings[self.ceilings["window"] == window["window"]].set_index("neuroid_id").loc[names]
        data = time_bin(
            recording.isel(time_bin=index).transpose("stimulus", "repetition", "neuroid").values,
            self.splits,
            self.images,
            self.alike,
            n_splits=window["ceiling"].get("n_splits", 1),
            ceiling_seed=window["ceiling"]["seed"],
            neuroids=names,
            reliable=own["reliable"].to_numpy(dtype=bool),
            seed=seed,
        )
        check_ceiling(data.ceiling.value, window["ceiling"]["value"], self.path)
        return data


def prepare(
    recording: xr.DataArray,
    pictures: np.ndarray | None,
    plan: Plan,
    *,
    where: str,
    card: RecordingCard,
    card_path: str,
    ceilings: pd.DataFrame,
) -> Recorded:
    """Split the stimuli of a recording: of a grid recording one image left out at a time.

    Parameters
    ----------
    pictures : ndarray, shape (n_stimuli,), optional
        Picture of each stimulus, by default its own.
    where : str
        The recording's file, which errors name.
    """
    images, n = None, recording.sizes["stimulus"]
    if "image_id" in recording.coords:
        images = recording["image_id"].values.astype(str)
        splits = plan.leaving_out(images, pictures)
    else:
        splits = plan.shuffled(n, recording["object_name"].values.astype(str), pictures)
    check_tests(splits, where)
    return Recorded(
        recording=recording,
        card=card,
        path=card_path,
        ceilings=ceilings,
        splits=splits,
        images=images,
        alike=pictures if pictures is not None else images if images is not None else np.arange(n),
        said=[reason for reason in (copied(recording, pictures), not_stratified(recording)) if reason],
    )


def check_ceiling(found: float | None, given: float | None, where: str) -> None:
    """Raise InputError where a card has another ceiling than the responses of its recording."""
    one, other = (np.nan if value is None else float(value) for value in (found, given))
    if not np.isclose(one, other, rtol=0, atol=1e-6, equal_nan=True):
        raise InputError(
            f"{where}: ceiling: {given}, where the recording has {found}: they are not of one run of stage "
            "recordings"
        )


def read_ceilings(path: str) -> pd.DataFrame:
    """Read the ceilings of a recording: neuroid_id and window as text, ceiling NaN where undefined."""
    needed = ("neuroid_id", "window", "ceiling", "reliable")
    # A site may be called 7, 007 or None: neither a number nor a missing value.
    table = read_table(path, required=needed, dtype=str, keep_default_na=False)
    return table.assign(
        ceiling=numbers(table, "ceiling", path, missing=True), reliable=table["reliable"] == "True"
    )


def check_grid(protocol: Protocol, card: RecordingCard, where: str) -> None:
    """Raise InputError where the Gram matrix was made for another protocol or grid than the recording."""
    grid = card["grid"]
    sides: set[int | None] = {grid["height"], grid["width"]} if grid else {None}
    if sides != {protocol.grid}:
        shown = f"{grid['height']} × {grid['width']}" if grid else "no"
        raise InputError(f"{where}: grid: {shown} positions, but features were pooled for {protocol.name}")


def copied(recording: xr.DataArray, pictures: np.ndarray | None) -> str:
    """What a score says of copies: of stimuli, or of the images of a grid recording; '' of none."""
    if pictures is None:
        return ""
    if "image_id" in recording.coords:
        first = np.unique(recording["image_id"].values.astype(str), return_index=True)[1]
        return copies(pictures[first])
    return copies(pictures)


def not_stratified(recording: xr.DataArray) -> str:
    """What a score says where each stimulus is a category of its own; '' where it is not."""
    names = recording["object_name"].values
    alone = len(names) > 1 and len(set(names)) == len(names)
    return "splits are not stratified, since every category has one stimulus" if alone else ""
