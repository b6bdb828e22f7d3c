"""Responses at grid positions over scenes: MATLAB files of Arcaro et al. (2020), docs/methods.md §3.

A file holds one array of electrodes of one subject: ``imageRF`` (x, y, time, channel, image), the responses
to each image at each grid position, means over presentations, and ``UniqueNames``, a cell array with the
images' names. Not said in the files and assumed here: y grows downwards; the time axis has one sample per
millisecond, the first at stimulus onset (`first_ms` shifts it); and position k of G, from 0, is the centre of
cell k, (k + ½) / G of the scene's side, over which features are averaged. Of a grid that includes both ends
of the scene, at k / (G − 1), features and responses would be up to half a cell apart at the border.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from scipy.io import loadmat, whosmat

from visalign.errors import InputError
from visalign.io import checksums
from visalign.recordings import form

RESPONSES, NAMES = "imageRF", "UniqueNames"


def read_activity(
    path: str | Path, windows: str, region: str, subject: str, first_ms: int = 0, sha1: str | None = None
) -> xr.DataArray:
    """Read a file of activity into the internal form: one repetition, sites named "subject-region-channel".

    Channels count from 1. One with a missing response (NaN) in a window has no whole grid: it is left out and
    named in the attribute ``neuroids_missing``, one a line.

    Parameters
    ----------
    windows : str
        Time bins in ms after stimulus onset, both ends included: "51-90,91-130".
    region, subject : str
        Of all channels; the files do not say.
    first_ms : int
        Time of the first sample.
    sha1 : str, optional
        Expected checksum of the file, hexadecimal.

    Raises
    ------
    InputError
        No such file, a wrong checksum, no such MATLAB file, a window outside the recorded time, no channel
        without missing responses, or what `recordings.form.internal_form` refuses.
    """
    bins = parse_windows(windows)
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file of recordings")
    if sha1:
        checksums.check(path, sha1)
    responses, images = _read_matlab(path)
    means = _window_means(path, responses, bins, first_ms)
    n_images, n_channels, height, width, n_bins = means.shape
    missing = np.isnan(means).any(axis=(0, 2, 3, 4))
    if missing.all():
        raise InputError(f"{path}: {RESPONSES}: missing responses (NaN) in every channel")
    neuroid_id = np.array([f"{subject}-{region}-{channel:03d}" for channel in range(1, n_channels + 1)])
    image, y, x = (index.ravel() for index in np.indices((n_images, height, width)))
    coordinates: form.Coordinates = {
        **form.grid_stimuli([images[i] for i in image], y.tolist(), x.tolist()),
        "repetition": [0],
        "neuroid_id": neuroid_id[~missing],
        "region": [region] * int((~missing).sum()),
        "subject": [subject] * int((~missing).sum()),
        "time_bin_start": [float(start) for start, _ in bins],
        "time_bin_end": [float(end) for _, end in bins],
    }
    attrs: dict[str, str | int] = {"identifier": path.stem, "simulated": 0, "n_neuroids_other_regions": 0}
    if missing.any():
        attrs["neuroids_missing"] = "\n".join(neuroid_id[missing].tolist())
    activity = means[:, ~missing].transpose(0, 2, 3, 1, 4).reshape(len(image), 1, -1, n_bins)
    return form.internal_form(path, activity, coordinates, attrs)


def parse_windows(windows: str) -> list[tuple[int, int]]:
    """Parse "51-90,91-130" into (start, end) in ms, both included."""
    parsed = []
    for window in windows.split(","):
        match = re.fullmatch(r"\s*(\d+)-(\d+)\s*", window)
        if not match or int(match[1]) > int(match[2]):
            raise InputError(f"windows: {window!r} is not START-END in ms, such as 51-90")
        parsed.append((int(match[1]), int(match[2])))
    return parsed


def _window_means(
    path: Path, responses: np.ndarray, bins: list[tuple[int, int]], first_ms: int
) -> np.ndarray:
    """Average (image, channel, time, y, x) over each time bin: (image, channel, y, x, time_bin)."""
    last_ms = first_ms + responses.shape[2] - 1
    for start, end in bins:
        if start < first_ms or end > last_ms:
            raise InputError(f"{path}: windows: {start}-{end} ms is not within {first_ms}-{last_ms} ms")
    spans = (responses[:, :, start - first_ms : end - first_ms + 1] for start, end in bins)
    # In C order the sums, and so the last digits, do not depend on the version of the file.
    return np.stack([span.astype(np.float64, order="C").mean(axis=2) for span in spans], axis=-1)


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise InputError(f"{path}: no variables {RESPONSES!r} and {NAMES!r}: {error.args[0]}") from None
    except Exception as error:  # both libraries raise nearly anything on a damaged file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: not a readable MATLAB file: {reason}") from None


def _read_matlab(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read responses (image, channel, time, y, x) and the images' names."""
    with _named_errors(path):
        responses, names = _read_hdf5(path) if h5py.is_hdf5(path) else _read_version_5(path)
    if responses.ndim != 5 or responses.dtype.kind not in "iuf" or not responses.size:
        raise InputError(
            f"{path}: {RESPONSES}: shape {responses.shape[::-1]}, type {responses.dtype}; "
            "expected numbers (x, y, time, channel, image)"
        )
    if len(names) != len(responses):
        raise InputError(f"{path}: {NAMES}: {len(names)} names of {len(responses)} images")
    return responses, names


def read_lists(path: str | Path) -> tuple[list[str], tuple[int, ...]]:
    """Names of the images and shape (image, channel, time, y, x), without reading the responses."""
    path = Path(path)
    with _named_errors(path):
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                return _names_hdf5(file), file[RESPONSES].shape
        shapes = {name: shape for name, shape, _ in whosmat(path)}
        return _names_version_5(loadmat(path, variable_names=[NAMES])), shapes[RESPONSES][::-1]


def _read_hdf5(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read version 7.3: axes in reverse order, a cell array as references to arrays of UTF-16 units."""
    with h5py.File(path) as file:
        return file[RESPONSES][()], _names_hdf5(file)


def _names_hdf5(file: h5py.File) -> list[str]:
    cells = [file[reference][()] for reference in np.ravel(file[NAMES][()])]
    return [cell.astype("<u2").tobytes().decode("utf-16-le") for cell in cells]


def _read_version_5(path: Path) -> tuple[np.ndarray, list[str]]:
    """Read version 7 and older."""
    variables = loadmat(path, variable_names=[RESPONSES, NAMES])
    return variables[RESPONSES].T, _names_version_5(variables)


def _names_version_5(variables: dict[str, np.ndarray]) -> list[str]:
    return ["".join(np.ravel(cell)) for cell in np.ravel(variables[NAMES], order="F")]
