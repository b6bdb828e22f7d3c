"""Synthetic contents in the public formats, at the public sizes or a share of them.

Nothing here is data: photographs that ship with a package, shifted by a few pixels so that every file has
bytes of its own, scenes, and responses that follow the images' coarse luminance with noise.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import scipy.io
import xarray as xr
from PIL import Image

from visalign.io import tfrecords
from visalign.labels import imagenet
from visalign.recordings.form import write_netcdf
from visalign.stimuli import photographs, scenes

#: Views of each photograph; each of them is shifted by up to SHIFTS pixels in both directions.
VIEWS, SHIFTS = 15, 16
#: Objects of MajajHong2015, their images without and with variation, and presentations of an image of both.
OBJECTS, IMAGES, PRESENTATIONS = 64, (10, 40), (28, 51)
#: Neuroids of V4 and IT.
NEUROIDS = {"V4": 88, "IT": 168}
#: Scenes of Arcaro et al., and samples of 1 ms.
SCENES, SAMPLES = 14, 300
#: Files of Arcaro et al.: positions per side, channels, version of MATLAB.
ARRAYS = {"george_ml": (17, 31, 7), "george_pl": (17, 32, 5), "red_ml": (9, 32, 5)}


@dataclass(frozen=True)
class Sizes:
    """How much there is of everything.

    Parameters
    ----------
    scale : float
        1 for the public sizes; images, records and grids shrink with it, repetitions and neuroids do not.
    """

    scale: float = 1.0

    def count(self, public: int, least: int = 1) -> int:
        """A share of a public number, but no fewer than `least`."""
        return max(least, round(public * self.scale))

    @property
    def classes(self) -> int:
        """Classes of ImageNet that have images."""
        return self.count(len(imagenet.indices()), 20)

    @property
    def objects(self) -> int:
        """Objects of MajajHong2015, at least 8."""
        return max(len(scenes.SHAPES), round(OBJECTS * self.scale**0.5))

    @property
    def of_object(self) -> tuple[int, int]:
        """Images of an object without and with variation, enough for a test set of a tenth to hold each."""
        return self.count(IMAGES[0], 3), self.count(IMAGES[1], 9)

    def grid(self, public: int) -> int:
        """Positions per side of a grid, at least 3."""
        return max(3, round(public * self.scale**0.5))


class Bases:
    """The photographs that ship with foolbox, in several views each, with their labels.

    Parameters
    ----------
    size : (int, int)
        Width and height.
    """

    def __init__(self, size: tuple[int, int], seed: int = 0):
        rng = np.random.default_rng(seed)
        self.views: list[np.ndarray] = []
        self.labels: list[int] = []
        for file in photographs.embedded():
            with Image.open(file) as opened:
                photograph = opened.convert("RGB")
            for view in range(VIEWS):
                width, height = photograph.size
                margin = rng.integers(0, 1 + min(width, height) // 12, 4)
                box = (int(margin[0]), int(margin[1]), width - int(margin[2]), height - int(margin[3]))
                shown = np.asarray(photograph.resize(size, Image.Resampling.BILINEAR, box))
                self.views.append(shown[:, ::-1] if view % 2 else shown)
                self.labels.append(photographs.label_of(file.name))

    def __len__(self) -> int:
        return len(self.views)

    def shifted(self, index: int) -> tuple[np.ndarray, int]:
        """Image `index` and its label: no two of the first len × SHIFTS² are the same."""
        view, shift = index % len(self), index // len(self)
        if shift >= SHIFTS**2:
            raise ValueError(f"image {index}: there are {len(self) * SHIFTS**2}")
        return np.roll(self.views[view], divmod(shift, SHIFTS), axis=(0, 1)), self.labels[view]


def encoded(pixels: np.ndarray, kind: str, **options: int) -> bytes:
    """An image as the bytes of a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


# --- ImageNet ---


def write_imagenet(folder: Path, sizes: Sizes, each: int = 5) -> int:
    """Write a folder per class, named by its wnid, with `each` photographs of 500 × 375; returns how many."""
    bases = Bases((500, 375))
    of_label: dict[int, list[int]] = {}
    for index, label in enumerate(bases.labels):
        of_label.setdefault(label, []).append(index)
    wnids = list(imagenet.indices())
    classes = list(dict.fromkeys([*bases.labels, *range(len(wnids))]))[: sizes.classes]
    for number, label in enumerate(sorted(classes)):
        (folder / wnids[label]).mkdir(parents=True)
        for image in range(each):
            index = number * each + image
            if own := of_label.get(label):  # what a network may recognise
                index = own[image % len(own)] + len(bases) * (1 + image // len(own))
            content = encoded(bases.shifted(index)[0], "JPEG", quality=92)
            (folder / wnids[label] / f"ILSVRC2012_val_{number * each + image + 1:08d}.JPEG").write_bytes(
                content
            )
    return len(classes) * each


# --- ClickMe ---


def write_clickme(shards: list[Path], sizes: Sizes, images: int = 17_500) -> int:
    """Write shards of JPEG image, JPEG map and label; returns how many records."""
    bases, rng = Bases((256, 256), seed=1), np.random.default_rng(1)
    y, x = np.mgrid[:256, :256]
    each, index = sizes.count(-(-images // len(shards)), 4), 0
    for shard in shards:
        shard.parent.mkdir(parents=True, exist_ok=True)
        with shard.open("wb") as file:
            for _ in range(each):
                image, label = bases.shifted(index)
                centre, width = rng.uniform(64, 192, 2), rng.uniform(20, 60)
                heatmap = 255 * np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * width**2))
                example = {
                    "image": encoded(image, "JPEG", quality=95),
                    "heatmap": encoded(heatmap.astype(np.uint8), "JPEG", quality=95),
                    "label": label,
                }
                file.write(tfrecords.encode_record(tfrecords.encode_example(example)))
                index += 1
    return index


# --- MajajHong2015 ---


def scene_images(sizes: Sizes) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield object, variation (0 or 3) and grey image (256, 256) of every image of the set."""
    rng = np.random.default_rng(2)
    grounds = [view for view in Bases((256, 256)).views[::VIEWS]]
    renderings = {}
    for number in range(sizes.objects):
        for rendering in range(5):
            shape = number % len(scenes.SHAPES)
            scene = scenes.render(shape, grounds[int(rng.integers(len(grounds)))], rng)
            renderings[number, rendering] = np.asarray(Image.fromarray(scene.image).convert("L"))
    for number in range(sizes.objects):
        kept = [image for (owner, _), image in renderings.items() if owner == number]
        for index in range(sum(sizes.of_object)):
            variation = 0 if index < sizes.of_object[0] else 3
            shift = divmod(index // len(kept), SHIFTS)
            yield number, variation, np.roll(kept[index % len(kept)], shift, axis=(0, 1))


def coarse(image: np.ndarray, side: int = 8) -> np.ndarray:
    """Mean luminance of side × side cells of an image whose sides they divide, flat."""
    height, width = image.shape[:2]
    return image.reshape(side, height // side, side, width // side, -1).mean(axis=(1, 3)).ravel()


def write_brainscore(table: Path, archive: Path, assembly: Path, sizes: Sizes) -> dict[str, int]:
    """Write a stimulus set, CSV and zip, and the assembly of V4 and IT; returns presentations and images."""
    rows: list[dict[str, object]] = []
    latent: list[np.ndarray] = []
    for path in (table, archive, assembly):
        path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as zipped:
        for number, variation, image in scene_images(sizes):
            content = encoded(image, "PNG", compress_level=1)
            stimulus_id = hashlib.sha1(content + bytes([number, variation])).hexdigest()
            category = scenes.SHAPES[number % len(scenes.SHAPES)]
            rows.append({
                "id": len(rows),
                "image_id": stimulus_id,
                "image_file_name": f"im{number}_ty{variation}_{stimulus_id}.png",
                "filename": f"im{number}_ty{variation}_{stimulus_id}.png",
                "category_name": category,
                "object_name": f"{category}{number // len(scenes.SHAPES)}",
                "variation": variation,
            })  # fmt: skip
            zipped.writestr(str(rows[-1]["filename"]), content)
            latent.append(coarse(image))
    with table.open("w", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    presentations = write_assembly(assembly, rows, np.array(latent))
    return {"presentations": presentations, "images": len(rows), "neuroids": sum(NEUROIDS.values())}


def write_assembly(path: Path, rows: list[dict[str, object]], latent: np.ndarray) -> int:
    """Write responses as Brain-Score's files have them: float32, (neuroid, presentation, time_bin).

    Parameters
    ----------
    rows : list of dict
        Of the table of the stimulus set.
    latent : ndarray, shape (n_images, n_latent)
        What neuroids read, with noise whose variance is four times that of the signal.
    """
    rng = np.random.default_rng(3)
    image = np.repeat(np.arange(len(rows)), [PRESENTATIONS[row["variation"] == 3] for row in rows])
    repetition = np.concatenate([np.arange(PRESENTATIONS[row["variation"] == 3]) for row in rows])
    shuffled = rng.permutation(len(image))
    image, repetition = image[shuffled], repetition[shuffled]
    scaled = (latent - latent.mean(axis=0)) / (latent.std(axis=0) + 1e-9)
    neuroids = sum(NEUROIDS.values())
    signal = scaled @ rng.standard_normal((latent.shape[1], neuroids)) / latent.shape[1] ** 0.5
    responses = np.empty((neuroids, len(image), 1), np.float32)
    for neuroid in range(neuroids):
        noise = rng.standard_normal(len(image), dtype=np.float32)
        responses[neuroid, :, 0] = signal[image, neuroid] + 2 * noise
    columns = {
        name: np.array([str(row[name]) for row in rows], dtype=object)[image]
        for name in ("image_id", "image_file_name", "category_name", "object_name")
    }
    regions = [region for region, count in NEUROIDS.items() for _ in range(count)]
    animals = ["Tito" if index % 2 else "Chabo" for index in range(neuroids)]
    assembly = xr.DataArray(
        responses,
        dims=("neuroid", "presentation", "time_bin"),
        coords={
            **{name: ("presentation", values) for name, values in columns.items()},
            "variation": ("presentation", np.array([row["variation"] for row in rows])[image]),
            "repetition": ("presentation", repetition),
            "neuroid_id": ("neuroid", [f"{animal}_L_M_{i}" for i, animal in enumerate(animals)]),
            "region": ("neuroid", regions),
            "animal": ("neuroid", animals),
            "x": ("neuroid", np.arange(neuroids) % 10 * 0.4),
            "y": ("neuroid", np.arange(neuroids) // 10 * 0.4),
            "time_bin_start": ("time_bin", [70]),
            "time_bin_end": ("time_bin", [170]),
        },
        attrs={"stimulus_set_identifier": "synthetic", "simulated": 1},
    )
    write_netcdf(path, assembly, "dicarlo.MajajHong2015.public")
    return len(image)


# --- Arcaro et al. (2020) ---


def write_arcaro(archive: Path, sizes: Sizes) -> dict[str, int]:
    """Write MATLAB files of activity over grids, and the scenes, into a zip; returns positions per side."""
    bases, rng = Bases((512, 512), seed=4), np.random.default_rng(4)
    images = {f"scene{index:02d}.png": bases.views[index * VIEWS] for index in range(SCENES)}
    grids = {name: sizes.grid(side) for name, (side, _, _) in ARRAYS.items()}
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as zipped:
        for name, image in images.items():
            zipped.writestr(f"scenes/{name}", encoded(image, "PNG", compress_level=1))
        for name, (_, channels, version) in ARRAYS.items():
            with zipped.open(f"{name}.mat", "w", force_zip64=True) as file:
                activity = grid_activity(list(images.values()), grids[name], channels, rng)
                file.write(matlab_bytes(activity, list(images), version))
    return grids


def grid_activity(images: list[np.ndarray], side: int, channels: int, rng: np.random.Generator) -> np.ndarray:
    """Responses (image, channel, time, y, x): the luminance around a position, a time course, and noise."""
    course = np.exp(-(((np.arange(SAMPLES) - 130) / 60) ** 2))
    activity = rng.standard_normal((len(images), channels, SAMPLES, side, side), dtype=np.float32)
    for index, image in enumerate(images):
        small = Image.fromarray(image).resize((side, side), Image.Resampling.BOX)
        colours = np.asarray(small, dtype=float)
        colours = (colours - colours.mean(axis=(0, 1))) / (colours.std(axis=(0, 1)) + 1e-9)
        signal = np.tensordot(np.sin(np.arange(channels * 3).reshape(channels, 3)), colours, (1, 2))
        activity[index] += (course[:, None, None] * signal[:, None]).astype(np.float32)
    return activity


def matlab_bytes(activity: np.ndarray, names: list[str], version: int) -> bytes:
    """A MATLAB file of doubles (x, y, time, channel, image), of version 5 or 7.3."""
    buffer = io.BytesIO()
    if version == 5:
        cells = np.empty((1, len(names)), dtype=object)
        cells[0] = names
        scipy.io.savemat(buffer, {"imageRF": activity.T.astype(float), "UniqueNames": cells})
        return buffer.getvalue()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("imageRF", activity.shape, "f8")
        for index, image in enumerate(activity):
            file["imageRF"][index] = image
        references = []
        for index, name in enumerate(names):
            file[f"#refs#/{index}"] = np.frombuffer(name.encode("utf-16-le"), "<u2")[:, None]
            references.append(file[f"#refs#/{index}"].ref)
        file["UniqueNames"] = np.array(references, dtype=h5py.ref_dtype)[:, None]
    return buffer.getvalue()
