"""Click logs of human participants (ClickMe 2.0), the maps they make, and how reliable these maps are.

A log is an npz file with one entry per map, that is, a participant's clicks on one image:

======================  =====================================================================
``file_pointer`` (n,)   the image
``clickmap_x``, ``_y``  the clicks, in pixels of the 256 × 256 image; see below
``user_id`` (n,)        the participant; an entry without one is dropped, and counted
``user_catch_trial``    (n,) share of catch trials that the participant passed, 0 to 1
``is_mobile`` (n,)      whether the participant played on a phone, 0 or 1
======================  =====================================================================

Clicks are ragged, and the public files hold them as pickled object arrays, which can run any code when
loaded. They are therefore never loaded; a file is converted once, by whoever trusts it, to one of two plain
encodings: flat ``clickmap_x`` and ``clickmap_y`` (n_clicks,) with ``click_offsets`` (n + 1,), or padded
``clickmap_x`` and ``clickmap_y`` (n, longest) with NaN behind the last click::

    old = np.load("public.npz", allow_pickle=True)
    clicks = {k: np.concatenate([np.asarray(c, float) for c in old[k]]) for k in ("clickmap_x", "clickmap_y")}
    offsets = np.cumsum([0] + [len(c) for c in old["clickmap_x"]])
    mobile = np.array([bool(np.any(m)) for m in old["is_mobile"]])
    np.savez("plain.npz", click_offsets=offsets, is_mobile=mobile, **clicks,
             file_pointer=old["file_pointer"].astype(str), user_id=old["user_id"].astype(str),
             user_catch_trial=old["user_catch_trial"].astype(float))
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from visalign.errors import InputError
from visalign.io.files import write_atomic
from visalign.maps import click_fields, processing
from visalign.maps.participants import Log
from visalign.stats import bootstrap, correlations

#: Side of the images that participants clicked on, in pixels.
SIZE = 256
#: Diameter of the flat disc that blurs a click, in pixels.
DISC = 21
MIN_CATCH = 0.95
MIN_PARTICIPANTS = 5
FIELDS = ("file_pointer", "clickmap_x", "clickmap_y", "user_id", "user_catch_trial", "is_mobile")
CONVERT = (
    "; convert the file once to flat arrays with click_offsets: "
    "python -c 'import visalign.maps.clicks as c; help(c)' shows how"
)


@dataclass(frozen=True)
class ClickLog:
    """Clicks of participants on images, one entry per map.

    Attributes
    ----------
    file_pointer, user_id : ndarray of str, shape (n_maps,)
        A missing participant is ''.
    clicks : tuple of ndarray, each of shape (n_clicks, 2)
        x and y, in pixels of the 256 × 256 image.
    user_catch_trial : ndarray of float, shape (n_maps,)
        NaN where missing.
    is_mobile : ndarray of bool, shape (n_maps,)
    """

    file_pointer: np.ndarray
    clicks: tuple[np.ndarray, ...]
    user_id: np.ndarray
    user_catch_trial: np.ndarray
    is_mobile: np.ndarray

    def __len__(self) -> int:
        """Return the number of maps."""
        return len(self.file_pointer)

    def keep(self, index: np.ndarray) -> ClickLog:
        """Return the maps of `index` (bool mask)."""
        clicks = tuple(c for c, kept in zip(self.clicks, index, strict=True) if kept)
        return ClickLog(
            self.file_pointer[index],
            clicks,
            self.user_id[index],
            self.user_catch_trial[index],
            self.is_mobile[index],
        )

    def participants(self, processed: bool = True) -> Iterator[tuple[str, np.ndarray]]:
        """Each image, sorted, and the maps of its participants, see `participant_maps`."""
        return ((image, participant_maps(own, processed)) for image, own in clicks_by_image(self).items())


@dataclass(frozen=True)
class Reliability:
    """Agreement of participants, as a noise ceiling or as a floor.

    `value` is the mean over images and iterations, with its bootstrap interval over images; `per_image`
    (n_images,) is NaN for the `n_undefined` images one half of which is constant or has no participant.
    """

    value: float
    ci_low: float
    ci_high: float
    per_image: np.ndarray
    n_undefined: int


# --- files ---


def write_log(
    path: str | Path,
    file_pointer: Sequence[str] | np.ndarray,
    clicks: Sequence[np.ndarray],
    user_id: Sequence[str] | np.ndarray,
    user_catch_trial: Sequence[float] | np.ndarray,
    is_mobile: Sequence[bool] | np.ndarray,
) -> None:
    """Write a log in the flat encoding, whole or not at all.

    Parameters
    ----------
    file_pointer, user_id, user_catch_trial, is_mobile : sequence, length n_maps
    clicks : sequence of ndarray, each of shape (n_clicks, 2)
        x and y, in pixels of the 256 × 256 image.
    """
    flat = np.concatenate([np.reshape(c, (-1, 2)) for c in clicks]) if len(clicks) else np.zeros((0, 2))
    buffer = io.BytesIO()
    np.savez(
        buffer,
        file_pointer=np.asarray(file_pointer, dtype=str),
        clickmap_x=flat[:, 0],
        clickmap_y=flat[:, 1],
        click_offsets=np.cumsum([0] + [len(c) for c in clicks]),
        user_id=np.asarray(user_id, dtype=str),
        user_catch_trial=np.asarray(user_catch_trial, dtype=float),
        is_mobile=np.asarray(is_mobile, dtype=bool),
    )
    write_atomic(path, buffer.getvalue())


def read_log(path: str | Path) -> ClickLog:
    """Read a log in one of the two plain encodings (see the module's description).

    Raises
    ------
    InputError
        No npz file; a field that is missing, pickled, of another length or type; an entry without an image; a
        share of catch trials that is none, a flag that is neither 0 nor 1; clicks that are not finite or no
        pixels of the image. Names file, field and entry (from 0).
    """
    # The CRC package of its module is no part of the environment of stages that read ceilings only.
    from visalign.io.array_files import read_npz

    arrays = read_npz(path, FIELDS, optional=("click_offsets",), advice=CONVERT)
    if arrays["file_pointer"].ndim != 1:
        shape = arrays["file_pointer"].shape
        raise InputError(f"{path}: file_pointer: shape {shape}, not one image an entry")
    n = len(arrays["file_pointer"])
    for field in ("user_id", "user_catch_trial", "is_mobile"):
        if arrays[field].shape != (n,):
            raise InputError(f"{path}: {field}: shape {arrays[field].shape}, but {n} entries of file_pointer")
    images = click_fields.names(path, "file_pointer", arrays["file_pointer"])
    if (images == "").any():
        raise InputError(f"{path}: file_pointer: entry {int((images == '').argmax())} names no image")
    return ClickLog(
        images,
        _clicks(path, arrays, n),
        click_fields.names(path, "user_id", arrays["user_id"]),
        click_fields.shares(path, "user_catch_trial", arrays["user_catch_trial"]),
        click_fields.flags(path, "is_mobile", arrays["is_mobile"]),
    )


def _clicks(path: str | Path, arrays: dict[str, np.ndarray], n: int) -> tuple[np.ndarray, ...]:
    x, y = (click_fields.numbers(path, name, arrays[name], "iuf") for name in ("clickmap_x", "clickmap_y"))
    if x.shape != y.shape:
        raise InputError(f"{path}: clickmap_x and clickmap_y: shapes {x.shape} and {y.shape} differ")
    xy = np.stack([x, y], axis=-1).astype(float)
    if np.isinf(xy).any():
        raise InputError(f"{path}: clickmap_x, clickmap_y: infinite click")
    if xy.ndim == 3 and len(xy) == n:
        clicks = click_fields.padded_clicks(path, xy)
    else:
        clicks = click_fields.flat_clicks(path, xy, arrays.get("click_offsets"), n)
    click_fields.check_pixels(path, np.concatenate([*clicks, np.zeros((0, 2))]), SIZE)
    return clicks


# --- filters ---


def filter_log(
    log: ClickLog, min_catch: float = MIN_CATCH, min_participants: int = MIN_PARTICIPANTS
) -> tuple[ClickLog, dict[str, int]]:
    """Apply the filters of docs/methods.md §4, in its order, and count what each one dropped.

    Returns
    -------
    log : ClickLog
    counts : dict
        ``maps``; ``clicks_outside``, the clicks dropped since they are not on the image; then the maps
        dropped by ``failed_catch_trials``, ``mobile``, ``no_participant`` (without ``user_id``, so that
        repetitions cannot be told), ``repeated`` (not a participant's first of that image),
        ``single_click`` (fewer than two clicks), and
        ``few_participants`` (with ``images_few_participants``), and what is left: ``maps_kept``,
        ``images_kept``, ``participants_kept``.
    """
    on_image = tuple(xy[click_fields.inside(xy, SIZE)] for xy in log.clicks)
    outside = sum(map(len, log.clicks)) - sum(map(len, on_image))
    log = replace(log, clicks=on_image)
    counts = {"maps": len(log), "clicks_outside": outside}
    for name, keep in (
        ("failed_catch_trials", lambda log: log.user_catch_trial >= min_catch),
        ("mobile", lambda log: ~log.is_mobile),
        ("no_participant", lambda log: log.user_id != ""),
        ("repeated", _first_of_participant),
        ("single_click", lambda log: np.array([len(c) > 1 for c in log.clicks], dtype=bool)),
    ):
        kept = log.keep(keep(log))
        counts[name] = len(log) - len(kept)
        log = kept
    images, inverse, n_maps = np.unique(log.file_pointer, return_inverse=True, return_counts=True)
    kept = log.keep(n_maps[inverse] >= min_participants)
    counts["few_participants"] = len(log) - len(kept)
    counts["images_few_participants"] = int((n_maps < min_participants).sum())
    counts["maps_kept"] = len(kept)
    counts["images_kept"] = len(images) - counts["images_few_participants"]
    counts["participants_kept"] = len(np.unique(kept.user_id))
    return kept, counts


def _first_of_participant(log: ClickLog) -> np.ndarray:
    seen: set[tuple[str, str]] = set()
    first = np.zeros(len(log), dtype=bool)
    for index, pair in enumerate(zip(log.user_id.tolist(), log.file_pointer.tolist(), strict=True)):
        first[index] = pair not in seen
        seen.add(pair)
    return first


# --- maps ---


def click_counts(clicks: Sequence[np.ndarray]) -> np.ndarray:
    """Count clicks per pixel; clicks outside the image are ignored.

    Parameters
    ----------
    clicks : sequence of ndarray, each of shape (n_clicks, 2)
        x and y in pixels; the pixel of a click is its floor.

    Returns
    -------
    ndarray of int, shape (n_maps, 256, 256)
    """
    counts = np.zeros((len(clicks), SIZE, SIZE), dtype=np.int64)
    for index, xy in enumerate(clicks):
        x, y = np.floor(np.reshape(xy, (-1, 2))).astype(int).T
        inside = (x >= 0) & (x < SIZE) & (y >= 0) & (y < SIZE)
        np.add.at(counts[index], (y[inside], x[inside]), 1)
    return counts


def disc_blur(counts: np.ndarray, diameter: int = DISC, passes: int = 2) -> np.ndarray:
    """Blur whole numbers with a flat disc, zero beyond the border.

    Parameters
    ----------
    counts : ndarray of int, shape (n_maps, height, width)

    Returns
    -------
    ndarray of float64, shape (n_maps, height, width)
        Exact up to one division: unnormalised sums are whole numbers, to which the Fourier result is
        rounded. Else its noise would break the ties of untouched pixels, and rank correlations with them.
    """
    from scipy.signal import fftconvolve  # start-up that reading and filtering a log need not pay

    disc = disc_kernel(diameter)[None]
    blurred = counts.astype(np.float64)
    for _ in range(passes):
        blurred = np.rint(fftconvolve(blurred, disc, mode="same", axes=(-2, -1)))
    return blurred / disc.sum() ** passes


def disc_kernel(diameter: int = DISC) -> np.ndarray:
    """Flat disc of ones, shape (diameter, diameter)."""
    offset = np.arange(diameter) - (diameter - 1) / 2
    inside = offset[:, None] ** 2 + offset[None] ** 2 <= ((diameter - 1) / 2) ** 2
    return inside.astype(np.float64)


def group_map(clicks: Sequence[np.ndarray]) -> np.ndarray:
    """Mean map of a group of participants, float32 (256, 256), in clicks per pixel and participant.

    Parameters
    ----------
    clicks : sequence of ndarray, each of shape (n_clicks, 2)
        One entry per participant.
    """
    # The blur is linear: one blur of the summed counts.
    blurred = disc_blur(click_counts(clicks).sum(axis=0, keepdims=True))[0]
    return (blurred / len(clicks)).astype(np.float32)


def mean_maps(log: ClickLog) -> dict[str, np.ndarray]:
    """Average the participants' maps of each image: file_pointer -> float32 (256, 256), sorted."""
    return {image: group_map(group) for image, group in clicks_by_image(log).items()}


def maps_from_log(path: str | Path) -> dict[str, np.ndarray]:
    """Read a log, filter it, and average the participants' maps of each image, as `mean_maps`."""
    log, _ = filter_log(read_log(path))
    return mean_maps(log)


def clicks_by_image(log: ClickLog) -> dict[str, list[np.ndarray]]:
    """Clicks of each image's participants, (n_clicks, 2) each: file_pointer -> list, sorted by image."""
    groups: dict[str, list[np.ndarray]] = {image: [] for image in sorted(set(log.file_pointer.tolist()))}
    for image, clicks in zip(log.file_pointer.tolist(), log.clicks, strict=True):
        groups[image].append(clicks)
    return groups


# --- ceiling and floor ---


def participant_reliability(
    log: Log, *, iterations: int = 20, processed: bool = True, seed: int = 0
) -> tuple[Reliability, Reliability]:
    """Split-half agreement of participants: the ceiling, and the floor that other images' maps set.

    In every iteration the participants of each image fall into two random halves. The ceiling is the
    Spearman correlation between the halves' mean maps, the floor that between one half's map and the other
    half's map of another image; each a mean over images and iterations. No Spearman–Brown correction
    (docs/methods.md §4): the value is the agreement of half the participants with the other half.

    Parameters
    ----------
    log : Log
        Of clicks or fixations, filtered.
    processed : bool
        True: the halves' maps at 64 × 64, through `processing.process`, as maps are when they are compared
        with models. False: at the 256 × 256 of the clicks, blurred by the disc only.

    Returns
    -------
    ceiling, floor : Reliability
        The floor is NaN where there is only one image.
    """
    rng = np.random.default_rng(seed)
    participants = [maps for _, maps in log.participants(processed)]
    n = len(participants)
    same, other = np.full((2, iterations, n), np.nan)
    for iteration in range(iterations):
        first, second = np.stack([random_halves(maps, rng) for maps in participants], axis=1)
        same[iteration] = correlations.spearman(first, second)
        if n > 1:
            partner = np.roll(np.arange(n), rng.integers(1, n))
            other[iteration] = correlations.spearman(first, second[partner])
    return _reliability(same, rng), _reliability(other, rng)


def participant_maps(clicks: list[np.ndarray], processed: bool = True) -> np.ndarray:
    """Maps of an image's participants, (n_participants, n_pixels), at 64 × 64 as every map is compared.

    Every step from clicks to maps is linear, so that the map of a group is the mean of these.
    """
    maps = disc_blur(click_counts(clicks))
    if processed:
        maps = processing.process(maps)
    return maps.reshape(len(maps), -1).astype(np.float32)


def random_halves(maps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mean maps of two random halves of participants, (2, n_pixels), of maps (n_participants, n_pixels)."""
    order = rng.permutation(len(maps))
    half = len(maps) // 2
    return np.array([_mean(maps[order[:half]]), _mean(maps[order[half:]])])


def _mean(maps: np.ndarray) -> np.ndarray:
    # A half without participants is a constant map: its correlation is undefined, and counted so.
    return maps.mean(axis=0, dtype=np.float64) if len(maps) else np.zeros(maps.shape[1:])


def _reliability(rho: np.ndarray, rng: np.random.Generator) -> Reliability:
    defined = ~np.isnan(rho).all(axis=0)
    per_image = np.full(rho.shape[1], np.nan)
    per_image[defined] = np.nanmean(rho[:, defined], axis=0)
    value = float(per_image[defined].mean()) if defined.any() else float("nan")
    return Reliability(value, *_interval(per_image[defined], rng), per_image, int((~defined).sum()))


def _interval(values: np.ndarray, rng: np.random.Generator, draws: int = 2000) -> tuple[float, float]:
    n = len(values)
    means = [values[rng.integers(n, size=n)].mean() for _ in range(draws)] if n > 1 else []
    return bootstrap.expanded_interval(means, n)
