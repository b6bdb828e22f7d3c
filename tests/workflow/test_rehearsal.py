"""The rehearsal of the full study: contents in the public formats, and a small one run to the report."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from visalign.recordings.arcaro import read_activity
from visalign.recordings.assembly import read_assembly
from visalign.stimuli import brainscore, clickme, folders

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "bench/rehearse"))
import account  # noqa: E402
import contents  # noqa: E402

SMALL = contents.Sizes(0.001)


def test_the_public_sizes_are_those_of_scale_1():
    sizes = contents.Sizes(1)
    images = [sizes.objects * n for n in sizes.of_object]
    assert sum(images) == 3200
    assert sum(n * shown for n, shown in zip(images, contents.PRESENTATIONS, strict=True)) == 148_480
    assert sum(contents.NEUROIDS.values()) == 256 and contents.NEUROIDS["IT"] == 168
    assert sizes.classes == 1000
    assert [sizes.grid(side) for side, _, _ in contents.ARRAYS.values()] == [17, 17, 9]


def test_no_two_images_of_a_set_have_the_same_bytes(tmp_path):
    n = contents.write_imagenet(tmp_path / "val", SMALL)
    files = list((tmp_path / "val").rglob("*.JPEG"))
    assert len(files) == n == 5 * SMALL.classes
    assert len({hashlib.sha256(file.read_bytes()).digest() for file in files}) == n
    found = folders.from_folders(tmp_path / "val", "imagenet-1k")
    assert found.labels is not None and len(set(found.labels)) == SMALL.classes
    bases = contents.Bases((32, 32))
    first = [bases.shifted(index)[0].tobytes() for index in range(2 * len(bases))]
    assert len(set(first)) == len(first)
    with pytest.raises(ValueError, match="there are 76800"):
        bases.shifted(76_800)


def test_shards_are_read_as_the_public_ones(tmp_path):
    shards = [tmp_path / f"val-{index}.tfrecords" for index in range(2)]
    n = contents.write_clickme(shards, SMALL, images=2)
    records = [record for shard in shards for record in clickme.read_clickme(shard)]
    assert len(records) == n == 8
    assert {record.image.shape for record in records} == {(256, 256, 3)}
    assert all(record.heatmap.max() > 200 for record in records)


def test_the_assembly_and_its_images_are_read_as_brain_scores(tmp_path):
    table, archive, assembly = tmp_path / "hvm.csv", tmp_path / "hvm.zip", tmp_path / "hvm.nc"
    written = contents.write_brainscore(table, archive, assembly, SMALL)
    recording = read_assembly(assembly, "IT")
    assert recording.dtype == np.float32 and recording.sizes["neuroid"] == 168
    presented = np.isfinite(recording.values[:, :, 0, 0]).sum(axis=1)
    assert presented.sum() == written["presentations"] and set(presented) == {28, 51}
    with zipfile.ZipFile(archive) as zipped:
        members, unread = brainscore.members_of(str(table), str(archive), zipped, "")
    assert {member.stimulus_id for member in members} == set(recording.stimulus_id.values)
    objects, tenth = set(recording.object_name.values), len(members) // 10
    assert written["images"] == len(members) and len(objects) <= tenth  # a test set can hold each object
    assert not unread and recording.attrs["simulated"] == 1


def test_activity_of_both_versions_is_read(tmp_path):
    grids = contents.write_arcaro(tmp_path / "arcaro.zip", SMALL)
    with zipfile.ZipFile(tmp_path / "arcaro.zip") as zipped:
        zipped.extractall(tmp_path)
    for name, (_, channels, _) in contents.ARRAYS.items():
        activity = read_activity(tmp_path / f"{name}.mat", "51-90,211-250", "ML", "george")
        assert activity.shape == (contents.SCENES * grids[name] ** 2, 1, channels, 2)
    assert len(list((tmp_path / "scenes").iterdir())) == contents.SCENES


def test_the_account_sums_the_timings_of_each_rule_beside_its_forecast(tmp_path):
    for name, seconds, cpu, memory in (
        ("gram/a/b", 2, 1.5, 100),
        ("gram/a/c", 3, 2.5, 250),
        ("scores", 1, 1, 90),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.tsv").write_text(f"s\tcpu_time\tmax_rss\n{seconds}\t{cpu}\t{memory}\n")
    planned = {"hours": {"gram": 0.001}, "memory_mb": {"gram": 300}}
    gram, scores = account.lines(account.timings(tmp_path), planned)
    assert (gram.rule, gram.jobs, gram.seconds) == ("gram", 2, 5)
    assert gram.seconds_forecast == pytest.approx(3.6) and gram.memory_mb_forecast == 300
    assert gram.memory_mb == pytest.approx(250 * 2**20 / 1e6)
    assert (scores.rule, scores.seconds_forecast) == ("scores", None)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_small_rehearsal_reaches_the_report_within_its_forecast_of_memory(tmp_path):
    folder = tmp_path / "rehearsal"
    command = [sys.executable, str(ROOT / "bench/rehearse"), "--scale", "0.01", "--folder", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-1000:] + result.stderr[-3000:]
    found = json.loads((folder / "account.json").read_text())
    rules = {line["rule"]: line for line in found["rules"]}
    assert {
        "downloads",
        "recordings",
        "neural",
        "clickme_score",
        "attacks_score",
        "report_study",
    } <= rules.keys()
    assert rules["downloads"]["jobs"] == 17 + 4
    exceeded = {
        rule: (line["memory_mb"], line["memory_mb_forecast"])
        for rule, line in rules.items()
        if line["memory_mb"] is not None and line["memory_mb"] > line["memory_mb_forecast"]
    }
    assert not exceeded
    assert rules["neural"]["memory_mb"] > 100  # it was looked at
    assert "SIMULATED" in (folder / "results/report.html").read_text().upper()
    with (folder / "results/scores.csv").open() as scores:
        neural = [line for line in scores if ",neural/majajhong2015" in line]
    assert neural and all(",True," in line or ",true," in line for line in neural)
