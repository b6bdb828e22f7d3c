"""Representational dissimilarity matrices: recordings of which only differences between stimuli are known.

A file holds one matrix per subject: ``.npy`` (n, n), (subject, n, n), or the pairs above the diagonal, row by
row (as of SciPy's ``pdist`` and MATLAB's ``squareform``), as (pairs,) or (subject, pairs); ``.mat`` the same
under a name of `io.matlab_files`, several subjects as elements of it, as a comma-separated list of names, or
on the third axis, as MATLAB's users stack them.

In the internal form a stimulus' responses are its dissimilarities from each stimulus, a subject after the
other; the attribute ``dissimilarities`` is 1. Nothing is ever predicted of them, see `layer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from visalign.errors import InputError
from visalign.io import checksums, matlab_files
from visalign.io.array_files import read_numbers
from visalign.io.tables import read_table, words
from visalign.recordings import form

#: Attribute of a recording of dissimilarities.
KIND = "dissimilarities"
#: Fewer stimuli have no unbiased CKA.
MIN_STIMULI = 4
#: What counts as rounding, of the largest dissimilarity: files hold numbers of 4 bytes, or few decimals.
ROUNDING = 1e-6
#: A negative eigenvalue of 1 − dissimilarity counts as rounding up to this share of the largest.
EIGENVALUE_ROUNDING = 1e-5
SHAPES = "(n, n), (subject, n, n), (pairs,) or (subject, pairs)"


class Matrix(NamedTuple):
    """Dissimilarities (n, n) of one subject; where they stand, and what the file calls them, or ''."""

    where: str
    label: str
    values: np.ndarray


def read_rdm(
    path: str | Path,
    stimulus_ids: Sequence[str] | None,
    region: str,
    subject: str | None = None,
    variable: str | None = None,
    sha1: str | None = None,
) -> xr.DataArray:
    """Read dissimilarity matrices into the internal form.

    Parameters
    ----------
    stimulus_ids : sequence of str or None
        Of the stimuli, in the order of the matrix; numbers from 1 where they are not known.
    region : str
        Where they were recorded; the file does not say.
    subject : str, optional
        Names of the subjects, separated by commas; those of the file, or numbers, where there are several.
    variable : str, optional
        Names in a .mat file, separated by commas; the one that fits where there is but one.
    sha1 : str, optional
        Expected checksum of the file, hexadecimal.

    Raises
    ------
    InputError
        What `read_matrices` refuses, another number of stimuli or of subjects.
    """
    path = Path(path)
    if sha1:
        checksums.check(path, sha1)
    found = read_matrices(path, variable, None if stimulus_ids is None else len(stimulus_ids))
    n = len(found[0].values)
    ids = numbered(n) if stimulus_ids is None else list(stimulus_ids)
    subjects = name_subjects(path, found, subject)
    coordinates: form.Coordinates = {
        "stimulus_id": ids,
        "object_name": [""] * n,
        "repetition": [0],
        "neuroid_id": [f"{name}/{each}" if name else each for name in subjects for each in ids],
        "region": [region] * (len(found) * n),
        "subject": [name for name in subjects for _ in ids],
        "time_bin_start": [np.nan],
        "time_bin_end": [np.nan],
    }
    responses = np.concatenate([each.values for each in found], axis=1)[:, None, :, None]
    attrs: dict[str, str | int] = {"identifier": path.stem, "simulated": 0, KIND: 1}
    return form.internal_form(path, responses, coordinates, attrs)


def is_rdm(recording: xr.DataArray) -> bool:
    """Whether a recording in the internal form is of dissimilarities."""
    return bool(recording.attrs.get(KIND, 0))


def by_subject(recording: xr.DataArray) -> dict[str, np.ndarray]:
    """Dissimilarities (n, n) of each subject of a recording in the internal form, by its name."""
    subjects = recording["subject"].values.astype(str)
    values = recording.isel(repetition=0, time_bin=0).transpose("stimulus", "neuroid").values
    # Neuroids are sorted by subject and then by stimulus, as stimuli are.
    return {name: values[:, subjects == name].astype(np.float64) for name in dict.fromkeys(subjects.tolist())}


def layer(dissimilarities: np.ndarray) -> dict[str, np.ndarray]:
    """What `gram.matrix.gram` would give of patterns that have these dissimilarities.

    Dissimilarities d = 1 − r are those of patterns of mean 0 and norm 1 whose inner products are 1 − d: any
    root of the matrix 1 − d, in a basis orthogonal to the constant one, is such. RSA and CKA read patterns
    by their inner products and sums only, so the patterns need not be made, and equal dissimilarities stay
    equal. Where 1 − d has negative eigenvalues there are no such patterns (see `least_eigenvalue`): RSA is
    then still that of the dissimilarities themselves, since it reads nothing but 1 − (1 − d).

    Parameters
    ----------
    dissimilarities : ndarray, shape (n, n)

    Returns
    -------
    dict
        Whose `gram.similarity.rdm` are the dissimilarities, or twice these as squared distances.
    """
    zero = np.zeros(len(dissimilarities))
    return {
        "K": 1 - dissimilarities,
        "row_sum": zero,
        "row_dot_mean": zero,
        "mean_dot_mean": np.array(0.0),
        "n_features": np.array(1),
        "rounding": np.array(0.0),
    }


def least_eigenvalue(dissimilarities: np.ndarray) -> float:
    """Least eigenvalue of 1 − dissimilarity (n, n), as a share of the largest; 0 where it is rounding.

    Negative ones say that 1 − d are no inner products, as those of decoding accuracies, of distances, of
    ranks, or of correlations of other responses for each pair; CKA is then undefined.
    """
    values = np.linalg.eigvalsh(1 - dissimilarities)
    share = float(values[0] / max(abs(values[0]), abs(values[-1])))
    return 0.0 if -EIGENVALUE_ROUNDING <= share < 0 else share


# --- files ---


def read_ids(path: str | Path) -> list[str]:
    """Ids of stimuli, from the column stimulus_id of a CSV, such as the table of a stimulus set."""
    return words(
        read_table(path, required=("stimulus_id",), dtype=str, keep_default_na=False), "stimulus_id", path
    )


def numbered(n: int) -> list[str]:
    """Numbers of n stimuli whose ids are not known."""
    return [str(number) for number in range(1, n + 1)]


def read_matrices(path: str | Path, variable: str | None, n: int | None = None) -> list[Matrix]:
    """Read the dissimilarity matrices of a file, one per subject.

    Parameters
    ----------
    variable : str, optional
        See `read_rdm`.
    n : int, optional
        Number of stimuli; by default what the file has.

    Raises
    ------
    InputError
        No such file, another format, a variable that is not there or is needed, another number of stimuli
        than `n`, pairs that are none of n (n − 1) / 2, numbers that are missing, infinite, negative or all
        the same, a diagonal that is not 0, a matrix that is not symmetric, subjects of different size.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file of dissimilarities")
    if path.suffix == ".npy":
        if variable:
            raise InputError(f"{path}: variable: {variable!r} is for .mat files")
        values = read_numbers(path, (1, 2, 3), f"of dissimilarities {SHAPES}", missing=True)
        found = [Matrix(str(path), "", one) for one in of_numpy(values)]
    elif path.suffix == ".mat":
        found = read_variables(path, variable, n)
    else:
        raise InputError(f"{path}: dissimilarities are read from .npy and .mat, not {path.suffix or 'this'}")
    numbered = len(found) > 1 and len({each.where for each in found}) == 1
    matrices = []
    for number, each in enumerate(found, 1):
        where = f"{each.where}: subject {number}" if numbered else each.where
        matrices.append(Matrix(where, each.label, checked(where, squared(where, each.values), n)))
    for each in matrices[1:]:
        if len(each.values) != len(matrices[0].values):
            raise InputError(
                f"{each.where}: {len(each.values)} stimuli, but {matrices[0].where} has "
                f"{len(matrices[0].values)}"
            )
    return matrices


def of_numpy(values: np.ndarray) -> list[np.ndarray]:
    """Array of each subject of a .npy file: its first axis, where there are several."""
    several = values.ndim == 3 or (values.ndim == 2 and values.shape[0] != values.shape[1])
    return list(values) if several else [values]


def of_matlab(value: np.ndarray) -> list[np.ndarray]:
    """Array of each subject of one of MATLAB: its last axis, where there are several.

    A row or a column are pairs.
    """
    if value.ndim == 2 and 1 in value.shape and value.size > 1:
        return [value.ravel()]
    return [value[..., index] for index in range(value.shape[2])] if value.ndim == 3 else [value]


def read_variables(path: Path, variable: str | None, n: int | None) -> list[Matrix]:
    """Read the matrices under the names of a .mat file, or the one that there is."""
    if variable is None:
        chosen = [each for each in matlab_files.numeric(path) if fits(each.value, n)]
        if len(chosen) != 1:
            shown = ", ".join(f"{e.name} ({e.label})" if e.label else e.name for e in chosen) or "none"
            size = f" of {n} stimuli" if n else ""
            raise InputError(f"{path}: variable: say which dissimilarities{size} are meant (found: {shown})")
    else:
        chosen = [each for name in variable.split(",") for each in matlab_files.read(path, name.strip())]
    found = []
    for each in chosen:
        if each.value.dtype.kind not in "biuf" or not each.value.size:
            names = each.value.dtype.names
            kind = f"fields: {', '.join(names)}" if names else f"{each.value.dtype}, {each.value.shape}"
            raise InputError(f"{path}: variable: {each.name} is no matrix of numbers ({kind})")
        values = each.value.astype(np.float64)
        if values.ndim > 3:
            raise InputError(f"{path}: {each.name}: shape {values.shape}, not (n, n[, subject]) or pairs")
        found += [Matrix(f"{path}: {each.name}", each.label, one) for one in of_matlab(values)]
    if not found:
        raise InputError(f"{path}: variable: {variable} has no element")
    return found


def fits(value: np.ndarray, n: int | None) -> bool:
    """Whether an array may be dissimilarities (of n stimuli, where known) by its shape and values."""
    if value.ndim > 3 or value.size < MIN_STIMULI * (MIN_STIMULI - 1) / 2 or value.dtype.kind not in "iuf":
        return False
    one = of_matlab(value)[0]
    count = stimuli_of_pairs(one.size) if one.ndim == 1 else len(one)
    if count is None or count < MIN_STIMULI or (n is not None and count != n):
        return False
    return one.ndim == 1 or (one.shape[0] == one.shape[1] and not one.diagonal().any())


def stimuli_of_pairs(pairs: int) -> int | None:
    """How many stimuli have so many pairs, n (n − 1) / 2; None where none have."""
    n = round((1 + np.sqrt(1 + 8 * pairs)) / 2)
    return n if n * (n - 1) // 2 == pairs else None


def squared(where: str, values: np.ndarray) -> np.ndarray:
    """Matrix (n, n) of pairs (n (n − 1) / 2,), or the matrix that it is already."""
    if values.ndim == 2:
        if values.shape[0] != values.shape[1]:
            raise InputError(f"{where}: shape {values.shape}, not square (n, n), nor pairs n (n - 1) / 2")
        return values
    n = stimuli_of_pairs(len(values))
    if n is None:
        raise InputError(f"{where}: {len(values)} pairs, which is n (n - 1) / 2 of no number n of stimuli")
    result = np.zeros((n, n), values.dtype)
    result[~np.tri(n, dtype=bool)] = values
    return result + result.T


def checked(where: str, values: np.ndarray, n: int | None = None) -> np.ndarray:
    """Return dissimilarities (n, n), float64, with an exact diagonal; raise InputError for what are none.

    The pairs above the diagonal are taken; those below may differ from them by rounding.
    """
    values = values.astype(np.float64)
    count = len(values)
    if n is not None and count != n:
        raise InputError(f"{where}: {count} stimuli, but {n} stimulus ids")
    if count < MIN_STIMULI:
        raise InputError(f"{where}: {count} stimuli, of fewer than {MIN_STIMULI} nothing can be said")
    bad = ~np.isfinite(values)
    if bad.any():
        i, j = np.argwhere(bad)[0]
        raise InputError(f"{where}: {values[i, j]} at row {i + 1}, column {j + 1} ({bad.sum()} not finite)")
    tolerance = ROUNDING * float(np.abs(values).max())
    wrong = np.abs(values.diagonal()) > tolerance
    if wrong.any():
        i = int(wrong.argmax())
        hint = ": are these similarities?" if np.allclose(values.diagonal(), 1) else ""
        raise InputError(f"{where}: {values[i, i]:g} on the diagonal, at {i + 1}, expected 0{hint}")
    apart = np.abs(values - values.T) > tolerance
    if apart.any():
        i, j = np.argwhere(apart)[0]
        raise InputError(
            f"{where}: not symmetric: {values[i, j]:g} at row {i + 1}, column {j + 1}, but "
            f"{values[j, i]:g} at row {j + 1}, column {i + 1}"
        )
    pairs = values[~np.tri(count, dtype=bool)]
    if pairs.min() < -tolerance:
        i, j = np.argwhere(values < -tolerance)[0]
        raise InputError(f"{where}: {values[i, j]:g} at row {i + 1}, column {j + 1} is negative")
    if np.ptp(pairs) <= tolerance:
        raise InputError(f"{where}: all dissimilarities are {pairs[0]:g}: there is nothing to compare")
    upper = np.where(np.tri(count, dtype=bool), 0, values)
    return upper + upper.T


def name_subjects(path: Path, found: Sequence[Matrix], subject: str | None) -> list[str]:
    """Names of the subjects: as given, as the file calls them, or numbers; '' of one without a name."""
    if subject:
        names = [name.strip() for name in subject.split(",")]
        if len(names) != len(found):
            raise InputError(f"{path}: subject: {len(names)} names, {subject!r}, of {len(found)} matrices")
    else:
        names = [each.label for each in found]
        if "" in names or len(set(names)) < len(names):
            names = [str(number) for number in range(1, len(found) + 1)]
        if len(found) == 1:
            names = [found[0].label]
    if len(set(names)) < len(names) or (len(names) > 1 and "" in names):
        raise InputError(f"{path}: subject: {subject!r}: a name for each subject, none twice")
    return names
