"""Claims about folders of images: nothing is renumbered or left out without a word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from timm.data import ImageNetInfo
from timm.utils import natural_key

from visalign.errors import InputError
from visalign.labels import imagenet, spaces
from visalign.stimuli import folders
from visalign.stimuli.class_labels import class_labels
from visalign.stimuli.folders import from_folders, from_table

OWN = "toys-4"


def write(root: Path, *names: str) -> Path:
    """Files of a folder; listing does not read them."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def refusal(root: Path, label_space: str = "", labels: Path | None = None) -> str:
    with pytest.raises(InputError) as error:
        from_table(root, labels, label_space) if labels else from_folders(root, label_space)
    assert "\n" not in str(error.value)
    return str(error.value)


def labels_of(root: Path, label_space: str = "") -> dict[str, int | None]:
    found = from_folders(root, label_space)
    return dict(zip(found.names, found.labels or [None] * len(found.names), strict=True))


# --- class folders ---


@pytest.mark.parametrize("label_space", ["", "imagenet-1k", OWN])
def test_folders_named_by_index_are_that_index(tmp_path, label_space):
    root = write(tmp_path, "10/a.png", "2/a.png", "2/b.png", "0/a.png")
    assert labels_of(root, label_space) == {"0/a.png": 0, "10/a.png": 10, "2/a.png": 2, "2/b.png": 2}


def test_padding_of_an_index_means_nothing(tmp_path):
    assert labels_of(write(tmp_path, "00010/a.png", "00002/a.png"), "imagenet-1k") == {
        "00010/a.png": 10, "00002/a.png": 2,
    }  # fmt: skip


def test_two_folders_of_one_index_are_refused(tmp_path):
    root = write(tmp_path, "1/a.png", "01/a.png", "2/a.png")
    assert f"{root}: class folders '01' and '1' are the same index 1" in refusal(root)


@pytest.mark.parametrize("name", ["1000", "12345678901234567890", "9" * 400])
def test_an_index_beyond_the_label_space_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=rf"x: class folder '{name}': \d+ is n"):
        class_labels(["0", name], "imagenet-1k", "x")


def test_some_wnids_have_the_indices_of_imagenet(tmp_path):
    root = write(tmp_path, "n02108422/a.JPEG", "n04456115/a.JPEG", "n01440764/a.JPEG")
    for label_space in ("imagenet-1k", ""):
        found = labels_of(root, label_space)
        assert found == {"n01440764/a.JPEG": 0, "n02108422/a.JPEG": 243, "n04456115/a.JPEG": 862}


@pytest.mark.parametrize("label_space", ["imagenet-1k", "imagenet-12k", "imagenet-22k"])
def test_all_wnids_have_the_indices_of_timm(label_space):
    assert list(imagenet.indices(label_space)) == ImageNetInfo(label_space).label_names()
    assert list(imagenet.indices(label_space).values()) == list(range(spaces.size(label_space)))


def test_some_wnids_of_a_subset_of_imagenet_have_its_indices():
    """Sorted, they would be 0 and 1."""
    labels, meaning = class_labels(["n01498041", "n12267677"], "imagenet-a", "x")
    assert labels == [0, 199] and meaning == "the indices of imagenet-a of their wnids"


def test_wnids_of_an_own_label_space_are_in_order():
    """As a network of ImageNet-100 has them."""
    assert class_labels(["n02108422", "n01440764"], "imagenet-100", "x")[0] == [1, 0]


@pytest.mark.parametrize("label_space", ["imagenet-21k-p", "ImageNet21k"])
def test_wnids_of_unknown_imagenets_are_refused(label_space):
    with pytest.raises(InputError, match=f"'n01440764': no list of the wnids of {label_space} is known"):
        class_labels(["n01440764"], label_space, "x")


def test_a_wnid_that_imagenet_does_not_have_is_refused(tmp_path):
    root = write(tmp_path, "n01440764/a.png", "n00000001/a.png")
    for label_space in ("imagenet-1k", ""):
        assert "class folder 'n00000001' is none of the 1000 wnids" in refusal(root, label_space)


def test_words_are_no_labels_of_imagenet(tmp_path):
    reason = refusal(write(tmp_path, "cat/a.png", "dog/a.png"), "imagenet-1k")
    assert "class folder 'cat' is neither an index nor a wnid of imagenet-1k" in reason and "CSV" in reason


@pytest.mark.parametrize("label_space", ["", OWN])
def test_words_are_numbered_by_name_and_it_is_said(tmp_path, label_space):
    found = from_folders(write(tmp_path, "dog/a.png", "cat/b.png", "cat/a.png"), label_space)
    assert found.names == ["cat/a.png", "cat/b.png", "dog/a.png"] and found.labels == [0, 0, 1]
    assert found.meaning == "in order of name: cat = 0, dog = 1"


@pytest.mark.parametrize("names", [["class_1", "class_2", "class_10"], ["apple", "Zebra"]])
def test_words_that_torchvision_and_timm_order_differently_are_refused(names):
    with pytest.raises(InputError, match="the order of class folders is ambiguous: torchvision has '"):
        class_labels(names, OWN, "x")
    assert class_labels(names, "", "x")[0] == [sorted(names).index(name) for name in names], (
        "no model reads them"
    )


def test_words_that_both_order_alike_are_taken():
    names = ["class_01", "class_02", "class_10", "classes"]
    assert class_labels(names, OWN, "x")[0] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "names", [["a2", "a10", "A1"], ["b", "a", "C"], ["x1y2", "x1y10", "x01y3"], ["1a", "a1"]]
)
def test_words_are_taken_where_both_order_them_alike_and_nowhere_else(names):
    if sorted(names) == sorted(names, key=natural_key):
        assert class_labels(names, OWN, "x")[0] == [sorted(names).index(name) for name in names]
    else:
        with pytest.raises(InputError, match="ambiguous"):
            class_labels(names, OWN, "x")


def test_a_single_word_is_no_class(tmp_path):
    reason = refusal(write(tmp_path, "images/a.png"), OWN)
    assert "'images' is the only class folder: is the path one level too high?" in reason


@pytest.mark.parametrize(
    ("names", "odd"),
    [
        (["1", "2", "three"], "'three' beside '1'"),
        (["n01440764", "n02108422", "7"], "'7' beside 'n01440764'"),
        (["n01440764", "n02108422", "cats"], "'cats' beside 'n01440764'"),
        (["0", "1", "-1"], "'-1' beside '0'"),
        (["0", "1", "1.0"], "'1.0' beside '0'"),
        (["n01440764", "n02108422", "N02108422"], "'N02108422' beside 'n01440764'"),
        (["1", "2", "٣"], "'٣' beside '1'"),
    ],
)
@pytest.mark.parametrize("label_space", ["imagenet-1k", OWN, ""])
def test_mixed_names_are_refused_and_the_odd_one_is_named(names, odd, label_space):
    with pytest.raises(InputError, match=f"x: class folders are named by .*: {odd}"):
        class_labels(names, label_space, "x")


def test_an_empty_class_folder_is_refused(tmp_path):
    root = write(tmp_path, "0/a.png", "2/a.png")
    (root / "1").mkdir()
    assert f"{root}/1: a class folder without images (empty)" in refusal(root, OWN)


def test_a_class_folder_of_other_files_is_refused_and_they_are_named(tmp_path):
    root = write(tmp_path, "cat/a.png", "dog/a.gif", "dog/b.gif", "dog/.DS_Store")
    reason = refusal(root, OWN)
    assert (
        f"{root}/dog: a class folder without images (3 files that are not read: 2 .gif (a.gif, b.gif)"
        in reason
    )


@pytest.mark.parametrize("inner", ["images", "0"])
def test_a_folder_within_a_class_folder_is_refused(tmp_path, inner):
    root = write(tmp_path, f"n01440764/{inner}/a.JPEG", "n02108422/a.JPEG")
    assert f"{root}/n01440764: '{inner}' is a folder within a class folder" in refusal(root, "imagenet-1k")


def test_an_image_beside_class_folders_is_refused(tmp_path):
    root = write(tmp_path, "0/a.png", "1/a.png", "b.png")
    assert f"{root}: 'b.png' lies beside class folders ('0')" in refusal(root)


HIDDEN = (
    *(".ipynb_checkpoints/a-checkpoint.png", "0/.ipynb_checkpoints/a-checkpoint.png", ".DS_Store"),
    *("0/._a.png", "__MACOSX/0/._a.png", "0/Thumbs.db", "1/.a.jpg", "README.md", "0/a.xml", ".git/config"),
)


def test_hidden_and_other_files_are_no_images_and_all_are_named(tmp_path):
    found = from_folders(write(tmp_path, "0/a.png", "1/a.png", *HIDDEN), OWN)
    assert found.names == ["0/a.png", "1/a.png"] and found.labels == [0, 1]
    assert found.unread == sorted(HIDDEN)
    said = folders.describe_unread(found.unread)
    assert said.startswith("10 files that are not read: 4 .png (.ipynb_checkpoints/a-checkpoint.png")
    assert "1 .md (README.md)" in said and "2 without suffix (.DS_Store, .git/config)" in said


def test_suffixes_in_capitals_and_of_cameras_are_images(tmp_path):
    names = [
        f"0/{name}" for name in ("a.JPEG", "b.Jpg", "c.jfif", "d.PNG", "e.TIF", "f.webp", "g.BMP", "h.ppm")
    ]
    assert from_folders(write(tmp_path, *names), "imagenet-1k").names == names


def test_a_linked_folder_is_a_class(tmp_path):
    write(tmp_path / "elsewhere", "a.png")
    root = write(tmp_path / "images", "0/a.png", "2/a.png")
    (root / "1").symlink_to(tmp_path / "elsewhere")
    assert labels_of(root, OWN) == {"0/a.png": 0, "1/a.png": 1, "2/a.png": 2}


def test_a_linked_image_is_an_image(tmp_path):
    root = write(tmp_path / "images", "0/a.png", "1/a.png")
    write(tmp_path, "b.png")
    (root / "1/b.png").symlink_to(tmp_path / "b.png")
    assert labels_of(root, OWN) == {"0/a.png": 0, "1/a.png": 1, "1/b.png": 1}


def test_two_class_folders_that_are_one_are_refused(tmp_path):
    root = write(tmp_path, "cat/a.png", "dog/a.png")
    (root / "kitten").symlink_to(root / "cat")
    assert "'cat' and 'kitten' are the same folder" in refusal(root)


@pytest.mark.parametrize("link", ["0/b.png", "b.png"])
def test_a_link_that_leads_nowhere_is_refused(tmp_path, link):
    root = write(tmp_path, *(["0/a.png"] if "/" in link else ["a.png"]))
    (root / link).symlink_to(tmp_path / "gone.png")
    assert f"{root}/{link}: a link that leads nowhere" in refusal(root)


def test_a_class_folder_that_is_a_link_to_nowhere_is_refused(tmp_path):
    """Left out, it would renumber the words after it."""
    root = write(tmp_path, "cat/a.png", "dog/a.png")
    (root / "bird").symlink_to(tmp_path / "gone")
    assert f"{root}/bird: a link that leads nowhere" in refusal(root, OWN)


@pytest.mark.parametrize("where", ["1", "0/loop", ".hidden"])
def test_links_in_circles_end(tmp_path, where):
    root = write(tmp_path, "0/a.png")
    (root / where).symlink_to(root)
    if where == ".hidden":
        assert from_folders(root).unread == []
    else:
        assert "is a folder within a class folder" in refusal(root)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_what_is_called_an_image_but_is_no_file_is_refused(tmp_path):
    root = write(tmp_path, "0/a.png")
    os.mkfifo(root / "0/b.png")
    assert f"{root}/0/b.png: not a file" in refusal(root)


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    write(tmp_path, "a.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).touch()
    assert "a name that is not UTF-8" in refusal(tmp_path)


# --- flat folders ---


def test_a_flat_folder_has_no_labels(tmp_path):
    found = from_folders(write(tmp_path, "b.png", "a.jpg", "notes.txt"))
    assert found.names == ["a.jpg", "b.png"] and found.labels is None and found.unread == ["notes.txt"]


def test_a_label_space_needs_labels(tmp_path):
    reason = refusal(write(tmp_path, "a.png"), "imagenet-1k")
    assert f"{tmp_path}: no labels, but label_space is imagenet-1k" in reason


def test_folders_without_images_are_named_with_what_is_there(tmp_path):
    assert f"{tmp_path}: no images" in refusal(tmp_path)
    write(tmp_path, "a.gif")
    assert "no images (1 files that are not read: 1 .gif (a.gif); images end in .bmp" in refusal(tmp_path)
    assert f"{tmp_path}/absent: no such folder" in refusal(tmp_path / "absent")


# --- tables of labels ---


@pytest.fixture
def table(tmp_path):
    write(tmp_path / "images", "a.png", "sub/b.png", "c.gif")

    def make(text: str) -> Path:
        (tmp_path / "labels.csv").write_text(text)
        return tmp_path / "labels.csv"

    return make


def test_a_table_says_which_images_in_which_order_and_the_others_are_named(tmp_path, table):
    write(tmp_path / "images", "d.png", ".hidden/e.png")
    found = from_table(tmp_path / "images", table("label,name\n7,c.gif\n3.0,sub/b.png\n"), "imagenet-1k")
    assert found.names == ["c.gif", "sub/b.png"] and found.labels == [7, 3]
    assert found.unread == [".hidden/e.png", "a.png", "d.png"]


def test_the_table_itself_is_no_unread_file(tmp_path):
    write(tmp_path, "a.png")
    (tmp_path / "labels.csv").write_text("name,label\na.png,1\n")
    assert from_table(tmp_path, tmp_path / "labels.csv").unread == []


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("3.7", "'3.7' is not a whole number"),
        ("cat", "'cat' is not a whole number"),
        ("", "'' is not a whole number"),
        ("nan", "'nan' is not a whole number"),
        ("inf", "'inf' is not a whole number"),
        ("1e3", "'1e3' is not a whole number"),
        ("True", "'True' is not a whole number"),
        ("0x10", "'0x10' is not a whole number"),
        ('"3,0"', "'3,0' is not a whole number, the index of a class (a decimal comma: write a point)"),
        ("-1", "-1 is negative"),
        ("1000", "1000 is not in 0..999, the indices of imagenet-1k"),
        (
            "n02108422",
            "'n02108422' is not a whole number, the index of a class (ImageNet's index of this wnid is 243)",
        ),
    ],
)
def test_a_label_that_is_no_index_is_named_with_file_line_and_column(tmp_path, table, label, reason):
    labels = table(f"name,label\nsub/b.png,1\n\na.png,{label}\n")
    assert refusal(tmp_path / "images", "imagenet-1k", labels).startswith(
        f"{labels}: label: line 4: {reason}"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("A.png", "'A.png' does not exist in {root}, but 'a.png' does"),
        ("a.PNG", "but 'a.png' does"),
        ("a.png ", "but 'a.png' does"),
        ("./a.png", "but 'a.png' does"),
        ("sub\\b.png", "but 'sub/b.png' does"),
        ("sub//b.png", "but 'sub/b.png' does"),
        ("b.png", "but 'sub/b.png' does"),
        ("a", "but 'a.png' does"),
        ("a.jpg", "but 'a.png' does"),
        ("images/a.png", "but 'a.png' does"),
        ("{root}/a.png", "but 'a.png' does"),
        ("sub/../a.png", "but 'a.png' does"),
        ("../labels.csv", "'../labels.csv' leads out of the folder of images"),
        ("/etc/passwd", "'/etc/passwd' leads out of the folder of images"),
        ("sub", "'sub' does not exist"),
        ("z.png", "'z.png' does not exist in {root}"),
        ('""', "'' is empty"),
    ],
)
def test_a_name_that_is_not_letter_by_letter_a_file_is_refused(tmp_path, table, name, reason):
    root = tmp_path / "images"
    labels = table(f"name,label\n{name.format(root=root)},1\n")
    found = refusal(root, "", labels)
    assert found.startswith(f"{labels}: name: line 2: ") and reason.format(root=root) in found


def test_names_that_differ_in_case_alone_are_two_images(tmp_path, table):
    write(tmp_path / "images", "A.png")
    assert from_table(tmp_path / "images", table("name,label\na.png,1\nA.png,2\n")).labels == [1, 2]


def test_a_link_of_a_table_that_leads_nowhere_is_refused(tmp_path, table):
    (tmp_path / "images/d.png").symlink_to(tmp_path / "gone.png")
    reason = refusal(tmp_path / "images", "", table("name,label\nd.png,1\n"))
    assert "name: line 2: 'd.png' is a link that leads nowhere" in reason


def test_tables_of_other_separators_are_refused(tmp_path, table):
    assert "separated by semicolons" in refusal(tmp_path / "images", "", table("name;label\na.png;1\n"))


def test_labels_of_a_folder_that_is_not_there_are_refused(tmp_path, table):
    assert "absent: no such folder of images" in refusal(
        tmp_path / "absent", "", table("name,label\na.png,1\n")
    )
