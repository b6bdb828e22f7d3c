"""Claims about preprocessed stimuli."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import golden
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from timm.data import create_transform

from visalign import cli
from visalign.io import stores
from visalign.stages import preprocess
from visalign.stimuli import preprocessing

KEY = "48x48-center-0.875-bicubic"


def command(folder: Path, key: str = KEY, threads: int = 1, name: str = "pixels") -> list[str]:
    output = ["--output", str(folder / f"{name}.zarr"), "--manifest", str(folder / f"{name}.json")]
    table = ["--table", str(folder / "set.csv"), "--transform", key]
    return ["preprocess", *table, *output, "--threads", str(threads)]


def run(folder: Path, *options: str, **more: object) -> None:
    cli.main(command(folder, *options, **more))


@pytest.fixture
def reason(refused, tmp_path) -> Callable[..., str]:
    """Why a set is not transformed: the last line of the command, which then leaves no store."""

    def fail(key: str = KEY) -> str:
        said = refused(*command(tmp_path, key))
        assert not (tmp_path / "pixels.zarr").exists() and not (tmp_path / "pixels.json").exists()
        return said[-1]

    return fail


@pytest.fixture
def images(tmp_path) -> list[Path]:
    """Seventy JPEGs of different sizes, listed: more than one shard."""
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"images/{i:02d}.jpg" for i in range(70)]
    paths[0].parent.mkdir()
    for i, path in enumerate(paths):
        Image.fromarray(rng.integers(0, 256, (60 + i % 7, 90 - i, 3), dtype=np.uint8)).save(path)
    listed = ["--images", str(tmp_path / "set"), "--table", str(tmp_path / "set.csv")]
    cli.main(["stimuli", "--name", "set", "--source", "folder", "--path", str(paths[0].parent), *listed])
    return paths


def test_the_store_holds_the_pixels_of_timm(tmp_path, images):
    run(tmp_path)
    store = stores.open_store(tmp_path / "pixels.zarr")
    reference = create_transform((3, 48, 48), interpolation="bicubic", crop_pct=0.875, normalize=False)
    expected = [reference(Image.open(path).convert("RGB")).numpy() for path in images]
    assert store["pixels"].dtype == np.uint8
    np.testing.assert_array_equal(store["pixels"][:], expected)
    assert stores.strings(store) == [path.name for path in images]


def test_threads_change_nothing(tmp_path, images):
    run(tmp_path, threads=1, name="one")
    run(tmp_path, threads=3, name="three")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "three.json").read_bytes()


def test_a_store_left_by_a_killed_run_is_completed(tmp_path, images, monkeypatch):
    run(tmp_path, name="whole")
    load = preprocessing.load
    with monkeypatch.context() as patch:
        patch.setattr(preprocess, "ROWS", 16)
        patch.setattr(preprocessing, "load", lambda p, *a: 1 / 0 if p.name == "40.jpg" else load(p, *a))
        with pytest.raises(ZeroDivisionError):
            run(tmp_path)
    assert (tmp_path / "pixels.zarr.partial").exists() and not (tmp_path / "pixels.zarr").exists()
    run(tmp_path)
    assert (tmp_path / "pixels.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_an_image_that_changed_after_listing_is_named(tmp_path, images, reason):
    Image.new("RGB", (60, 60)).save(images[3])
    assert f"{images[3]}: sha256 is not the table's" in reason()


def test_an_image_that_is_gone_is_named(tmp_path, images, reason):
    images[3].unlink()
    assert f"{images[3]}: no such image" in reason()


def test_a_listed_file_that_is_no_image_is_named(tmp_path, images, reason):
    """A table made by hand may list anything."""
    images[0].write_bytes(b"not an image")
    table = pd.read_csv(tmp_path / "set.csv")
    table.loc[0, "sha256"] = hashlib.sha256(b"not an image").hexdigest()
    table.to_csv(tmp_path / "set.csv", index=False)
    assert f"{images[0]}: not a readable image" in reason()


def test_a_bad_transform_is_named(tmp_path, images, reason):
    assert "transform: '48' is not of the form" in reason("48")


def test_the_manifest_holds_the_shape(tmp_path, images):
    run(tmp_path, "32x40-squash-1-bilinear")
    arrays = json.loads((tmp_path / "pixels.json").read_text())["arrays"]
    assert arrays["pixels"]["shape"] == [70, 3, 32, 40]
    assert arrays["pixels"]["dtype"] == "uint8"


def listed(folder: Path, *arguments: str) -> None:
    files = ["--images", str(folder / "set"), "--table", str(folder / "set.csv")]
    source = ["--name", "set", "--source", "folder", "--path", str(folder / "images")]
    cli.main(["stimuli", *source, *files, *arguments])


def test_the_store_holds_what_people_saw_and_says_what_was_done(tmp_path):
    """Turned upright, on the declared ground, and scaled from 16 bits."""
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(pixels).save(tmp_path / "images/a.png", exif=exif)
    Image.new("RGBA", (60, 60), (255, 0, 0, 51)).save(tmp_path / "images/b.png")
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(tmp_path / "images/c.png")
    listed(tmp_path, "--background", "#0000ff")
    run(tmp_path, "60x60-squash-1-bilinear")
    store = stores.open_store(tmp_path / "pixels.zarr")
    upright, mixed, grey = store["pixels"][:]
    np.testing.assert_array_equal(upright, np.rot90(pixels, -1).transpose(2, 0, 1))
    assert np.abs(mixed.astype(int) - np.array([51, 0, 204])[:, None, None]).max() <= 1
    np.testing.assert_array_equal(grey, np.stack([pixels[..., 0]] * 3))
    assert stores.attribute(store, "decoded") == {"exif": 1, "alpha": 1, "16-bit": 1}


def test_a_table_that_does_not_say_what_was_done_is_read_too(tmp_path, images):
    """As one made by hand."""
    pd.read_csv(tmp_path / "set.csv")[["stimulus_id", "path", "sha256"]].to_csv(
        tmp_path / "set.csv", index=False
    )
    run(tmp_path)
    assert stores.attribute(stores.open_store(tmp_path / "pixels.zarr"), "decoded") == {}


def test_a_transparent_image_without_a_ground_is_named(tmp_path, images, reason):
    Image.new("RGBA", (60, 60), (255, 0, 0, 51)).save(images[0], "PNG")
    table = pd.read_csv(tmp_path / "set.csv")
    table.loc[0, "sha256"] = hashlib.sha256(images[0].read_bytes()).hexdigest()
    table.to_csv(tmp_path / "set.csv", index=False)
    assert f"{images[0]}: transparent pixels" in reason()


def test_a_sliver_that_would_be_scaled_to_a_giant_is_named(tmp_path, reason):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (60_000, 1)).save(tmp_path / "images/a.png")
    listed(tmp_path)
    error = reason("224x224-center-0.875-bicubic")
    assert "images/a.png: 1 × 60000 pixels would be scaled to 256 × 15360000: crop it" in error
    assert "would be scaled to 0 × 224" in reason("224x224-border-1-bicubic-fill0.0.0")


def test_an_image_is_read_once(tmp_path, images, monkeypatch):
    opened = []
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path.name) or read(path))
    run(tmp_path)
    assert sorted(name for name in opened if name.endswith(".jpg")) == [path.name for path in images]


def test_results_of_preprocess_are_those_of_its_version(tmp_path):
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (3, 60, 80, 3), dtype=np.uint8)
    for name, image in zip("abc", pixels, strict=True):
        Image.fromarray(image).save(tmp_path / f"images/{name}.png")
    listed(tmp_path)
    run(tmp_path)
    stored = stores.open_store(tmp_path / "pixels.zarr")["pixels"][:].astype(float)
    found = {"shape": stored.shape, "mean": stored.mean(), "sd": stored.std(), "row": stored[0, 0, 20, ::6]}
    golden.check("preprocess", "preprocess", found)
