"""Claims about files of human maps: whose they are, how they are read, and whether their shape fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from visalign.errors import InputError
from visalign.maps import files

GREY = np.arange(60, dtype=np.uint8).reshape(6, 10)


@pytest.fixture
def maps(tmp_path) -> Path:
    folder = tmp_path / "maps"
    folder.mkdir()
    return folder


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


# --- which file ---


@pytest.mark.parametrize(
    ("file", "image"),
    [
        ("cat.png", "cat.jpg"),
        ("cat.NPY", "cat.JPEG"),
        ("cat.jpg.png", "cat.jpg"),
        ("cat.png", "cat"),
        ("scan.1.png", "scan.1"),
        ("sub/cat.tiff", "sub/cat.png"),
        ("cat.jpg", "cat.jpg"),
    ],
)
def test_a_map_has_the_name_of_its_image_with_another_suffix_or_one_more(maps, file, image):
    touch(maps, file)
    assert files.find(maps, [image]) == {image: maps / file}


@pytest.mark.parametrize(
    ("images", "file"),
    [
        (["cat.jpg", "dog.jpg", "cat.png"], "cat.png"),
        (["cat.jpg", "cat.JPG", "dog.jpg"], "cat.png"),
        (["scan.1", "scan.2", "dog.jpg"], "scan.png"),
    ],
)
def test_images_that_would_share_a_map_are_refused_by_name(maps, images, file):
    touch(maps, file, "dog.png")
    with pytest.raises(InputError, match="give each its own") as error:
        files.find(maps, images)
    stem = file.removesuffix(".png")
    assert all(repr(image) in str(error.value) for image in images if image.startswith(stem))


def test_images_of_one_name_may_have_maps_named_after_the_whole_name(maps):
    touch(maps, "cat.jpg.png", "cat.png.png", "Cat.png")
    found = files.find(maps, ["cat.jpg", "cat.png", "Cat.jpg"])
    assert [file.name for file in found.values()] == ["cat.jpg.png", "cat.png.png", "Cat.png"]


def test_a_missing_map_is_named_beside_what_the_folder_has(maps):
    touch(maps, "image-1.png")
    with pytest.raises(InputError, match=r"image_1\.jpg: 0 maps of this name") as error:
        files.find(maps, ["image_1.jpg"])
    assert "there are 'image-1.png'" in str(error.value)


def test_two_maps_of_an_image_are_both_named(maps):
    touch(maps, "cat.png", "cat.npy")
    with pytest.raises(InputError, match=r"cat.jpg: 2 maps of this name .*'cat.npy', 'cat.png'"):
        files.find(maps, ["cat.jpg"])


@pytest.mark.parametrize("name", ["../cat.jpg", "/data/cat.jpg", ""])
def test_a_name_that_leads_out_of_the_folder_is_refused(maps, name):
    with pytest.raises(InputError, match="names no file of the folder"):
        files.find(maps, [name])


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="absent: no such folder of maps"):
        files.find(tmp_path / "absent", ["a"])


def test_files_that_are_no_image_s_map_are_listed(maps):
    touch(maps, "a.png", "b.png", "sub/c.npy", "notes.txt", ".DS_Store")
    used = files.find(maps, ["a.jpg"]).values()
    assert files.unused(maps, used) == [".DS_Store", "b.png", "notes.txt", "sub/c.npy"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,1\nb,3.7\n", "label: line 3: 3.7 is not a whole number"),
        ("a,1\nb,cat\n", "label: line 3: 'cat' is not a whole number"),
        ("a,1\nb,\n", "label: line 3: empty, expected a whole number"),
        ("a,1\nb,-1\n", "label: line 3: -1 is negative"),
        ("a,1\na,2\n", "name: 'a' is there twice"),
    ],
)
def test_labels_that_are_no_index_are_named_by_line(tmp_path, rows, message):
    (tmp_path / "l.csv").write_text("name,label\n" + rows)
    with pytest.raises(InputError, match=f"l.csv: {message}"):
        files.read_labels(tmp_path / "l.csv")


# --- what is in it ---


@pytest.mark.parametrize("values", [GREY[..., None], GREY[None], GREY.astype(np.float16), GREY.astype(">i4")])
def test_arrays_of_one_channel_and_of_any_numbers_are_maps(maps, values):
    np.save(maps / "a.npy", values)
    read = files.read(maps / "a.npy")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, GREY)
    assert files.shape(maps / "a.npy") == (6, 10)


def test_a_mask_of_booleans_is_a_map_of_zeros_and_ones(maps):
    np.save(maps / "a.npy", GREY > 30)
    Image.fromarray(GREY > 30).save(maps / "b.png")
    np.testing.assert_array_equal(files.read(maps / "a.npy"), GREY > 30)
    np.testing.assert_array_equal(files.read(maps / "b.png"), (GREY > 30) * 255.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones((6, 10, 3)), r"float64 \(6, 10, 3\), not \(height, width\) numbers"),
        (np.ones((0, 10)), r"float64 \(0, 10\), not"),
        (np.ones((6, 10), complex), "complex128"),
        (np.array([["a"]]), "<U1"),
        (np.array([[{}]]), "Object arrays cannot be loaded, since pickles run code: save it as numbers"),
        (np.array([[1, np.iinfo(np.int64).min]]), "-9223372036854775808, which is what NaN becomes as int64"),
    ],
)
def test_arrays_that_are_no_map_are_refused(maps, values, message):
    np.save(maps / "a.npy", values)
    with pytest.raises(InputError, match=f"a.npy: not a readable map: {message}"):
        files.read(maps / "a.npy")
    if "NaN" not in message:  # what its header tells
        with pytest.raises(InputError, match=f"a.npy: not a readable map: {message}"):
            files.shape(maps / "a.npy")


def test_a_damaged_file_is_an_error_of_its_name(maps):
    (maps / "a.npy").write_bytes(b"\x93NUMPY\x01\x00\x10\x00{'descr': ['<f4'")
    (maps / "b.png").write_bytes(b"no image")
    for name in ("a.npy", "b.png"):
        with pytest.raises(InputError, match=f"{name}: not a readable map"):
            files.read(maps / name)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK"])
def test_a_grey_map_is_grey_in_any_mode(maps, mode):
    suffix = ".tif" if mode == "CMYK" else ".png"
    grey = Image.fromarray(GREY)
    (grey.convert("RGB") if mode == "CMYK" else grey).convert(mode).save(maps / f"a{suffix}")
    np.testing.assert_array_equal(files.read(maps / f"a{suffix}"), GREY)


def test_more_than_8_bits_stay(maps):
    deep = GREY.astype(np.uint16) * 1000
    Image.fromarray(deep).save(maps / "a.png")
    Image.fromarray(GREY.astype(np.float32) / 7 - 3).save(maps / "b.tiff")
    np.testing.assert_array_equal(files.read(maps / "a.png"), deep)
    np.testing.assert_array_equal(files.read(maps / "b.tiff"), GREY.astype(np.float32) / 7 - 3)


def test_white_is_most_important_where_it_is_zero_too(maps):
    tags = ImageFileDirectory_v2()
    tags[262] = 0
    deep = GREY.astype(np.uint16) * 1000
    Image.fromarray(deep).save(maps / "a.tiff", tiffinfo=tags)
    read = files.read(maps / "a.tiff")
    assert np.array_equal(np.argsort(read.ravel()), np.argsort(-deep.astype(int).ravel()))


def test_a_map_is_turned_as_its_exif_data_say_like_its_image(maps):
    exif = Image.Exif()
    exif[files.ORIENTATION] = 6
    Image.fromarray(GREY).save(maps / "a.png", exif=exif)
    np.testing.assert_array_equal(files.read(maps / "a.png"), np.rot90(GREY, -1))
    assert files.shape(maps / "a.png") == (10, 6)


def transparent(maps: Path) -> None:
    alpha = Image.fromarray(GREY).convert("LA")
    alpha.putalpha(Image.fromarray(GREY))
    alpha.save(maps / "a.png")


def coloured(maps: Path) -> None:
    pixels = np.repeat(GREY[..., None], 3, axis=2)
    pixels[2, 3, 1] += 2
    Image.fromarray(pixels).save(maps / "a.png")


def paged(maps: Path) -> None:
    pages = [Image.fromarray(GREY), Image.fromarray(GREY + 1)]
    pages[0].save(maps / "a.tiff", save_all=True, append_images=pages[1:])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (transparent, "transparent pixels: save the map without an alpha channel"),
        (coloured, r"a colour image, not a grey one \(channels differ by up to 2 of 255\): save one channel"),
        (paged, "2 pages, not one map"),
    ],
)
def test_pictures_that_are_no_grey_map_are_refused_with_a_way_out(maps, make, message):
    make(maps)
    (file,) = maps.iterdir()
    with pytest.raises(InputError, match=f"{file.name}: not a readable map: {message}"):
        files.read(file)


# --- whether it fits ---


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        ((375, 500), (375, 500)),
        ((188, 250), (375, 500)),
        ((187, 250), (375, 500)),
        ((750, 1000), (375, 500)),
        ((64, 85), (480, 640)),
        ((7, 7), (224, 224)),
        ((256, 256), (500, 500)),
        ((12, 16), (375, 500)),
    ],
)
def test_a_map_of_its_image_s_shape_fits_at_any_scale_but_for_rounding(shape, image):
    files.check_shape("m.png", shape, image)


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        ((256, 256), (375, 500)),
        ((500, 375), (375, 500)),
        ((225, 224), (224, 225)),
        ((224, 224), (256, 341)),
        ((7, 7), (375, 500)),
        ((60, 80), (640, 480)),
    ],
)
def test_square_and_transposed_maps_of_oblong_images_are_refused(shape, image):
    with pytest.raises(InputError, match="it would be stretched; make maps of the shape") as error:
        files.check_shape("m.png", shape, image)
    assert f"m.png: the map has {shape[0]} × {shape[1]} pixels (height × width), but its image " in str(
        error.value
    )
    assert f"{image[0]} × {image[1]}" in str(error.value)
