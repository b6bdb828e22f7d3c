"""Images in a MATLAB file as a source of stimuli: elements of a structure or cell array, or of one array."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.io import checksums
from visalign.io.files import write_atomic
from visalign.labels import spaces
from visalign.stimuli.source import Listed, Row, Source, space

if TYPE_CHECKING:
    import numpy as np

    from visalign.stimuli.rows import StimulusRow


def arrays(row: Row) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the images (height, width[, 3]) of a row's variable, in its order, each with its name there.

    Of one array with a further axis, images lie on the last.
    """
    from visalign.io import matlab_files

    for each in matlab_files.read(row["path"], row["variable"]):
        where, value = f"{row['path']}: {each.name}", each.value
        if value.dtype.kind not in "biuf" or value.ndim not in (2, 3, 4) or not value.size:
            names = value.dtype.names
            kind = f"fields {', '.join(names)}" if names else f"{value.dtype}, shape {value.shape}"
            raise InputError(f"{where}: no image (height, width[, 3][, n]): {kind}")
        if value.ndim == 2 or (value.ndim == 3 and value.shape[2] == 3):
            yield where, value
            continue
        for index in range(value.shape[-1]):
            yield f"{where}: image {index + 1}", value[..., index]


def categories_of(row: Row, n: int) -> list[str] | None:
    """Return the word for each of n images, where the row names a variable of them."""
    from visalign.io import matlab_files

    if "categories" not in row:
        if space(row):
            raise InputError(
                f"{row['path']}: label_space: {space(row)}, but no categories name what images show"
            )
        return None
    found = matlab_files.read(row["path"], row["categories"])
    words = [matlab_files.text(each.value) for each in found]
    if "" in words:
        raise InputError(f"{row['path']}: categories: {found[words.index('')].name} is no word")
    if len(words) != n:
        raise InputError(f"{row['path']}: categories: {len(words)} of {row['categories']}, but {n} images")
    return words


def labels_of(row: Row, categories: list[str] | None) -> list[int] | None:
    """Return the label of each image, its category's place in order of name, where labels are declared."""
    if not space(row) or categories is None:
        return None
    order = sorted(set(categories))
    return [order.index(category) for category in categories]


def check_labels(label_space: str) -> None:
    """Raise InputError for a label space of ImageNet's."""
    if label_space in spaces.SPACES:
        raise InputError(f"label_space: {label_space}: labels of MATLAB files are their categories in order")


def listed(row: Row) -> Listed:
    """List the images of the variable; they are numbered, since they have no names."""
    from visalign.stimuli import clickme

    n = sum(1 for _ in arrays(row))
    ids = [clickme.stimulus_id(row["stimuli"], index) for index in range(n)]
    return Listed(ids, labels_of(row, categories_of(row, n)), None, [])


def images(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Write the images as PNG, pixel by pixel, in the order of the variable."""
    import numpy as np
    from tqdm import tqdm

    from visalign.stimuli import clickme
    from visalign.stimuli import images as files
    from visalign.stimuli.rows import described

    if "sha1" in row:
        checksums.check(row["path"], row["sha1"])
    found = list(arrays(row))
    categories = categories_of(row, len(found))
    labels = labels_of(row, categories)
    for index, (where, values) in enumerate(tqdm(found, desc="stimuli", unit="image")):
        colours = values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
        try:
            pixels = files.pixels_of(colours)
        except ValueError as error:
            raise InputError(f"{where}: {error}") from None
        stimulus_id = clickme.stimulus_id(row["stimuli"], index)
        content, file = files.png(np.ascontiguousarray(pixels)), written / f"{stimulus_id}.png"
        write_atomic(file, content)
        yield described(stimulus_id, file, content)._replace(
            label=labels[index] if labels else None, category=categories[index] if categories else None
        )


SOURCE = Source(
    name="matlab",
    meaning="images in a variable of a MATLAB file",
    described="images of a MATLAB file",
    listed=listed,
    images=images,
    columns=("path", "variable", "categories", "sha1"),
    needs=("path", "variable"),
    files=lambda row: [row["path"]],
    check_labels=check_labels,
)
