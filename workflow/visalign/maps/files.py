"""Files of human importance maps: which one is an image's, the numbers in it, and whether its shape fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from visalign.errors import InputError
from visalign.io import delimited
from visalign.io.tables import read_table, whole_numbers
from visalign.maps.reader import NO_LABEL, MapFiles
from visalign.stimuli import heatmaps

#: Files that can be the map of an image of the same name.
MAP_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
#: EXIF tag; from 5 on, height and width change places.
ORIENTATION = 274
#: What to do with a map of another shape than its image.
ADVICE = "make maps of the shape of the whole image, at any scale"
#: So many names are shown where many are meant.
SHOWN = 5


def show(names: Iterable[str]) -> str:
    """Return the first few names, quoted, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more


# --- which file ---


def read_labels(path: str | Path) -> dict[str, int]:
    """Read the label of each named image, in the order of the file (CSV: name, label)."""
    table = read_table(path, required=("name", "label"), dtype={"name": str}, keep_default_na=False)
    names, labels = table["name"].tolist(), whole_numbers(table, "label", path).tolist()
    twice = table["name"][table["name"].duplicated()]
    if len(twice):
        raise InputError(f"{path}: name: {twice.iloc[0]!r} is there twice")
    for row, label in enumerate(labels):
        if label < 0:
            raise InputError(f"{path}: label: line {delimited.line_of(path, row)}: {label} is negative")
    return dict(zip(names, labels, strict=True))


def images_of(files: MapFiles) -> dict[str, int]:
    """Return the label of each image of a map set, in order: of its CSV, or without one its stimulus set.

    `NO_LABEL` is that of an image without one. Empty where neither is known.
    """
    if files.labels:
        return read_labels(files.labels)
    known = files.stimuli.labels if files.stimuli else {}
    return {image: NO_LABEL if label is None else label for image, label in known.items()}


def find(folder: str | Path, names: Iterable[str]) -> dict[str, Path]:
    """Find the map of each image: the file of its name, the suffix replaced (or another one added).

    Raises
    ------
    InputError
        No such folder; an image without a map, with several, or with that of another image.
    """
    root, names = Path(folder), list(names)
    if not root.is_dir():
        raise InputError(f"{folder}: no such folder of maps")
    folders: dict[PurePosixPath, dict[str, list[Path]]] = {}
    files: dict[str, Path] = {}
    owner: dict[Path, str] = {}
    for name in names:
        image = PurePosixPath(name)
        if not image.name or image.is_absolute() or ".." in image.parts:
            raise InputError(f"{folder}: {name or 'an empty name'}: names no file of the folder of maps")
        if image.parent not in folders:
            folders[image.parent] = _by_stem(root / image.parent)
        found = [file for stem in {image.stem, image.name} for file in folders[image.parent].get(stem, ())]
        if len(found) != 1:
            raise InputError(f"{folder}: {name}: {_miscounted(found, folders[image.parent])}")
        if found[0] in owner:
            raise InputError(
                f"{found[0]}: the map of both {owner[found[0]]!r} and {name!r}: give each its own, "
                f"named after the whole name, such as {name}.png"
            )
        files[name], owner[found[0]] = found[0], name
    return files


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    """Maps of a folder (none where it does not exist) by their names without suffix."""
    stems: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.suffix.lower() in MAP_SUFFIXES and file.is_file():
            stems.setdefault(file.stem, []).append(file)
    return stems


def _miscounted(found: list[Path], stems: dict[str, list[Path]]) -> str:
    names = [file.name for file in found] or [file.name for files in stems.values() for file in files]
    there = f": {show(sorted(names))}" if found else f"; there are {show(names) or 'none'}"
    return f"{len(found)} maps of this name ({', '.join(MAP_SUFFIXES)}){there}"


def unused(folder: str | Path, used: Iterable[Path]) -> list[str]:
    """Files below a folder of maps that are no image's map, sorted, relative to the folder."""
    taken = set(used)
    files = (file for file in Path(folder).rglob("*") if file not in taken and file.is_file())
    return sorted(str(file.relative_to(folder)) for file in files)


# --- what is in it ---


def read(file: Path) -> np.ndarray:
    """Read one map, float32 (height, width), from a grey image or an array (npy).

    Values may have any unit, and be negative: only their ranks are compared.

    Raises
    ------
    InputError
        An unreadable file, pages, colours, transparent pixels, or no array of numbers.
    """
    with _readable(file):
        if file.suffix.lower() == ".npy":
            return heatmaps.as_heatmap(np.load(file, allow_pickle=False))
        with Image.open(file) as image:
            return heatmaps.as_heatmap(heatmaps.grey(image))


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # on damaged files Pillow's and NumPy's readers raise all there is
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if "allow_pickle" in reason:
            reason = "Object arrays cannot be loaded, since pickles run code: save it as numbers"
        raise InputError(f"{file}: not a readable map: {reason}") from None


# --- whether it fits ---


def shape(file: Path) -> tuple[int, int]:
    """Height and width of a map, from the header of its file."""
    with _readable(file):
        if file.suffix.lower() == ".npy":
            try:
                found = np.load(file, mmap_mode="r", allow_pickle=False)
            except ValueError:  # of no pixels, or of objects, which reading it tells
                found = np.load(file, allow_pickle=False)
            rows, columns = heatmaps.one_channel(found).shape
            return rows, columns
        with Image.open(file) as image:
            turned = image.getexif().get(ORIENTATION, 1) > 4
            return (image.width, image.height) if turned else (image.height, image.width)


def check_shape(
    where: str | Path, shape: tuple[int, ...], image: tuple[int, int], advice: str = ADVICE
) -> None:
    """Raise InputError unless a map has the shape of its image, at any scale.

    Parameters
    ----------
    where : str
        The map's file, or what else says which one it is.
    shape, image : (int, int)
        Height and width of both, in pixels. At its own scale the map may be one pixel off: it is rounded.
    """
    (rows, columns), (height, width) = shape, image
    if abs(rows * width - columns * height) > max(height, width):
        raise InputError(
            f"{where}: the map has {rows} × {columns} pixels (height × width), but its image {height} × "
            f"{width}: it would be stretched; {advice}"
        )


def check_shapes(files: Mapping[str, Path], sizes: Mapping[str, tuple[int, int]]) -> None:
    """Check the maps of images (see `find`) of known height and width, by the headers of their files."""
    for image, file in files.items():
        if image in sizes:
            check_shape(file, shape(file), sizes[image])
