"""What a network runs on: the preprocessed stimuli of a table, with their labels; and the network itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import zarr

from visalign.io import stores
from visalign.io.files import read_json
from visalign.labels import spaces
from visalign.stimuli import tables

if TYPE_CHECKING:  # low-level models need no network
    import pandas as pd
    from torch import Tensor

    from visalign.zoo.card import ModelCard
    from visalign.zoo.network import Normalised


@dataclass(frozen=True)
class Inputs:
    """A model's card and the stimuli that it is to see.

    Attributes
    ----------
    card : dict
        As the stage models writes it.
    table : DataFrame
        Stimulus table.
    pixels : zarr.Array of uint8, shape (n_stimuli, 3, height, width)
        In the order of the table.
    card_path, table_path : str or Path
        Files that errors name.
    """

    card: ModelCard
    table: pd.DataFrame
    pixels: zarr.Array
    card_path: str | Path
    table_path: str | Path

    @property
    def classes(self) -> int:
        """Number of classes that the network answers with; InputError where its head cannot be read so."""
        return spaces.classes(self.card, self.card_path)

    @property
    def labels(self) -> np.ndarray:
        """Labels (n_stimuli,) int64; InputError where one is missing, or no output of the network."""
        return tables.labels(self.table, self.classes, self.table_path)

    def network(self, weights: str | Path) -> Normalised:
        """Load the network, which takes pixels in [0, 1], from its weight file."""
        from visalign.zoo import network

        return network.Normalised(network.load(self.card, weights), self.card["data_config"])

    def images(self, rows: np.ndarray) -> Tensor:
        """Pixels (n_rows, 3, height, width) of some stimuli, float32 in [0, 1], on the device."""
        from visalign.zoo.pixels import from_uint8

        return from_uint8(self.pixels.get_orthogonal_selection((rows,)))  # type: ignore[arg-type]


def read(card: str | Path, table: str | Path, pixels: str | Path) -> Inputs:
    """Read card and stimulus table, and open the store of their pixels.

    Raises
    ------
    InputError
        A file that is not there, or a store of other stimuli than those of the table.
    """
    stimuli = tables.read(table)
    return Inputs(read_json(card), stimuli, open_pixels(pixels, stimuli), card, table)


def open_pixels(path: str | Path, table: pd.DataFrame) -> zarr.Array:
    """Open the pixels (n_stimuli, 3, height, width) of a store that holds the stimuli of a table."""
    store = stores.open_store(path)
    tables.check_ids(store, table, path)
    return stores.array(store, "pixels")
