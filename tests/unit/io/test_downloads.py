"""Claims about ranges of files to fetch, their sheet, and the record of their checksums."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from visalign.errors import InputError
from visalign.io import downloads
from visalign.io.sheets import read_sheet

ROOT = Path(__file__).parents[3]
CONTENT = b"a file"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SHA1 = hashlib.sha1(CONTENT).hexdigest()


def test_records_of_simultaneous_downloads_are_all_kept(tmp_path):
    (tmp_path / "a").write_bytes(CONTENT)
    record = tmp_path / "sums.tsv"
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(lambda i: downloads.record_checksum(record, f"http://x/{i}", tmp_path / "a"), range(24))
        )
    assert all(downloads.read_checksum(record, f"http://x/{i}") == {"sha256": SHA256} for i in range(24))


# --- the sheet ---


@pytest.mark.parametrize(
    ("template", "files"),
    [
        ("http://x/a.zip", ["http://x/a.zip"]),
        ("v-{0..2}.t", ["v-0.t", "v-1.t", "v-2.t"]),
        ("{9..11}", ["9", "10", "11"]),
        ("{7..7}", ["7"]),
    ],
)
def test_ranges_are_expanded_with_both_ends(template, files):
    assert downloads.expand(template) == files


@pytest.mark.parametrize("template", ["a-{3..1}", "{0..1}/{0..1}"])
def test_other_ranges_are_refused(template):
    with pytest.raises(InputError, match="not one rising range"):
        downloads.expand(template)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"url": "u-{0..2}", "path": "p-{0..1}"}, "one: path: 2 files, but url has 3"),
        ({"url": "u-{0..1}", "path": "p-{0..1}", "sha1": SHA1}, "one: one checksum for 2 files"),
        ({"url": "u", "path": "q"}, "two: path: 'q' is there twice"),
    ],
)
def test_rows_that_contradict_themselves_are_named(row, message):
    with pytest.raises(InputError, match=message):
        downloads.expand_rows({"one": row, "two": {"url": "v", "path": "q"}})


def test_the_sheet_names_every_shard_and_file():
    rows = read_sheet(ROOT / "config/downloads.tsv", "downloads", "name")
    found = downloads.expand_rows(rows)
    assert len(found) == 318 + 17 + 3 + 1 + 4 + 54  # ClickMe, MajajHong2015, Arcaro, published tables, real
    last = found["data/clickme/val/val-16.tfrecords"]
    assert last["url"].endswith("/prj_harmonization/dataset/click-me/val/val-16.tfrecords")
    assert found["data/brainscore/stimulus_hvm-public.zip"]["sha1"].startswith("8aa44e03")
    assert all("sha1" in row or "sha256" in row or "[?]" in row["note"] for row in found.values())
