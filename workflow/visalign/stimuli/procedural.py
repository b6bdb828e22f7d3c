"""Procedural scenes as a source of stimuli; how one is drawn is in `scenes`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.io.files import write_atomic
from visalign.labels import spaces
from visalign.stimuli import photographs
from visalign.stimuli.source import Listed, Row, Source

if TYPE_CHECKING:
    import numpy as np

    from visalign.stimuli.rows import StimulusRow


def check_labels(label_space: str) -> None:
    """Raise InputError for a label space of ImageNet's."""
    from visalign.stimuli import scenes

    if label_space in spaces.SPACES:
        raise InputError(
            f"label_space: {label_space}: labels of scenes are their {len(scenes.SHAPES)} shapes"
        )


def listed(row: Row) -> Listed:
    """List scenes, whose labels take turns."""
    from visalign.stimuli import clickme, scenes

    ids = [clickme.stimulus_id(row["stimuli"], index) for index in range(row["count"])]
    return Listed(ids, [index % len(scenes.SHAPES) for index in range(len(ids))], None, [])


def images(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Render object scenes, at their own size and then reduced; masks are written beside the images."""
    import numpy as np
    from tqdm import tqdm

    from visalign.stimuli import clickme, scenes
    from visalign.stimuli import images as files
    from visalign.stimuli.rows import described

    count, size = row["count"], row["size"]
    contents = [(file.name, file.read_bytes()) for file in photographs.embedded()]
    backgrounds = [np.asarray(files.decode(content, name).image) for name, content in contents]
    rendered = scenes.scenes(count, backgrounds, row["seed"], row.get("cue"))
    for index, scene in enumerate(tqdm(rendered, desc="stimuli", total=count, unit="scene")):
        stimulus_id = clickme.stimulus_id(row["stimuli"], index)
        image, mask = written / f"{stimulus_id}.png", written / f"{stimulus_id}.mask.png"
        content = files.png(reduced(scene.image, size))
        write_atomic(image, content)
        write_atomic(mask, files.png(reduced(scene.mask.astype(np.uint8) * 255, size)))
        category = scenes.SHAPES[scene.label]
        found = described(stimulus_id, image, content)
        yield found._replace(label=scene.label, category=category, mask=str(mask))


def reduced(pixels: np.ndarray, size: int) -> np.ndarray:
    """Pixels of a square image at another size."""
    import numpy as np
    from PIL import Image

    if len(pixels) == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))


SOURCE = Source(
    name="scenes",
    meaning="procedural objects on photographs",
    described="procedural scenes of objects on photographs, n = {count}, seed {seed}",
    listed=listed,
    images=images,
    columns=("count", "seed", "cue", "size"),
    check_labels=check_labels,
)
