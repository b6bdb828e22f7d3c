"""Claims about the study of real recordings, `make real`; its files come from a mirror on the loopback.

The copies that the mirror serves lie beside the repository and are no part of it; without them these tests
are skipped.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from real_mirror import REAL, mirror

from visalign import cli
from visalign.io import checksums
from visalign.io.downloads import expand_rows
from visalign.io.sheets import read_sheet
from visalign.study import files
from visalign.study.files import Findings
from visalign.study.study import Study

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=f"the recordings are not at {REAL}")
#: A few of the models, which show that each stage runs on the data.
MODELS = ["lite0_80", "lite0_untrained", "pixels", "centre"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with all files of the study, fetched by the stage of the rule."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "config").symlink_to(ROOT / "config")
    rows = expand_rows(read_sheet(ROOT / "config/downloads.tsv", "downloads", "name"))
    before = (ROOT / "config/checksums.tsv").read_bytes()
    with pytest.MonkeyPatch.context() as patch, mirror() as url:
        patch.chdir(folder)
        patch.setenv("no_proxy", "127.0.0.1")
        for path, row in rows.items():
            if path.startswith("data/real/"):
                given = [f"--sha256={row['sha256']}"] if "sha256" in row else []
                where = ["--output", path, "--checksums", "config/checksums.tsv", "--mirror", url]
                cli.main(["downloads", "--url", row["url"], *given, *where])
    assert (ROOT / "config/checksums.tsv").read_bytes() == before  # each had its checksum
    return folder


@pytest.fixture
def here(folder, monkeypatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def stage(command: str, **row: object) -> None:
    """Run a command in this process, with the columns of a row of a sheet as its options."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in row.items() if value not in ("", None)]
    cli.main([*command.split(), *words])


@pytest.fixture
def study(here) -> Study:
    config = yaml.safe_load(Path("config/real.yaml").read_text())
    config["models"]["select"] = MODELS
    return Study.read(config, "config/real.yaml")


def test_every_file_is_the_public_one(here):
    copies = {
        "data/real/v4/responses_210325.npy": "v4_210325/responses_raw.npy",
        "data/real/v4/images_210325.zip": "v4_210325/images.zip",
        "data/real/osie/fixations.mat": "osie/fixations.mat",
        "data/real/osie/images/1050.jpg": "osie/stimuli/1050.jpg",
    }
    for path, copy in copies.items():
        assert checksums.of(path, "sha256") == checksums.of(REAL / copy, "sha256")
    assert sum(path.is_file() for path in Path("data/real").rglob("*")) == 54
    assert sum(path.stat().st_size for path in Path("data/real").rglob("*") if path.is_file()) < 14e6


def test_the_sheets_fit_the_files(study):
    findings = Findings()
    files.examine(study, findings)
    assert (findings.faults, findings.pending, findings.unread) == ([], [], {})
    assert findings.images == {"photographs": 20, "v4_images": 640, "objects_92": 92, "osie": 50}


def test_every_recording_and_map_set_is_cited_with_its_licence(study):
    for row in (*study.recordings.values(), *study.maps.values()):
        assert re.search(r"\b(19|20)\d\d\b", row["citation"]) and row["licence"] in ("GPL-3.0", "MIT")
        assert not row["simulated"]


def test_v4_is_read_as_it_was_published(here):
    row = {"source": "archive", "path": "data/real/v4/images_210325.zip"}
    stage("stimuli", name="v4_images", images="v4_images", table="v4_images.csv", **row)
    table = pd.read_csv("v4_images.csv")
    assert table["stimulus_id"].tolist() == [f"image{number:04d}.jpg" for number in range(1, 641)]
    assert set(table["height"]) == set(table["width"]) == {112}
    outputs = {"output": "v4.nc", "ceilings": "v4.csv", "recording_card": "v4.json", "table": "v4_images.csv"}
    stage("recordings", name="v4", reader="arrays", path="config/real/v4.yaml", region="V4", **outputs)
    card = json.loads(Path("v4.json").read_text())
    assert (card["n_stimuli"], card["n_neuroids"], card["simulated"]) == (640, 50, False)
    assert card["repetitions_per_stimulus"] == {"min": 6, "median": 8, "max": 10}
    assert card["regions"] == {"V4": 50}
    assert card["ceiling"]["value"] == pytest.approx(0.75, abs=0.03)  # .750 by plain halves, of all neurons


@pytest.mark.slow
def test_the_study_runs_to_a_report_in_which_nothing_is_simulated(folder):
    chosen = {"sheet": "config/models/embedded.tsv", "select": MODELS}
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", "config/real.yaml", "--config", f"models={json.dumps(chosen)}"]
    subprocess.run(command, cwd=folder, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    results = folder / "results"
    scores = pd.read_csv(results / "scores.csv")
    assert not scores["simulated"].astype(bool).any()
    value = scores.set_index(["model", "benchmark", "metric", "convention"])["value"]
    v4 = [
        index for index in value.index if index[1].startswith("neural/v4/V4") and index[2:] == ("pls", "r2/c")
    ]
    named = {index[0]: value[index] for index in v4}
    assert named["lite0_80"] > named["pixels"] > 0.02
    report, methods = (results / "report.html").read_text(), (results / "methods.md").read_text()
    text = " ".join(methods.split())
    assert "simulated" not in text.lower()
    for words in ("licence GPL-3.0", "licence MIT", "Kriegeskorte", "Cowley", "Xu, Jiang"):
        assert words in text and words in report
    shown, data = re.sub("<script.*?</script>", "", report, flags=re.S), re.sub(r"\s", "", report)
    assert "V4 predictivity" in shown and "SIMULATED" not in shown
    assert '"simulated":false' in data and '"simulated":true' not in data
