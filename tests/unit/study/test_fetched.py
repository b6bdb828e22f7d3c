"""Claims about the files of config/downloads.tsv that a study names."""

from __future__ import annotations

from pathlib import Path

import pytest

from visalign.study import fetched, files
from visalign.study.files import Findings

SHEET = "name\turl\tpath\na\thttps://x/{1..3}.jpg\td/images/{1..3}.jpg\nb\thttps://x/b.zip\td/b.zip\n"


@pytest.fixture(autouse=True)
def sheet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetched, "ROOT", tmp_path)
    Path("config").mkdir()
    Path("config/downloads.tsv").write_text(SHEET)
    fetched.downloads.cache_clear()
    yield
    fetched.downloads.cache_clear()


def write(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)


IMAGES = [f"d/images/{number}.jpg" for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("path", "expected", "several"),
    [
        ("d/b.zip", ["d/b.zip"], False),
        ("d/images", IMAGES, True),
        ("d/images/", IMAGES, True),
        ("d/images/*.jpg", IMAGES, True),
        ("d/*.jpg", [], False),
        ("*/images/[12].jpg", IMAGES[:2], True),
        ("d/images/2.jpg", IMAGES[1:2], False),
        ("d/image", [], False),
        ("", [], False),
        ("elsewhere", [], False),
    ],
)
def test_files_of_a_path_a_pattern_and_a_folder(path, expected, several):
    assert fetched.of_path(path) == expected and fetched.is_several(path) is several


def test_what_is_yet_to_be_fetched():
    write("d/images/2.jpg")
    assert fetched.absent("d/images") == [IMAGES[0], IMAGES[2]]
    write(*IMAGES)
    assert fetched.absent("d/images") == []


def test_a_listing_is_the_same_before_and_after_fetching_and_tells_of_other_files():
    """A rule whose parameters changed runs again."""
    before = fetched.listing("d/images")
    write(IMAGES[0], "d/images/2.jpg.partial", "d/images/2.jpg.partial.validator")
    assert before is None and fetched.listing("d/images") is fetched.listing("d/images/*.jpg") is None
    write(*IMAGES)
    assert fetched.listing("d/images") is None
    write("d/images/mine.jpg")
    own = fetched.listing("d/images")
    assert own and fetched.listing("d/images/*.jpg") == own
    write("d/images/other.jpg")
    assert fetched.listing("d/images") != own


def test_a_folder_is_checked_once_all_its_files_are_fetched(study):
    rows = {"s": {"stimuli": "s", "source": "folder", "path": "d/images"}}
    for names, expected in ((IMAGES[:2], []), (IMAGES, ["s"])):
        write(*names)
        findings = Findings()
        assert [name for name, _ in files.there(study, "stimuli", rows, findings)] == expected
        assert findings.faults == [] and findings.pending == (["d/images"] if not expected else [])


def test_a_recording_is_checked_once_what_its_card_names_is_fetched(study):
    write("config/real/card.yaml")
    Path("config/real/card.yaml").write_text("responses: ../../d/r.npy\ntime_bins: [[0, 100]]\n")
    Path("config/downloads.tsv").write_text(SHEET + "r\thttps://x/r.npy\td/r.npy\n")
    fetched.downloads.cache_clear()
    rows = {"r": {"recording": "r", "reader": "arrays", "path": "config/real/card.yaml"}}
    findings = Findings()
    assert list(files.there(study, "recordings", rows, findings)) == []
    assert findings.pending == ["d/r.npy"] and findings.faults == []
    write("d/r.npy")
    assert [name for name, _ in files.there(study, "recordings", rows, Findings())] == ["r"]


class Used:
    """A study that uses every row."""

    def in_use(self):
        return {"stimuli": {"s"}, "recordings": {"r"}}

    def section(self, sheet):
        return {"sheet": f"{sheet}.tsv"}


@pytest.fixture
def study() -> Used:
    return Used()
