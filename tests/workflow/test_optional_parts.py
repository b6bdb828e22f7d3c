"""Claims about the README's studies of a recording, of maps or of a table only: they run as it says.

A block whose first line names a file is that file. Images, responses and fixations are made here.
"""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(1200)
SECTION = "## A study needs only what it measures"
N = 60


def follow(folder):
    """Write the files of the README's section."""
    text = (ROOT / "README.md").read_text()
    section = text[text.index(SECTION) :].split("\n## ")[0]
    for name, content in re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", section, re.M | re.S):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return section


def write_data(folder):
    """Write photographs of noise, a recording of them and fixations on them."""
    rng = np.random.default_rng(0)
    names = [f"{i:02d}.png" for i in range(N)]
    (folder / "photos").mkdir()
    for name in names:
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse.repeat(8, 0).repeat(8, 1)).save(folder / "photos" / name)
    signal = rng.normal(size=(N, 6, 1))
    np.save(folder / "data/responses.npy", signal + 0.5 * rng.normal(size=(N, 6, 4)))
    pd.DataFrame({"stimulus_id": names}).to_csv(folder / "data/stimuli.csv", index=False)
    rows = [
        (person, name, *rng.integers(0, 64, 2)) for name in names for person in range(4) for _ in range(3)
    ]
    pd.DataFrame(rows, columns=["person", "image", "x", "y"]).to_csv(
        folder / "data/fixations.csv", index=False
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory, snakemake):
    """Folders in which the README was followed and one of its studies ran, by its config."""

    def run(config):
        folder = tmp_path_factory.mktemp(config)
        follow(folder)
        write_data(folder)
        done = snakemake(folder, "--configfile", f"{config}.yaml")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return folder / "results"

    return run


def outcome(results):
    """Score table, trend, report and methods of a run."""
    trend = json.loads((results / "trend.json").read_text())
    methods = " ".join((results / "methods.md").read_text().split())
    assert (results / "figures/accuracy_vs_alignment.png").stat().st_size > 5000
    return pd.read_csv(results / "scores.csv"), trend, (results / "report.html").read_text(), methods


def test_the_section_names_every_study_that_is_run_here(tmp_path):
    section = follow(tmp_path)
    configs = {path.stem for path in tmp_path.glob("*.yaml")}
    assert configs == {"recordings_only", "maps_only", "table_only"}
    assert "snakemake --cores all --configfile FILE" in section


def test_a_study_of_a_recording_only(ran):
    scores, trend, report, methods = outcome(ran("recordings_only"))
    assert set(scores["benchmark"].str.split("/").str[0]) == {"neural"}
    assert scores[scores["metric"] == "pls"]["value"].notna().all()
    assert trend["accuracy"] is None
    [panel] = trend["panels"]
    assert {entry["model"] for entry in panel["by_model"]} == {"a", "b"}
    for told in (report, methods):
        assert "no labelled images in this study" in told and "no importance maps in this study" in told
    assert "**Accuracy.**" not in methods and "There is no accuracy in this study" in methods


def test_a_study_of_maps_only_without_labels(ran):
    scores, trend, report, methods = outcome(ran("maps_only"))
    clickme = scores[(scores["benchmark"] == "clickme/people") & (scores["metric"] == "spearman")]
    assert set(clickme[clickme["convention"] == "rho"]["model"]) == {"a", "b"}
    # Fixations of noise lie anywhere: over 60 images a mean ρ has a standard error below .05.
    assert clickme[clickme["convention"] == "rho"]["value"].abs().max() < 0.2
    attacks = scores[scores["benchmark"] == "attacks/people"]
    assert (
        attacks["value"].isna().all() and attacks["status"].str.contains("label space none of people").all()
    )
    assert trend["accuracy"] is None and trend["panels"][0]["measure"] == "clickme"
    assert len(trend["panels"][0]["by_model"]) == 2
    assert "of that of the class that the model answers where images have no label" in methods
    for told in (report, methods):
        assert "no recordings in this study" in told and "no labelled images in this study" in told


def test_a_study_of_a_table_only(ran):
    scores, trend, report, methods = outcome(ran("table_only"))
    assert scores["value"].tolist() == [0.698, 0.41, 0.761, 0.43]
    [panel] = trend["panels"]
    places = {point["model"]: (point["x"], point["y"]) for point in panel["points"]}
    assert places == {"resnet18": (0.698, 0.41), "resnet50": (0.761, 0.43)}
    assert panel["title"] == "IT predictivity" and panel["x_label"] == "top-1 accuracy, imagenet"
    assert "data/scores.csv (4 scores of 2 models), not measured here" in methods
    assert "Not measured" in report and "resnet50" in report
