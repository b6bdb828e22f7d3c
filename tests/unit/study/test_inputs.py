"""Claims about what jobs read, and about where results are."""

from __future__ import annotations

import inspect
import re

import pytest
from library import LIBRARY
from studies import DATA_CONFIG, SMALL, TRAINED, edit, load, write

from visalign.study import layout
from visalign.study.inputs import Inputs, weights_of

RULES = {path.stem: path.read_text() for path in (LIBRARY.parent / "rules").glob("*.smk")}
SNAKEFILE = (LIBRARY.parents[1] / "Snakefile").read_text()
TRANSFORM = "160x160-center-0.95-bicubic"


@pytest.fixture
def small(tmp_path, monkeypatch, known_models) -> Inputs:
    monkeypatch.chdir(tmp_path)
    known_models(DATA_CONFIG)
    return Inputs(load(write(SMALL)))


@pytest.fixture
def trained(tmp_path, monkeypatch, known_models) -> Inputs:
    monkeypatch.chdir(tmp_path)
    known_models(DATA_CONFIG)
    return Inputs(load(write(TRAINED)))


def is_ancient(path: str) -> bool:
    return bool(getattr(path, "flags", {}).get("ancient"))


def test_a_network_reads_its_card_weights_and_pixels_and_only_manifests_tell_of_changes(small):
    assert small.network("a", "photographs") == {
        "card": "results/models/a.json",
        "weights": "results/models/weights/test_resnet-random-0.safetensors",
        "pixels": f"results/preprocess/photographs/{TRANSFORM}.zarr",
        "pixels_manifest": f"results/preprocess/photographs/{TRANSFORM}.json",
    }
    told = {name: is_ancient(path) for name, path in small.network("a", "photographs").items()}
    assert told == {"card": False, "weights": True, "pixels": True, "pixels_manifest": False}
    assert small.network_on_maps("a", "clickme") == small.network("a", "photographs")


def test_stores_of_a_recording_and_of_a_map_set_are_those_of_its_stimuli(small):
    assert small.gram("a", "it")["gram"] == "results/gram/a/scenes/whole_image.zarr"
    assert small.gram("a", "it")["gram_manifest"] == "results/gram/a/scenes/whole_image.json"
    assert small.saliency("a", "clickme")["saliency"] == "results/saliency/a/photographs.zarr"
    assert small.perturbations("a", "clickme")["perturbations_manifest"].endswith(
        "attacks/a/photographs.json"
    )
    assert small.ceilings("clickme", "a") == f"results/maps/clickme/{TRANSFORM}.json"
    assert small.table_of_maps("clickme") == "results/stimuli/photographs.csv"
    assert small.table_of_recording("it") == "results/stimuli/scenes.csv"


@pytest.mark.parametrize(
    ("row", "files"),
    [
        ("photographs\tfoolbox", []),
        ("tfrecord\tone.tfrecords", ["one.tfrecords"]),
        ("tfrecord\tval-*.tfrecords", []),  # a pattern is listed, not read
        ("npz\tone.npz", ["one.npz"]),
    ],
)
def test_a_stimulus_set_is_made_from_its_file_but_not_from_a_pattern(small, row, files):
    source, path = row.split("\t")
    small.study.stimuli["own"] = {"source": source, "path": path}
    assert small.of_stimuli("own") == files
    small.study.stimuli["own"] |= {"labels": "labels.csv", "multi_labels": "multi.json"}
    assert small.of_stimuli("own") == ["labels.csv", "multi.json", *files]


def test_both_files_of_a_brain_score_set_are_read(small):
    small.study.stimuli["own"] = {"source": "brainscore", "path": "set.csv", "archive": "set.zip"}
    assert small.of_stimuli("own") == ["set.csv", "set.zip"]


def test_a_missing_file_of_weights_is_no_input(small, tmp_path):
    row = {"architecture": "test_resnet", "weights": "file", "source": "own.safetensors"}
    assert small.of_weights(row) == []
    (tmp_path / "own.safetensors").touch()
    assert small.of_weights(row) == ["own.safetensors"]


def test_a_pattern_of_maps_is_no_input_and_a_click_log_is(small):
    assert small.of_maps("clickme") == {"path": [], "labels": [], "clicks": []}
    small.study.maps["own"] = {"reader": "clicks", "path": "log.npz", "labels": "l.csv", "stimuli": "scenes"}
    assert small.of_maps("own") == {"path": "log.npz", "labels": "l.csv", "clicks": []}
    assert small.click_log("own") == {"clicks": "log.npz"}
    small.study.maps["clickme"]["clicks"] = "other.npz"
    assert small.click_log("clickme") == {"clicks": "other.npz"}


def test_only_networks_of_imagenet_reveal_and_peoples_curve_goes_with_it(small):
    own = {"revelation": "results/clickme/a/clickme_revelation.npz"}
    assert small.revelation("a", "clickme") == own
    small.study.config["clickme"]["revelation"]["human_curve"] = "people.csv"
    assert small.revelation("a", "clickme") == own | {"human_curve": "people.csv"}
    small.study.stimuli["photographs"]["label_space"] = "scenes-8"
    assert small.revelation("a", "clickme") == {}


def test_a_training_reads_its_base_images_and_the_maps_it_is_followed_on(trained):
    files = trained.of_training("a+harmonized")
    assert files["weights"] == "results/models/weights/test_resnet-random-0.safetensors"
    assert files["validation_maps"] == "results/maps/held_out.npz"
    assert {name for name, path in files.items() if is_ancient(path)} == {
        "weights",
        "images",
        "other_images",
        "validation_pixels",
    }
    twice = trained.of_training("a+twice")
    assert twice["weights"] == "results/train/a+harmonized.safetensors"
    assert "validation" not in twice and "stimuli" not in twice


def test_what_a_model_and_its_bases_are_trained_on_is_told_once(trained):
    assert trained.trained_on("a+twice") == ["results/stimuli/photographs.csv"]
    assert trained.trained_on("b+harmonized") == ["results/stimuli/scenes.csv"]
    assert trained.trained_on("a") == []


def test_pairs_are_compared_on_maps_of_their_label_space(trained):
    assert trained.study.paired_models() == ["a+harmonized", "a", "b+harmonized", "b"]
    assert trained.study.compared_on() == []  # the second pair has the labels of scenes
    del trained.study.models["b+harmonized"]["baseline"]
    assert trained.study.compared_on() == ["clickme", "held_out"]
    assert trained.compared_models()["images"][:2] == [
        "results/train/a+harmonized/clickme.csv",
        "results/train/a+harmonized/held_out.csv",
    ]


def test_a_study_that_trains_has_a_sheet_of_all_its_models(small, trained):
    assert (small.model_sheet(), small.select()) == ("models.tsv", ["*"])
    assert (trained.model_sheet(), trained.select()) == ("results/train/models.tsv", ["*"])
    assert small.sheets() == ["models.tsv", [], "stimuli.tsv", "recordings.tsv", "maps.tsv", []]


def test_missing_scores_are_left_out_only_where_that_is_allowed(small, tmp_path):
    every = small.scores()
    assert {"results/accuracy/a/photographs.csv", "results/tolerances/clickme.csv"} < set(every)
    assert not any("/c/" in path and "clickme" in path for path in every)  # of another label space
    small.study.config["allow_missing"] = True
    assert small.scores() == small.pages() == []
    table = tmp_path / "results/attacks/a/clickme_images.csv"
    table.parent.mkdir(parents=True)
    table.touch()
    assert small.scores() == ["results/tolerances/clickme.csv"]
    assert small.attacked("clickme") == ["results/attacks/a/clickme_images.csv"]


def test_a_page_shows_what_its_model_has(small):
    shown = small.of_galleries("a")
    assert (
        "results/attacks/a/clickme_images.csv" in shown and "results/clickme/a/clickme_gallery.png" in shown
    )
    assert {path for path in shown if is_ancient(path)} == {
        f"results/preprocess/photographs/{TRANSFORM}.zarr",
        "results/saliency/a/photographs.zarr",
        "results/attacks/a/photographs.zarr",
    }
    assert small.galleries("c") == small.of_galleries("c") == []  # has no scores on maps


PROBED = {"probes": "probe\tstimuli\ttrials\tscored\ntasks\tplain\tt.csv\t\nquiet\tplain\tt.csv\tfalse\n"}


def test_a_page_shows_decisions_curves_and_images_of_the_probes_of_its_model(small):
    config = write(SMALL | PROBED)
    config["probes"]["models"] = ["a"]
    inputs = Inputs(load(config))
    (entry,) = inputs.probes("a")
    assert entry["probe"] == "tasks" and entry["stimuli"] == "plain" and inputs.probes("b") == []
    shown = inputs.of_probes("a")
    pixels = f"results/preprocess/plain/{entry['transform']}.zarr"
    assert shown == [
        "results/probes/a/tasks_trials.csv",
        "results/probes/a/tasks_curve.csv",
        "results/stimuli/plain.csv",
        pixels,
    ]
    assert [path for path in shown if is_ancient(path)] == [pixels]


def test_a_figure_of_probes_is_asked_for_only_where_some_are_scored(small):
    figure = "results/figures/accuracy_vs_probes"
    assert not small.has_probes() and small.probe_figure() == []
    assert small.figures() == ["results/figures/accuracy_vs_alignment.svg"]
    assert f"{figure}.png" not in small.targets()
    inputs = Inputs(load(write(SMALL | PROBED)))
    assert inputs.has_probes() and inputs.probe_figure() == [f"{figure}.png"]
    assert inputs.figures()[1:] == [f"{figure}.svg"] and f"{figure}.png" in inputs.targets()
    inputs.study.config["probes"]["enabled"] = False
    assert not inputs.has_probes()


def test_a_low_level_model_shows_importance_maps_in_the_place_of_perturbations(small):
    edit("models", "\na\t", "\nedges\tedge-energy\tlow-level\t\t\t\na\t")
    inputs = Inputs(load({name: {"sheet": f"{name}.tsv"} for name in SMALL}))
    shown = inputs.of_galleries("edges")
    assert "results/saliency/edges/photographs.zarr" in shown
    assert not any(path.endswith("attacks/edges/photographs.zarr") for path in shown)
    assert inputs.attacked("clickme") == [f"results/attacks/{m}/clickme_images.csv" for m in "ab"]
    assert inputs.study.low_level() == ["edges"]


@pytest.mark.parametrize(
    ("off", "gone"),
    [
        ("trend", {"results/trend.json", "results/methods.md", "results/report.html"}),
        ("figures", {"results/report.html", "results/figures/accuracy_vs_alignment.png"}),
        ("report", {"results/report.html"}),
    ],
)
def test_targets_are_those_of_the_stages_that_are_on(small, off, gone):
    before = set(small.targets())
    small.study.config[off]["enabled"] = False
    assert gone <= before - set(small.targets())
    assert "results/scores.csv" in small.targets()


def test_trained_pairs_ask_for_their_comparison(small, trained):
    assert layout.COMPARISON not in trained.targets()
    del trained.study.models["b+harmonized"]["baseline"]
    assert layout.COMPARISON in trained.targets() and layout.COMPARISON not in small.targets()


def test_models_that_share_weights_share_one_file(small):
    edit("models", "\nb\t", "\nd\ttest_resnet\trandom\t0\t96\t\nb\t")
    study = load({name: {"sheet": f"{name}.tsv"} for name in SMALL})
    assert list(weights_of(study)) == [f"test_resnet-random-{seed}" for seed in (0, 1, 2)]


# --- where results are ---


def sections(name: str) -> list[str]:
    """What rules say under a name such as ``output``."""
    return [
        part for text in RULES.values() for part in re.findall(rf"    {name}:\n(.*?)\n    \w+:", text, re.S)
    ]


def outputs() -> set[str]:
    """Patterns that rules write, with every wildcard as {}."""
    found = {path for section in sections("output") for path in re.findall(r'"(results/[^"]+)"', section)}
    return {re.sub(r"\{\w+\}", "{}", path) for path in found}


#: Functions of the layout whose first name is a stage, and a stage that writes such files.
OF_STAGES = {"scores": "neural", "scores_per_image": "attacks", "scores_of_all": "tolerances"}


@pytest.mark.parametrize("name", [name for name, _ in inspect.getmembers(layout, inspect.isfunction)])
def test_every_path_of_the_layout_is_one_that_a_rule_writes(name):
    function = getattr(layout, name)
    if name in ("made", "manifest"):
        assert layout.made(layout.manifest("results/a.zarr")) and not layout.made("data/a.json")
        return
    if name in ("trials", "geometry"):  # in the folder that some sources of stimuli fill
        assert function("{}").rpartition("/")[0] in outputs()
        return
    names = ["{}"] * len(inspect.signature(function).parameters)
    names[0] = OF_STAGES.get(name, names[0])
    assert function(*names) in outputs()


def test_every_file_of_the_layout_is_one_that_a_rule_writes():
    files = {
        layout.SCORES,
        layout.TREND,
        layout.METHODS,
        layout.REPORT,
        layout.TRAINED_SHEET,
        layout.COMPARISON,
    }
    assert files | {f"{layout.FIGURE}.png", f"{layout.PROBE_FIGURE}.png"} < outputs()


def test_rules_put_no_path_of_a_result_together():
    """They have patterns of wildcards; what depends on more is looked up."""
    for section in sections("input") + sections("params"):
        assert not re.search(r'f"results/', section)
    assert "results/" not in SNAKEFILE
