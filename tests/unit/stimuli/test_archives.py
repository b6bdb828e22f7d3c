"""Claims about zip archives of images as sources of stimuli."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visalign.errors import InputError
from visalign.stimuli import archives, brainscore, sources

V4 = Path(__file__).resolve().parents[4] / "shared" / "real" / "v4_210325"


def png(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 6, 3), level, np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def write(path: Path, *names: str, **others: bytes) -> dict[str, str]:
    """Write an archive of images, grey by their place; returns the row of the sheet."""
    with zipfile.ZipFile(path, "w") as archive:
        for level, name in enumerate(names):
            archive.writestr(name, png(level))
        for name, content in others.items():
            archive.writestr(name, content)
    return {"stimuli": "set", "source": "archive", "path": str(path)}


def test_numbers_in_names_count_as_numbers():
    names = ["b", "img_10.png", "img_2.png", "img_02.png", "2/a.png", "10/a.png", "img.png", ""]
    expected = ["", "2/a.png", "10/a.png", "b", "img.png", "img_02.png", "img_2.png", "img_10.png"]
    assert sorted(names, key=archives.natural) == expected


def test_images_are_listed_and_unpacked_in_natural_order(tmp_path):
    row = write(tmp_path / "set.zip", "img_10.png", "img_2.png", "img_1.png")
    assert sources.listed(row).stimulus_id == ["img_1.png", "img_2.png", "img_10.png"]
    assert sources.files(row) == [row["path"]]
    found = list(sources.images(row, tmp_path / "written"))
    assert [image.stimulus_id for image in found] == ["img_1.png", "img_2.png", "img_10.png"]
    assert [Path(image.path).read_bytes() for image in found] == [png(2), png(1), png(0)]
    assert all((image.height, image.width, image.label) == (4, 6, None) for image in found)


def test_the_folder_that_holds_all_images_is_no_part_of_their_names(tmp_path, capsys):
    row = write(
        tmp_path / "set.zip", "top/in/b.png", "top/in/a.jpg", "top/__MACOSX/a.png", **{"top/READ.me": b"x"}
    )
    listed = sources.listed(row)
    assert listed.stimulus_id == ["a.jpg", "b.png"] and listed.label is None
    assert listed.unread == ["top/READ.me", "top/__MACOSX/a.png"]
    assert len(list(sources.images(row, tmp_path / "written"))) == 2
    assert "set.zip: 2 files that are not read: 1 .me (top/READ.me), 1 .png" in capsys.readouterr().err
    assert sorted(p.name for p in (tmp_path / "written").iterdir()) == ["a.jpg", "b.png", "unread.txt"]


def test_images_of_several_folders_keep_their_folders(tmp_path):
    row = write(tmp_path / "set.zip", "b/1.png", "a/1.png", "a/2.png")
    assert sources.listed(row).stimulus_id == ["a/1.png", "a/2.png", "b/1.png"]
    assert len(list(sources.images(row, tmp_path / "written"))) == 3


@pytest.mark.parametrize("name", ["../a.png", "b/../../a.png", "/a.png"])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path, name):
    row = write(tmp_path / "set.zip", "b/b.png", name)
    for read in (sources.listed, lambda row: list(sources.images(row, tmp_path / "written"))):
        with pytest.raises(InputError, match=r"set\.zip: .* leads out of the folder of images"):
            read(row)
    assert not (tmp_path / "written").exists() and not (tmp_path / "a.png").exists()


def test_links_large_files_and_names_that_are_there_twice_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "set.zip"
    row = write(path, "a.png")
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/hosts")
    with pytest.raises(InputError, match=r"'link\.png' is a link in"):
        sources.listed(row)
    row = write(path, "a.png")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.png", png(9))
    with pytest.raises(InputError, match=r"set\.zip: 'a\.png' is there twice"):
        sources.listed(row)
    row = write(path, "a.png")
    monkeypatch.setattr(brainscore, "MAX_IMAGE_BYTES", 10)
    with pytest.raises(InputError, match=r"'a\.png' has \d+ bytes, more than 10"):
        sources.listed(row)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "absent.zip"}, "absent.zip: not a readable zip archive"),
        ({"path": "none.zip"}, "none.zip: no images (1 files that are not read: 1 .txt (a.txt))"),
        ({"path": "empty.zip"}, "empty.zip: no images (empty)"),
        (
            {"label_space": "imagenet-1k"},
            "set.zip: label_space: imagenet-1k, but images of an archive have no",
        ),
        ({"path": "text.png.zip"}, "a.png: not a readable image"),
        ({"sha1": "0" * 40}, "set.zip: sha1: "),
    ],
)
def test_what_is_no_archive_of_images_is_named(tmp_path, monkeypatch, change, message):
    monkeypatch.chdir(tmp_path)
    write(Path("set.zip"), "a.png")
    write(Path("none.zip"), **{"a.txt": b"x"})
    write(Path("empty.zip"))
    write(Path("text.png.zip"), **{"a.png": b"no image"})
    row = {"stimuli": "set", "source": "archive", "path": "set.zip"} | change
    with pytest.raises(InputError) as error:
        list(sources.images(row, Path("written")))
    assert message in str(error.value)


def test_a_damaged_archive_is_named(tmp_path):
    row = write(tmp_path / "set.zip", "a.png")
    content = bytearray((tmp_path / "set.zip").read_bytes())
    content[60] ^= 255
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"set\.zip: a\.png: unreadable"):
        list(sources.images(row, tmp_path / "written"))


@pytest.mark.skipif(not V4.is_dir(), reason=f"the images of V4 are not at {V4} (no part of the project)")
def test_the_images_of_v4_are_listed_in_the_order_of_their_numbers():
    row = {"stimuli": "v4", "source": "archive", "path": str(V4 / "images.zip")}
    assert sources.listed(row).stimulus_id == [f"image{number:04d}.jpg" for number in range(1, 641)]
