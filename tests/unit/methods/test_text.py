"""Claims about the methods section: its numbers are those of config, cards and scores."""

import json

import golden
import numpy as np
import pandas as pd
import pytest
import yaml
from score_rows import score_row

from visalign import cli
from visalign.errors import InputError
from visalign.io import tables
from visalign.io.files import read_json, write_atomic, write_json
from visalign.io.scores import read_scores, write_scores
from visalign.measures import neural_methods as neural
from visalign.methods import text as methods_text
from visalign.neural import predictivity
from visalign.neural.layers import LayerScores
from visalign.recordings import card as recording
from visalign.stats import resampling

MODELS = """\
model\tarchitecture\tweights\tsource\tfamily\tinput_size
one\tresnet18\thub\t\tResNet\t160
two\tresnet50\thub\t\tResNet\t
three\tvit_tiny_patch16_224\trandom\t0\tuntrained\t
"""
STIMULI = """\
stimuli\tsource\tpath\tlabel_space\ttransform\tcount\tseed
photographs\tphotographs\t\timagenet-1k\tmodel\t\t
scenes\tscenes\t\tscenes-8\tresize\t123\t7
"""
RECORDINGS = """\
recording\treader\tpath\tstimuli\tgrid\tsimulated
it\tassembly\tit.nc\tscenes\t\ttrue
it_grid\tarrays\tit.yaml\tscenes\t9\tfalse
"""
MAPS = "maps\treader\tpath\tstimuli\tsimulated\nclicks\ttfrecord\tc.tfrecords\tphotographs\ttrue\n"


def ceiling(value, method="random half-splits of trials", **more):
    return {"value": value, "ci_low": value - 0.01, "ci_high": value + 0.01, "method": method} | more


def recording_card(simulated, n_neuroids, repetitions=(12, 12), regions=("IT",), **ceilings):
    windows = [{"window": window, "ceiling": ceiling(value)} for window, value in ceilings.items()]
    sizes = {"n_neuroids": n_neuroids, "n_stimuli": 123, "n_repetitions": max(repetitions)}
    sizes["repetitions_per_stimulus"] = dict(zip(("min", "max"), repetitions, strict=True))
    return sizes | {
        "simulated": simulated,
        "regions": dict.fromkeys(regions, 10),
        "ceiling": ceiling(0.8),
        "time_bins": windows,
    }


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a study that has run, and returns its methods."""
    monkeypatch.chdir(tmp_path)
    for name, content in (
        ("models", MODELS),
        ("stimuli", STIMULI),
        ("recordings", RECORDINGS),
        ("maps", MAPS),
    ):
        (tmp_path / f"{name}.tsv").write_text(content)
    files = {
        "recordings/it": recording_card(True, 168, **{"70-170": 0.842}),
        "recordings/it_grid": recording_card(
            False, 31, (6, 10), ("IT", "V4"), **{"51-90": 0.61, "91-130": 0.72}
        ),
        "maps/clicks": {
            "simulated": True,
            "n": 20,
            "reader": "tfrecord",
            "ceiling": ceiling(0.658, "declared"),
            "floor": dict.fromkeys(("value", "ci_low", "ci_high", "method")),
        },
    }
    for model, side in (("one", 160), ("two", 224)):  # three failed before it had a card
        files[f"models/{model}"] = {"data_config": {"input_size": [3, side, side]}}
    for name, card in files.items():
        write_json(tmp_path / "results" / f"{name}.json", card)
    row = {"model": "one", "version": 6, "value": 0.5, "simulated": False}
    rows = [score_row(benchmark="accuracy/photographs", metric="top1", n=20, **row)]
    rows += [score_row(benchmark="neural/it", metric="pls_layer", layer=f"l{i}", **row) for i in range(9)]
    write_scores(tmp_path / "results" / "scores.csv", rows)

    def methods(**config):
        sheets = {kind: {"sheet": f"{kind}.tsv"} for kind in ("models", "stimuli", "recordings", "maps")}
        teacher = {"teacher": "two", "layer": "layer3", "stimuli": "scenes", "fit_stimuli": "scenes"}
        simulate = {"recordings": {"it": teacher | {"reliability": 0.37, "seed": 11}}}
        (tmp_path / "config.yaml").write_text(
            yaml.safe_dump(sheets | {"simulate": simulate} | config, sort_keys=False)
        )
        cli.main(["methods", "--config", "config.yaml", "--output", "methods.md"])
        return " ".join((tmp_path / "methods.md").read_text().split())

    return methods


def test_every_paragraph_of_a_full_study_is_there_in_order(write):
    text = write()
    names = ["Simulated data", "Models", "Stimuli", "Accuracy", "IT and V4 predictivity"]
    names += ["ClickMe alignment", "Adversarial perturbations", "Trend", "Software"]
    places = [text.index(f"**{name}.**") for name in names]
    assert places == sorted(places)


def test_models_are_counted_with_their_weights_input_sizes_and_layers(write):
    text = write()
    assert "3 models of 2 families (2 with timm's weights, 1 untrained controls)" in text
    assert "inputs of 160 to 224 pixels a side" in text
    assert "(9 layers a model)" in text


def test_models_without_a_family_are_families_of_their_own(write, tmp_path):
    sheet = tmp_path / "models.tsv"
    sheet.write_text(MODELS.replace("\tResNet\t", "\t\t"))
    assert "3 models of 3 families" in write()


def test_the_trend_is_described_with_its_models_its_tests_and_what_is_corrected(write):
    text = write()
    for said in (
        "The statistics are of 2 models; only shown: 1 control.",
        "partial ρ and standardised coefficients given the number of parameters, the side of the input",
        "and a power law of parameters",
        "BIC and cross-validated error (families left out) of a line, of rise then plateau and of two pieces",
        "mean score nowhere declines, one that its upper envelope nowhere does, the 0.8 quantile",
        "are adjusted for the number of panels of a figure in which each test was made (Holm 1979). ",
        "over families of models, by which a direction is claimed",
    ):
        assert said in text


def test_evaluations_that_attacks_took_are_those_of_the_scores(write, tmp_path):
    assert "medians of models" not in write()
    rows = [
        score_row(model=f"m{i}", benchmark="attacks/c", metric=f"attack_{kind}_evaluations", value=n)
        for i, (kind, n) in enumerate([("gradient", 19), ("gradient", 20), ("forward", 28)])
    ]
    scores = read_scores(tmp_path / "results" / "scores.csv")
    tables.write_table(tmp_path / "results" / "scores.csv", pd.concat([scores, pd.DataFrame(rows)]))
    assert "(medians of models: 19 to 20 gradient evaluations and 28 forward passes)" in write()


def test_stimuli_accuracy_recordings_and_maps_are_those_of_sheets_scores_and_cards(write):
    text = write()
    assert "scenes: procedural scenes of objects on photographs, n = 123, seed 7" in text
    assert "Top-1 and top-5 accuracy on photographs (n = 20 images)" in text
    assert "it (simulated; IT, 168 neuroids, 123 stimuli, 12 repetitions; whole image; " in text
    assert "70-170 ms 0.842 [0.832, 0.852]: random half-splits of trials)" in text
    assert "it_grid (measured; IT and V4, 31 neuroids, 123 stimuli, 6 to 10 repetitions; " in text
    assert "grid-9; ceiling 51-90 ms 0.610 [0.600, 0.620], 91-130 ms 0.720" in text
    assert "clicks (simulated; 20 images; ceiling 0.658 [0.648, 0.668], declared; floor unknown)" in text


def test_the_scale_of_alignment_is_said(write):
    text = write()
    assert "the headline is (ρ − floor) / (A − F / A), 0 for centre bias alone and 1 for" in text
    assert "halves of the participants in 20 splits, within the crop of each model" in text


def test_intervals_and_floors_of_predictions_are_said_with_their_numbers(write):
    text = write()
    assert f"{resampling.DRAWS} bootstrap draws of stimuli (grids: images) and neuroids together" in text
    assert f"mean scores of {predictivity.FLOORS} derangements" in text
    assert "position k of G, from 0, is taken to be the centre of cell k" in text


def change(tmp_path, name, **changes):
    """Change what the card of a recording says of its ceiling and otherwise."""
    path = tmp_path / "results" / "recordings" / f"{name}.json"
    card = read_json(path)
    write_json(path, card | changes | {"ceiling": card["ceiling"] | changes.get("ceiling", {})})


def test_half_splits_are_spoken_of_only_where_a_ceiling_comes_from_them(write, tmp_path):
    for protocol in ("whole_image", "grid"):
        assert neural.HALVES in recording.METHODS[protocol, True]
        assert neural.HALVES not in recording.METHODS[protocol, False]
    assert "Split-half ceilings come from 10 half-splits" in write()
    change(tmp_path, "it", ceiling={"method": recording.METHODS["whole_image", False]})
    assert "Split-half ceilings come from 10 half-splits" in write()
    change(tmp_path, "it_grid", ceiling={"method": recording.METHODS["grid", False]})
    assert "Split-half ceilings" not in write()


def test_site_pairs_are_no_reliability_and_r_is_their_headline(write, tmp_path):
    assert "site" not in write().split("**ClickMe")[0].split("the headline is")[1]
    change(tmp_path, "it_grid", ceiling={"kind": "site_pairs", "method": "site pairs"})
    text = write()
    assert "The grids of it_grid were not repeated: what is given as their ceiling is the likeness" in text
    assert "There the headline is r; r/site_pairs, as published, may exceed 1." in text
    assert "the headline is r²/c" in text  # of the other recording
    change(tmp_path, "it", ceiling={"kind": "site_pairs", "method": "site pairs"})
    assert "r²/c" not in write()


def test_a_ceiling_that_is_undefined_is_so_with_its_reason(write, tmp_path):
    undefined = dict.fromkeys(("value", "ci_low", "ci_high")) | {"status": "one repetition only"}
    change(tmp_path, "it", ceiling=undefined, time_bins=[])
    text = write()
    assert "whole image; ceiling unknown: one repetition only)" in text
    assert "Without a ceiling (it) the score is r." in text


def test_gaps_of_responses_are_spoken_of_where_the_status_of_a_score_is(write, tmp_path):
    assert "Missing responses" not in write()
    [said] = LayerScores([], np.zeros(0), np.zeros(0), [], filled=17).said
    scores = read_scores(tmp_path / "results" / "scores.csv")
    tables.write_table(tmp_path / "results" / "scores.csv", scores.assign(status=f"ok, {said}"))
    assert "Missing responses were filled by a joint fit of all neuroids" in write()


def test_similarities_have_sentences_of_their_own(write):
    text = write(neural={"metrics": ["cka", "rsa"]})
    assert "CKA and RSA, in which nothing is fitted, are of all stimuli: in 50 halvings" in text
    assert "The headline is raw/ceiling" in text
    assert "shuffle splits" not in text and "bootstrap draws of stimuli" not in text
    assert "the layer was the best on all of them" in write(
        neural={"metrics": ["cka"], "layer_selection": "published"}
    )
    assert "nothing is fitted" not in write()


def test_what_was_done_to_pixels_is_said_with_its_number(write, tmp_path):
    table = "stimulus_id,sha256,decoded\na,1,exif\nb,2,exif+16-bit\nc,2,\nd,3,alpha\n"
    write_atomic(tmp_path / "results/stimuli/photographs.csv", table)
    said = "EXIF orientation applied in 2, transparency composited in 1, 16 bits scaled to 8 in 1, "
    assert f"ship with foolbox, {said}1 copies of other images; each model's own" in write()


def test_what_is_simulated_is_said_first_and_how(write):
    text = write()
    start = text.index("**Simulated data.** it (teacher two, layer layer3,")
    assert "reliability 0.37, seed 11" in text and "; clicks." in text
    assert start < text.index("**Models.**")
    assert "it_grid (teacher" not in text


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"neural": {"components": 17}}, "partial least squares with 17 components"),
        (
            {"neural": {"metrics": ["pls", "ridge"], "penalties": 13}},
            "13 penalties to choose from for each neuroid, by the exact errors on training images left out",
        ),
        (
            {"neural": {"splits": 8, "train_size": 0.85, "split_seed": 5}},
            "8 shuffle splits with 0.85 of the stimuli for training (seed 5)",
        ),
        ({"neural": {"inner_splits": 4}}, "in each split on 4 inner splits"),
        ({"neural": {"layer_selection": "published"}}, "as published, which is optimistic"),
        (
            {"recordings": {"sheet": "recordings.tsv", "ceiling_splits": 12, "ceiling_seed": 9}},
            "12 half-splits of the repetitions (seed 9)",
        ),
        ({"seed": 8}, "the same for all models (seed 8); expanded percentiles"),
        ({"clickme": {"bootstrap": 1234}, "seed": 21}, "1234 bootstrap draws over images (seed 21)"),
        ({"attacks": {"budget": 77, "count": 6}, "seed": 3}, "For 6 images (seed 3) of clicks"),
        ({"attacks": {"budget": 77}}, "at most 77 gradient evaluations per image"),
        (
            {"attacks": {"precision": 0.05}},
            "attacked in an order drawn once for all models until the geometric mean of a model's norms was "
            "known to within 5 %",
        ),
        ({"trend": {"bootstrap": 777}, "seed": 4}, "777 draws, seed 4"),
        ({"trend": {"metric": "top5"}}, "The x axis is top-5 accuracy."),
        ({"trend": {"roles": ["model", "control"]}}, "The statistics are of 2 models, 1 control."),
        ({"trend": {"confirmatory": "clickme/c"}}, "(Holm 1979), but for clickme/c, the confirmatory panel."),
    ],
)
def test_a_setting_of_the_config_is_in_the_text(write, config, said):
    assert said in write(**config)


def test_a_stage_that_is_switched_off_is_not_described_and_needs_no_card(write, tmp_path):
    for card in (tmp_path / "results" / "recordings").iterdir():
        card.unlink()
    text = write(neural={"enabled": False})
    assert "predictivity.**" not in text and "**ClickMe alignment.**" in text


def test_data_are_cited_with_their_licences_those_of_one_origin_together(write, tmp_path):
    assert "**Data.**" not in write()
    lines = RECORDINGS.splitlines()
    told = [
        "citation\tlicence",
        "Lab and others 2024. J. Vis. 1.\tMIT",
        "Lab and others 2024. J. Vis. 1.\tMIT",
    ]
    rows = [f"{line}\t{more}" for line, more in zip(lines, told, strict=True)]
    (tmp_path / "recordings.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "maps.tsv").write_text(
        MAPS.replace("simulated\n", "simulated\tlicence\n").replace("true\n", "true\tCC0\n")
    )
    text = write()
    assert "**Data.** it; it_grid: Lab and others 2024. J. Vis. 1; licence MIT. clicks: licence CC0." in text
    assert "**Data.** clicks: licence CC0. **" in write(neural={"enabled": False})


def test_data_that_a_study_does_not_have_is_not_called_measured(write, tmp_path):
    for name in ("recordings/it", "recordings/it_grid", "maps/clicks"):
        path = tmp_path / "results" / f"{name}.json"
        write_json(path, read_json(path) | {"simulated": False})
    assert "All recordings and importance maps are measured data." in write()
    assert "All importance maps are measured data." in write(neural={"enabled": False})
    switched_off = {stage: {"enabled": False} for stage in ("neural", "clickme", "attacks")}
    assert "measured data" not in write(**switched_off)


def test_one_repetition_is_no_repetitions(write, tmp_path):
    path = tmp_path / "results" / "recordings" / "it.json"
    write_json(path, recording_card(False, 168, (1, 1), (""), **{"70-170": 0.8}))
    assert "it (measured; unknown region, 168 neuroids, 123 stimuli, 1 repetition; " in write()


def test_versions_of_software_and_stages_are_listed(write):
    import numpy

    text = write()
    assert f"numpy {numpy.__version__}" in text and "stage accuracy 6, stage neural 6" in text


def test_the_config_that_snakemake_hands_on_as_json_gives_the_same(write, tmp_path):
    text = write()
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    study = methods_text.read_study(tmp_path / "config.json")
    again = methods_text.methods_text(study, methods_text.read_results(study, tmp_path / "results"))
    assert " ".join(again.split()) == text


def test_a_file_that_is_no_config_and_a_missing_card_are_named(write, tmp_path, capsys):
    (tmp_path / "config.yaml").write_text("- a list\n")
    with pytest.raises(InputError, match=r"config\.yaml: not a config"):
        methods_text.read_study(tmp_path / "config.yaml")
    (tmp_path / "results" / "maps" / "clicks.json").unlink()
    with pytest.raises(SystemExit):
        write()
    assert "clicks.json: no such file" in capsys.readouterr().err


def test_results_of_methods_are_those_of_its_version(write):
    text = write()
    golden.check("methods", "methods", {"paragraphs": text.split("**Software.**")[0].split(" **")})


def test_what_is_not_measured_is_one_sentence_and_has_no_paragraph(write, tmp_path):
    assert "Not measured" not in write()
    (tmp_path / "maps.tsv").write_text(MAPS.split("\n")[0] + "\n")
    text = write(accuracy={"stimuli": []})
    told = "Accuracy (accuracy.stimuli is empty), ClickMe alignment (no importance maps in this study) and"
    assert f"Not measured: {told} Adversarial perturbations (no importance maps in this study)." in text
    assert "**Accuracy.**" not in text and "**ClickMe alignment.**" not in text
    assert "**Trend.** There is no accuracy in this study, so scores are shown by model" in text


def test_scores_of_others_and_another_x_axis_are_told(write, tmp_path):
    row = "theirs,accuracy/imagenet,top1,proportion,0.7"
    (tmp_path / "mine.csv").write_text(f"model,benchmark,metric,convention,value\n{row}\n")
    (tmp_path / "published.csv").write_text("model,top1\none,70.1\n")
    text = write(scores={"tables": ["mine.csv"]}, trend={"axis": "neural/it/IT/70-170/whole_image/pls"})
    assert "**Scores of others.** From mine.csv (1 score of 1 model), not measured here." in text
    assert "The x axis is neural/it/IT/70-170/whole_image/pls. The statistics are of 3 models" in text
    models = {"sheet": "models.tsv", "published": {"table": "published.csv"}}
    text = write(models=models, trend={"axis": "published"})
    assert "Published top-1 accuracies are those of published.csv." in text
    assert "The x axis is published top-1 accuracy." in text


@pytest.mark.parametrize("target", ["predicted", "label_or_predicted"])
def test_saliency_of_the_answer_is_said_to_be_that(write, target):
    assert "class that the model answers" not in write()
    assert "class that the model answers" in write(saliency={"target": target})
