"""Whether a model tells animals from the rest when only the most important part of an image is revealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from tqdm import tqdm

from visalign.errors import InputError
from visalign.maps import alignment, processing, revelation
from visalign.stimuli.transforms import Transform
from visalign.zoo.inputs import Inputs


def check_levels(levels: Sequence[float]) -> np.ndarray:
    """Return levels in percent as an array (n_levels,); InputError unless they ascend from 0 to 100."""
    array = np.array(levels, dtype=float)
    if array[0] < 0 or array[-1] > 100 or (np.diff(array) <= 0).any() or (array > 0).sum() < 2:
        raise InputError(f"--levels: {levels} do not ascend from 0 to 100 with two above 0")
    return array


def choose(maps: np.ndarray, count: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Choose images to reveal: all with a usable map, or `count` of them, alike for every model.

    Parameters
    ----------
    maps : ndarray, shape (n, 64, 64)

    Returns
    -------
    chosen : ndarray of int, sorted
    undefined : ndarray of bool, shape (n,)
        Where the map is constant or not finite.
    """
    undefined = np.logical_or(*processing.undefined_maps(maps))
    rng = np.random.default_rng(seed)
    return np.sort(rng.permutation(np.flatnonzero(~undefined))[:count]), undefined


def recognised(
    inputs: Inputs,
    weights: str,
    labels: np.ndarray,
    maps: np.ndarray,
    transform: Transform,
    *,
    chosen: np.ndarray,
    levels: np.ndarray,
    seed: int,
    batch_size: int,
) -> np.ndarray:
    """Whether a model tells animals from the rest, by image and level.

    Parameters
    ----------
    weights : str
        Weight file.
    labels : ndarray of int64, shape (n_stimuli,)
    maps : ndarray, shape (n_stimuli, 64, 64)
    transform : Transform
        That of the stimuli, which the maps go through too.
    chosen : ndarray of int, shape (n_chosen,)
        Rows of the images that are revealed.
    levels : ndarray, shape (n_levels,)
        Revealed pixels, in percent.
    seed : int
        Orders pixels of equal importance.
    batch_size : int
        Images per batch.

    Returns
    -------
    ndarray of bool, shape (n_chosen, n_levels)
        The answer is the class with the largest of the 1000 outputs.
    """
    correct = np.zeros((len(chosen), len(levels)), dtype=bool)
    moved = alignment.mover(maps, inputs.table, transform)
    for rows, animal in answers(inputs, weights, moved, chosen, levels, seed, batch_size):
        correct[rows] = animal == (labels[chosen[rows], None] < revelation.N_ANIMALS)
    return correct


def answers(
    inputs: Inputs,
    weights: str,
    moved: Callable[[alignment.Rows], np.ndarray],
    chosen: np.ndarray,
    levels: np.ndarray,
    seed: int,
    batch_size: int,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (rows of `chosen`, whether the model sees an animal (rows, levels)), a batch at a time."""
    import torch

    model = inputs.network(weights)
    starts = range(0, len(chosen), batch_size)
    for first in tqdm(starts, desc=f"revelation {inputs.card['model']}", unit="batch"):
        rows = slice(first, min(first + batch_size, len(chosen)))
        human, images = moved(chosen[rows]), inputs.images(chosen[rows])
        order = revelation.positions(human, np.random.default_rng(seed))
        position = torch.from_numpy(order).to(images.device)
        with torch.inference_mode():
            revealed = (revelation.reveal(images, position, level, model.mean) for level in levels)
            animal = [model(part).argmax(1) < revelation.N_ANIMALS for part in revealed]
        yield rows, torch.stack(animal, dim=1).cpu().numpy()
