"""Claims about the plan of a study: exact jobs and bytes, and hours that a measured run's law foretells."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest

from visalign.errors import InputError
from visalign.study import costs, gpus, hours
from visalign.study import plan as planning
from visalign.study.hours import Timed
from visalign.study.jobs import dry_run, load
from visalign.study.memory import Memory
from visalign.study.plan_text import text
from visalign.tools import plan as tool

ROOT = Path(__file__).parents[3]
CONFIG = """
models: {sheet: models.tsv}
stimuli: {sheet: stimuli.tsv}
recordings: {sheet: recordings.tsv}
maps: {sheet: maps.tsv}
accuracy: {stimuli: [photos]}
attacks: {count: 5, budget: 20}
clickme: {revelation: {count: 8, levels: [1, 10, 100]}}
"""
SHEETS = {
    "models.tsv": "model\tarchitecture\tweights\tsource\tparameters\n"
    "net\tresnet18\thub\ttv_in1k\t11000000\n"
    "twin\tresnet18\trandom\t0\t11000000\n",
    "stimuli.tsv": "stimuli\tsource\tpath\tlabel_space\tcount\n"
    "photos\tfolder\tdata/photos\timagenet-1k\t100\n"
    "clickme\ttfrecord\tdata/clickme/val/val-*.tfrecords\timagenet-1k\t30\n"
    "views\tfolder\tdata/views\t\t14\n",
    "recordings.tsv": "recording\treader\tpath\tstimuli\tregion\tsubject\twindows\tgrid\n"
    "sites\tassembly\tdata/sites.nc\tphotos\t\t\t\t\n"
    "maps\tarcaro\tdata/ml.mat\tviews\tML\tg\t51-90\t9\n",
    "maps.tsv": "maps\treader\tpath\tstimuli\tceiling\n"
    "clickme\ttfrecord\tdata/clickme/val/val-*.tfrecords\tclickme\t0.6\n",
}


DATA_CONFIG = {
    "input_size": [3, 224, 224],
    "interpolation": "bilinear",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "crop_pct": 0.875,
    "crop_mode": "center",
}


@pytest.fixture
def study(tmp_path, monkeypatch, known_models):
    """A study in the current folder, none of whose sources are there."""
    monkeypatch.chdir(tmp_path)
    for name, content in {"study.yaml": CONFIG, **SHEETS}.items():
        Path(name).write_text(content)
    known_models(DATA_CONFIG)
    return load(Path("study.yaml"))


@pytest.fixture
def sizes(study):
    return Memory(study, Path("results"))


def plan(*arguments):
    """Run the tool."""
    parser = ArgumentParser()
    tool.add_arguments(parser)
    tool.run(parser.parse_args(arguments))


def test_the_jobs_are_those_that_snakemake_counts(study, capsys):
    plan("study.yaml", "--json", "--scratch", "scratch")
    planned = json.loads(capsys.readouterr().out)
    command = ["snakemake", "--dry-run", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", "study.yaml", "--directory", "scratch", "--config", "check=False"]
    result = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    stats = re.findall(r"^(\w+) +(\d+)$", result.stdout + result.stderr, re.M)
    counts = {rule: int(count) for rule, count in stats}
    assert counts.pop("total") == sum(planned["jobs"].values()) + counts.pop("all")
    assert counts == planned["jobs"]
    assert planned["jobs"]["gram"] == 4  # two models, two recordings of different images
    assert planned["hours"]["features"] is None  # nothing was measured
    assert planned["downloads"] == {
        "weights": 1,
        "weights_bytes": 44_000_000,
        "files": [f"data/clickme/val/val-{number}.tfrecords" for number in range(17)],
    }


def test_work_is_what_a_network_does(sizes):
    forward = 224**2 * 11_000_000
    assert sizes.work("features", ("net", "photos")) == 100 * forward
    assert sizes.work("attacks_perturb", ("net", "clickme")) == 5 * 20 * 3 * forward
    assert sizes.work("clickme_reveal", ("net", "clickme")) == 8 * 3 * forward
    assert sizes.work("gram", ("net", "views", "grid-9")) == (14 * 81) ** 2
    assert sizes.work("neural", ("net", "sites")) == 100**2
    assert sizes.work("report_study", ()) == 0
    with pytest.raises(KeyError):
        sizes.work("features", ("other", "photos"))


def test_a_gradient_takes_as_long_backward_as_forward_and_a_training_is_all_its_batches(sizes):
    assert sizes.passes("saliency", ("net", "clickme")) == (30, 30)
    assert sizes.passes("attacks_perturb", ("net", "clickme")) == (2 * 5 * 20, 5 * 20)
    assert sum(sizes.passes("gram", ("net", "photos", "whole_image"))) == 0
    recipe = {"steps": 7, "batch_size": 4, "supervision": "harmonizer"}
    sizes.study.trained["net"] = recipe
    assert sizes.passes("train_fit", ("net",)) == (28, 5 * 28)
    sizes.study.trained["net"] = recipe | {"supervision": "none"}
    assert sizes.passes("train_fit", ("net",)) == (28, 2 * 28)


def test_stages_sum_their_rules_and_share_what_was_measured(sizes):
    jobs = [
        ("clickme_score", ("net", "clickme")),
        ("clickme_reveal", ("net", "clickme")),
        ("features", ("net", "photos")),
        ("gram", ("net", "photos", "whole_image")),
    ]
    times = {
        "clickme_score": ([1.0], [60.0]),
        "clickme_reveal": ([1.0], [120.0]),
        "features": ([1.0], [540.0]),
    }
    stages = planning.plan(jobs, sizes, Timed.of(times))["stages"]
    assert list(stages) == ["clickme", "features", "gram"]
    assert stages["clickme"]["jobs"] == 2
    assert stages["clickme"]["hours"] == pytest.approx(180 / 3600)
    assert stages["clickme"]["share"] == pytest.approx(0.25)
    assert (stages["clickme"]["passes"], stages["features"]["passes"]) == (8 * 3, 100)
    multiplications = 1.81e9  # of ResNet-18 (timm's table of benchmarks: 1.82)
    assert stages["features"]["operations"] == pytest.approx(2 * 100 * multiplications, rel=0.02)
    assert stages["gram"] == {"jobs": 1, "hours": None, "share": None, "passes": 0, "operations": 0}


def test_hours_on_gpus_are_those_of_passes_and_starts(sizes):
    jobs = [("features", ("net", "photos")), ("saliency", ("net", "clickme")), ("trend", ())]
    planned = planning.plan(jobs, sizes, Timed({}), gpus.parse(["v100"]))
    each = gpus.GPUS["v100"].seconds(gpus.of_model(sizes, "net"))
    found = planned["gpus"]["v100"]
    assert found["origin"] == "published"
    assert found["hours"] == pytest.approx(
        {"features": (gpus.START + 100 * each) / 3600, "saliency": (gpus.START + 60 * each) / 3600}
    )
    assert "v100: published; 15.7 TFLOPS, 900 GB/s" in text(planned)


def test_hours_on_other_gpus_are_scaled_from_a_measured_one(sizes):
    """Jobs of 3 s, and 2 s per image, on one GPU: on one of half its speed 3 s, and 4 s per image."""
    work = [images * 224**2 * 11_000_000 for images in (10, 30)]
    fast, slow = gpus.parse(["mine=1000", "other=500"])
    timed = Timed.of({"features": (work, [23.0, 63.0])}, ran_on=fast)
    planned = planning.plan([("features", ("net", "photos"))], sizes, timed, [fast, slow])
    assert planned["gpus"]["mine"]["hours"]["features"] == pytest.approx(203 / 3600)
    assert planned["gpus"]["other"]["hours"]["features"] == pytest.approx(403 / 3600)
    assert planned["gpus"]["mine"]["origin"] == "measured"
    assert planned["gpus"]["other"]["origin"] == "scaled from mine"


def test_a_low_level_model_takes_no_gpu(study):
    with Path("models.tsv").open("a") as sheet:
        sheet.write("bank\tgabor-energy\tlow-level\t\t\n")
    sizes = Memory(load(Path("study.yaml")), Path("results"))
    planned = planning.plan([("features", ("bank", "photos"))], sizes, Timed({}), gpus.parse(["v100"]))
    assert planned["gpus"]["v100"]["hours"] == {}
    assert planned["stages"]["features"]["passes"] == 0


def test_a_gpu_of_the_timings_needs_timings(study):
    with pytest.raises(
        InputError, match=r"--measured-gpu 'a100': --timings results/benchmarks: no such folder"
    ):
        plan("study.yaml", "--measured-gpu", "a100")


def test_one_call_plans_order_smaller_study_and_falls(study, capsys):
    plan("study.yaml", "--json", "--gpu", "t4", "--order", "--half-width", "0.1", "clickme=0.07")
    planned = json.loads(capsys.readouterr().out)
    assert [step["measure"] for step in planned["order"]["steps"]][-1] == "rest"
    assert sum(step["jobs"] for step in planned["order"]["steps"]) == sum(planned["jobs"].values())
    widths = {need["panel"]: need["half_width"] for need in planned["smaller"]["needs"]}
    assert widths == {"clickme": 0.07, "adversarial_alignment": 0.1, "perturbation_tolerance": 0.1}
    assert planned["smaller"]["images"] == {"clickme": 21}  # (1.96 × .16 / .07)² = 20.1
    assert planned["smaller"]["gpu_hours"]["t4"] < sum(planned["gpus"]["t4"]["hours"].values())
    assert "falls" in planned and planned["falls"] == []  # two models have no trend


def test_disk_is_the_size_of_the_stores(sizes):
    assert sizes.disk("preprocess", ("photos", "224x200-center-0.875-bicubic")) == 100 * 224 * 200 * 3
    assert sizes.disk("attacks_perturb", ("net", "clickme")) == 5 * 224**2 * 3 * 2
    assert sizes.disk("saliency", ("net", "clickme")) == 30 * 224**2 * 4 * 2
    assert sizes.disk("features", ("net", "photos")) == 100 * costs.FEATURE_BYTES
    assert sizes.disk("features", ("net", "clickme")) == 30 * 2 * 1000  # logits of 1000 classes
    assert sizes.disk("models_weights", ("resnet18-hub-tv_in1k",)) == 2 * 44_000_000
    assert sizes.disk("models_weights", ("resnet18-random-0",)) == 44_000_000


def test_images_are_counted_where_a_run_listed_them(sizes):
    Path("results/stimuli").mkdir(parents=True)
    Path("results/stimuli/photos.csv").write_text('stimulus_id,note\na,"two\nlines"\nb,\n')
    assert (sizes.images("photos"), sizes.images("views")) == (2, 14)


def test_hours_follow_the_law_of_the_measured_run(sizes):
    """Jobs of 3 s and 2 s per image on 10 and 30 images foretell those on 100."""
    work = [images * 224**2 * 11_000_000 for images in (10, 30)]
    times = {"features": (work, [23.0, 63.0])}
    jobs = [
        ("features", ("net", "photos")),
        ("features", ("twin", "photos")),
        ("saliency", ("net", "clickme")),
    ]
    planned = planning.plan(jobs, sizes, Timed.of(times))
    assert planned["hours"]["features"] == pytest.approx(2 * 203 / 3600)
    assert planned["network_hours"] == pytest.approx(2 * 203 / 3600)
    assert planned["hours"]["saliency"] is None


def test_low_level_models_are_sized_and_timed_apart_from_networks(study):
    with Path("models.tsv").open("a") as sheet:
        sheet.write("bank\tgabor-energy\tlow-level\t\t\n")
    sizes = Memory(load(Path("study.yaml")), Path("results"))
    jobs = [("features", ("net", "photos")), ("features", ("bank", "photos"))]
    assert sizes.work(*jobs[1]) == 100 * 224**2
    assert sizes.disk(*jobs[1]) == 100 * 32 * 28**2 * 4
    assert sizes.disk("models_weights", ("gabor-energy-low-level-1",)) == 0
    times = {"features": ([sizes.work(*jobs[0])], [60.0]), "features of low-level models": ([5e6], [5.0])}
    planned = planning.plan(jobs, sizes, Timed.of(times))
    assert planned["hours"]["features"] == pytest.approx(65 / 3600)


def test_memory_is_that_of_the_largest_job_of_a_rule(sizes):
    jobs = [("saliency", ("net", "clickme")), ("gram", ("net", "views", "grid-9")), ("models_card", ("net",))]
    own = Memory(sizes.study, sizes.results)
    planned = planning.plan([*jobs, ("gram", ("net", "photos", "whole_image"))], sizes, Timed({}))
    assert planned["memory_mb"].keys() == {"saliency", "gram", "models_card"}
    assert planned["memory_mb"]["gram"] == max(
        own.mb("gram", ("net", "views", "grid-9")), own.mb("gram", ("net", "photos", "whole_image"))
    )
    assert planned["memory_mb"]["saliency"] > planned["memory_mb"]["models_card"] > 0
    largest = max(planned["memory_mb"].values()) / 1000
    assert f"Memory of the largest job: {largest:.1f} GB" in text(planned)


def test_a_fit_never_foretells_less_than_nothing():
    assert hours.fit([1, 2, 3], [5, 4, 3]) == pytest.approx((4, 0))
    assert hours.fit([1, 2, 3], [1, 3, 5]) == pytest.approx((0, 22 / 14))  # through the origin
    assert hours.fit([0, 0], [2, 4]) == (3, 0)


def test_timings_are_read_and_those_of_other_studies_left_out(sizes):
    header = "s\th:m:s\tmax_rss\n"
    for name, seconds in {"features/net/photos": 7.5, "features/other/photos": 9, "trend": 2}.items():
        Path(f"results/benchmarks/{name}.tsv").parent.mkdir(parents=True, exist_ok=True)
        Path(f"results/benchmarks/{name}.tsv").write_text(f"{header}{seconds}\t0:00:01\t3.2\n")
    found = hours.measured(Path("results/benchmarks"), sizes)
    assert found == {"features": ([sizes.work("features", ("net", "photos"))], [7.5]), "trend": ([0], [2])}


def test_the_text_names_every_rule_and_assumption(sizes):
    written = text(planning.plan([("features", ("net", "photos"))], sizes, Timed({})))
    assert "features" in written and "?" in written
    assert all(assumption in written for assumption in planning.ASSUMPTIONS)


def test_a_study_that_cannot_be_planned_is_an_error(study):
    with pytest.raises(InputError, match=r"absent.yaml: no such file"):
        plan("absent.yaml")
    Path("scratch").mkdir()
    with pytest.raises(InputError, match=r"(?s)study.yaml: .*models.tsv: no such file"):
        list(dry_run(Path("study.yaml"), Path("scratch")))


def test_the_text_has_order_smaller_study_and_falls_where_they_are_asked_for(sizes):
    jobs = [("saliency", ("net", "clickme")), ("attacks_perturb", ("net", "clickme"))]
    kinds, wanted = gpus.parse(["a100"]), {"clickme": 0.07, "adversarial_alignment": 0.3}
    planned = planning.plan(jobs, sizes, Timed({}), kinds)
    plain = text(planned)
    assert "Cheapest order" not in plain and "Images for" not in plain and "Smallest fall" not in plain
    step = {"measure": "clickme", "command": "snakemake --until x", "panels": 3, "jobs": 7, "hours": 1.5}
    planned["order"] = {"steps": [step, step | {"hours": None}], "draw": "snakemake figure.png"}
    planned["smaller"] = planning.of_smaller(jobs, sizes, Timed({}), kinds, wanted)
    planned["falls"] = [
        {"models": 60, "fall": 2.04, "share": 0.5},
        {"models": 20, "fall": None, "share": 1 / 6},
    ]
    written = text(planned)
    assert re.search(r"clickme +3 panels +1\.5 hours +7 jobs: +snakemake --until x\n", written)
    assert re.search(r"clickme +3 panels +\? hours", written)
    assert "drawn by: snakemake figure.png" in written
    assert re.search(r"clickme +0\.070 +21 +30 \(±0\.057\) +0\.160 assumed\n", written)
    assert "images of clickme: 21" in written
    assert re.search(r"hours of networks on a100: [\d.]+ instead of [\d.]+\n", written)
    assert "60 models (50% of the study's, and of its hours): 2.0 SD" in written
    assert "20 models (17% of the study's, and of its hours): none" in written
    assert "Fewer than 10 models have no trend." in text(planned | {"falls": []})
