import csv
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from visalign.study.jobs import job_of, load
from visalign.study.memory import MB, Memory

pytestmark = pytest.mark.timeout(1200)
ROOT = Path(__file__).parents[2]
IT = "neural/it_simulated/IT/70-170/whole_image"


@pytest.fixture(scope="module")
def scores(small_study):
    return pd.read_csv(small_study / "results/scores.csv", keep_default_na=True)


def value(scores, model, metric, convention=None, benchmark=None):
    rows = scores[(scores.model == model) & (scores.metric == metric)]
    if convention:
        rows = rows[rows.convention == convention]
    if benchmark:
        rows = rows[rows.benchmark == benchmark]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def truth(small_study, kind, name):
    return json.loads((small_study / f"results/simulate/{kind}/{name}_truth.json").read_text())


def test_every_model_has_every_measure_as_a_value_or_a_reason(scores):
    for model in ("lite0", "lite1", "untrained"):
        own = scores[scores.model == model]
        measures = {benchmark.split("/")[0] for benchmark in own.benchmark}
        assert measures == {"accuracy", "neural", "clickme", "attacks"}
        assert own[own.value.isna()].status.str.len().gt(5).all()
        assert own[own.value.notna()].status.str.startswith("ok").all()
        scenes = value(scores, model, "top1", benchmark="accuracy/scenes")
        assert np.isnan(scores.loc[scenes.name, "value"])
        assert "label space scenes-8" in scenes.status


def test_trained_models_recognise_photographs_and_untrained_ones_do_not(scores):
    def top1(model):
        return value(scores, model, "top1", benchmark="accuracy/photographs").value

    assert top1("lite0") >= 0.4
    assert top1("untrained") <= 0.1


def test_the_teachers_layer_is_found_best_and_close_to_its_ceiling(scores, small_study):
    planted = truth(small_study, "recordings", "it_simulated")
    curves = scores[(scores.metric == "pls_layer") & (scores.benchmark == IT)].astype({"value": float})
    best = curves.loc[curves.value.idxmax()]
    assert (best.model, best.layer) == ("lite0", planted["layer"])
    chosen = value(scores, "lite0", "pls", "r2/c", IT)
    assert chosen.layer == planted["layer"]
    assert chosen.value == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("window", ["51-90", "91-130"])
def test_the_teachers_layer_is_found_best_in_every_window_of_the_grid(scores, small_study, window):
    planted = truth(small_study, "grid", "it_grid_simulated")
    benchmark = f"neural/it_grid_simulated/IT/{window}/grid"
    curves = scores[(scores.metric == "pls_layer") & (scores.benchmark == benchmark)].astype({"value": float})
    best = curves.loc[curves.value.idxmax()]
    assert (best.model, best.layer) == ("lite0", planted["layer"])
    teacher, other, twin = (
        value(scores, m, "pls", "r2/c", benchmark) for m in ("lite0", "lite1", "untrained")
    )
    assert teacher.layer == planted["layer"] and teacher.value == pytest.approx(1, abs=0.2)
    assert teacher.value > other.value > twin.value and twin.value < 0.2
    assert abs(teacher.floor) < 0.1
    # The population mean is predicted better the less noisy the window.
    assert value(scores, "lite0", "pls_grid", benchmark=benchmark).value > 0.4


def test_the_grid_ceilings_match_the_planted_reliability_within_images(small_study):
    planted = truth(small_study, "grid", "it_grid_simulated")["within_image_ceilings"]
    card = json.loads((small_study / "results/recordings/it_grid_simulated.json").read_text())
    for window in card["time_bins"]:
        # 49 positions an image: a split-half r has standard error .1, the mean over 10 images and
        # the median over 30 sites about .01; Pearson over few positions is biased low by as much.
        assert window["ceiling"]["value"] == pytest.approx(planted[window["window"]], abs=0.04)


def test_every_metric_finds_the_teacher_before_its_untrained_twin(scores):
    for metric in ("ridge", "cka", "rsa"):
        convention = "r2/c" if metric == "ridge" else "raw"
        teacher, twin = (value(scores, model, metric, convention, IT) for model in ("lite0", "untrained"))
        assert teacher.value > twin.value and abs(teacher.floor) < 0.1


def test_every_metric_of_the_table_is_known(scores):
    from visalign.measures import METRICS

    assert set(scores.metric) <= set(METRICS)


def test_the_untrained_twin_predicts_worse(scores):
    twin = value(scores, "untrained", "pls", "r2/c", IT)
    assert twin.ci_high < value(scores, "lite0", "pls", "r2/c", IT).ci_low


def test_permuted_responses_score_near_zero(scores):
    assert abs(value(scores, "lite0", "pls", "r", IT).floor) < 0.15


def test_the_neural_ceiling_matches_the_planted_reliability(small_study):
    planted = truth(small_study, "recordings", "it_simulated")["ceilings"]["70-170"]
    card = json.loads((small_study / "results/recordings/it_simulated.json").read_text())
    # Standard error of a neuroid's split-half over 400 stimuli about .025, of their median .005.
    assert card["ceiling"]["value"] == pytest.approx(planted, abs=0.02)


def test_the_map_ceiling_matches_the_planted_reliability(small_study):
    planted = truth(small_study, "clicks", "clickme_simulated")["split_half_reliability"]
    card = json.loads((small_study / "results/maps/clickme_simulated.json").read_text())
    assert card["ceiling"]["value"] == pytest.approx(planted, abs=0.03)


def test_people_look_elsewhere_in_other_images(small_study):
    planted = truth(small_study, "clicks", "clickme_simulated")
    assert planted["split_half_floor"] < 0.6 * planted["split_half_reliability"]
    card = json.loads((small_study / "results/maps/clickme_simulated.json").read_text())
    # One log, and one other image in each of 20 iterations: a standard error of about .02.
    assert card["floor"]["value"] == pytest.approx(planted["split_half_floor"], abs=0.06)


def test_the_teacher_of_the_clicks_looks_most_like_people(scores):
    for convention in ("floor_corrected", "rho"):
        teacher, other, twin = (
            value(scores, model, "spearman", convention, "clickme/clickme_simulated")
            for model in ("lite1", "lite0", "untrained")
        )
        assert teacher.value - teacher.floor > 1.15 * (other.value - other.floor)
        assert other.value - other.floor > 2 * (twin.value - twin.floor)


def test_every_stored_perturbation_fools_its_model(small_study):
    import torch

    from visalign.io import stores
    from visalign.io.files import read_json
    from visalign.zoo import network

    card = read_json(small_study / "results/models/lite0.json")
    weights = next((small_study / "results/models/weights").glob("*lite0-package*.safetensors"))
    model = network.Normalised(network.load(card, weights), card["data_config"])
    attacks = stores.open_store(small_study / "results/attacks/lite0/clickme_simulated.zarr")
    pixels = next((small_study / "results/preprocess/clickme_simulated").glob("96x96-*0.875*.zarr"))
    images = torch.from_numpy(stores.open_store(pixels)["pixels"][:]).float() / 255
    delta = torch.from_numpy(attacks["delta"][:]).float()
    with torch.inference_mode():
        clean = model(images).argmax(1).numpy()
        adversarial = (images + delta).clamp(0, 1)
        fooled = model(adversarial).argmax(1).numpy()
    success = attacks["success"][:]
    labels = pd.read_csv(small_study / "results/stimuli/clickme_simulated.csv").label.to_numpy()
    assert success.any()
    assert np.array_equal(success, clean == labels)
    assert (fooled != labels)[success].all()
    assert np.array_equal(fooled[success], attacks["adversarial_label"][:][success])
    norm = (adversarial - images).flatten(1).double().norm(dim=1).numpy()
    np.testing.assert_allclose(norm[success], attacks["norm"][:][success], rtol=1e-6)


def test_an_untrained_model_has_no_perturbation_tolerance_but_a_reason(scores):
    for convention in ("l2", "rms/image_effects", "rms/common_images"):
        row = value(scores, "untrained", "perturbation_tolerance", convention)
        assert np.isnan(row.value)
        assert row.status == "no clean-correct image to attack"


def test_tolerances_of_two_models_are_compared_on_the_images_that_both_name(scores):
    for model in ("lite0", "lite1"):
        row = value(scores, model, "perturbation_tolerance", "rms/image_effects")
        assert 0 < row.value < 0.01 and row.n > 5


def test_simulated_data_are_marked(scores, small_study):
    simulated = scores.groupby("metric").simulated.agg(["min", "max"])
    assert simulated.loc[["pls", "spearman", "adversarial_alignment"], "min"].all()
    assert not simulated.loc[["top1", "perturbation_tolerance"], "max"].any()
    assert "simulated" in (small_study / "results/figures/accuracy_vs_alignment.svg").read_text()
    assert "simulated" in (small_study / "results/report.html").read_text()


def test_feature_stores_open_with_xarray(small_study):
    store = small_study / "results/features/lite0/photographs.zarr"
    features = xr.open_zarr(store)
    assert features["logits"].dims == ("stimulus", "logits_channel")
    assert features["blocks.5"].dims == ("stimulus", "blocks.5_channel", "blocks.5_y", "blocks.5_x")
    assert features.attrs["weights_sha256"]


def test_figures_and_report_are_there(small_study):
    for suffix in ("png", "svg", "pdf"):
        assert (small_study / f"results/figures/accuracy_vs_alignment.{suffix}").stat().st_size > 5000
    report = (small_study / "results/report.html").read_text()
    assert "untrained" in report
    assert pd.read_parquet(small_study / "results/scores.parquet").shape[1] == 17


def test_a_second_run_has_nothing_to_do(small_study, snakemake):
    result = snakemake(small_study)
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


def test_every_job_left_a_log_and_its_timings(small_study):
    logs, timings = small_study / "logs", small_study / "results/benchmarks"
    jobs = {str(path.relative_to(logs).with_suffix("")) for path in logs.rglob("*.log")}
    assert jobs == {str(path.relative_to(timings).with_suffix("")) for path in timings.rglob("*.tsv")}
    rules = Counter(job.partition("/")[0] for job in jobs)
    files = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    # Nothing is trained or probed.
    idle = {"attacks_control", "attacks_curve", "downloads", "probes", "simulate_answers"}
    named = {rule for rule in re.findall(r"^rule (\w+):", files, re.M) if not rule.startswith("train_")}
    assert rules.keys() == named - idle
    assert rules["attacks_perturb"] == rules["clickme_score"] == rules["report_model"] == 3


@pytest.mark.slow
def test_trained_nets_name_18_of_20_photographs_at_native_size(default_study, snakemake):
    targets = [f"results/accuracy/lite{i}/photographs.csv" for i in range(3)]
    result = snakemake(default_study, *targets)
    assert result.returncode == 0, result.stderr[-3000:]
    for target in targets:
        table = pd.read_csv(default_study / target).set_index("metric")
        assert table.loc["top1", "value"] == pytest.approx(18 / 20)


def test_no_job_of_a_study_takes_more_than_was_forecast(small_study, monkeypatch):
    monkeypatch.chdir(small_study)
    memory, exceeded, looked = Memory(load(Path("config/config.yaml"))), [], 0
    timings = Path("results/benchmarks")
    for file in sorted(timings.rglob("*.tsv")):
        rule, names = job_of(str(file.relative_to(timings).with_suffix("")))
        with file.open(newline="") as table:
            peaks = [float(row["max_rss"]) * 2**20 / MB for row in csv.DictReader(table, delimiter="\t")]
        looked += len(peaks)
        asked = memory.mb(rule, names)
        exceeded += [f"{file}: {peak:.0f} MB of {asked}" for peak in peaks if peak > asked]
    assert not exceeded
    assert looked > 30
