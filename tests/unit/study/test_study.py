"""Claims about the config and the sheets: defaults, refusals by name, which files a study makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from studies import DATA_CONFIG, SMALL, edit, load, write

from visalign import measures
from visalign.errors import InputError
from visalign.io import sheets
from visalign.stimuli.transforms import Transform
from visalign.study import study
from visalign.study.schemas import definition
from visalign.study.study import Study

ROOT = Path(__file__).parents[3]
SCHEMAS = ["config", "models", "stimuli", "recordings", "maps"]


@pytest.fixture
def config(tmp_path, monkeypatch, known_models) -> dict:
    """A study of three models that is valid; tests change one thing."""
    monkeypatch.chdir(tmp_path)
    known_models(DATA_CONFIG)
    return write(SMALL)


def refusal(config: dict) -> str:
    with pytest.raises(InputError) as error:
        load(config)
    assert not any("\n" in message for message in error.value.messages)
    return str(error.value)


def test_a_small_study_is_valid_and_defaults_are_filled(config):
    loaded = load(config)
    assert list(loaded.models) == ["a", "b", "c"]
    assert loaded.config["seed"] == 0
    defaults = {"enabled": True, "batch_size": "auto", "dtype": "float16", "autocast": "off", "keep": True}
    assert loaded.config["features"] == defaults
    assert loaded.config["neural"]["components"] == 25 and loaded.config["neural"]["splits"] == 10
    assert (
        loaded.models["a"]["label_space"] == "imagenet-1k" and loaded.models["c"]["label_space"] == "scenes-8"
    )
    assert loaded.stimuli["scenes"]["count"] == 400
    assert loaded.recordings["it"]["simulated"] is True and loaded.maps["clickme"]["simulated"] is False


def test_panels_of_fixations_are_titled_as_such(config):
    fixations = "clickme\ttfrecord\t*.tfrecords\tphotographs\t\nlooks\tfixations\tlooks.csv\tplain\t24\n"
    Path("maps.tsv").write_text("maps\treader\tpath\tstimuli\tsigma\n" + fixations)
    assert load(config).titles() == {"clickme/looks": "Fixation alignment"}
    assert load(config | {"clickme": {"enabled": False}}).titles() == {}


def test_defaults_do_not_replace_what_is_set_and_reach_named_datasets(config):
    simulated = {"teacher": "a", "layer": "layer1", "stimuli": "scenes", "fit_stimuli": "plain"}
    config |= {"features": {"batch_size": 8}, "simulate": {"recordings": {"it": simulated | {"neuroids": 9}}}}
    loaded = load(config).config
    assert loaded["features"]["batch_size"] == 8 and loaded["features"]["enabled"] is True
    assert loaded["simulate"]["recordings"]["it"]["neuroids"] == 9
    assert loaded["simulate"]["recordings"]["it"]["repetitions"] == 8


def test_defaults_are_not_shared_between_studies(config):
    one, other = load(config), load(config)
    one.config["models"]["select"].append("x")
    one.config["accuracy"]["stimuli"].append("x")
    assert other.config["models"]["select"] == ["*"] and load(config).config["accuracy"]["stimuli"] == [
        "photographs",
        "scenes",
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"colour": "red"}, "study.yaml: colour: unknown key (known: "),
        ({"neural": {"component": 5}}, "study.yaml: neural.component: unknown key (known: comparison, "),
        ({"models": {"sheet": "models.tsv", "sheets": 1}}, "study.yaml: models.sheets: unknown key"),
        ({"simulate": {"clicks": {"x": {"teachers": "a"}}}}, "study.yaml: simulate.clicks.x"),
        ({"seed": "one"}, "study.yaml: seed: 'one' is not of type 'integer'"),
        ({"attacks": {"budget": 4}}, "study.yaml: attacks.budget: 4 is less than the minimum of 12"),
        ({"attacks": {"budget": True}}, "study.yaml: attacks.budget: True is not of type 'integer'"),
        ({"neural": {"train_size": 1.0}}, "study.yaml: neural.train_size: 1.0"),
        ({"features": None}, "study.yaml: features: None is not of type 'object'"),
        ({"features": {"dtype": "float8"}}, "study.yaml: features.dtype: 'float8' is not one of"),
        ({"gpus": -1}, "study.yaml: gpus: -1"),
        ({"models": {"sheet": "absent.tsv"}}, "absent.tsv: no such file"),
        ({"models": {"sheet": "models.tsv", "select": ["z"]}}, "models.tsv: models.select: no model matches"),
        ({"models": {"sheet": 3}}, "study.yaml: models.sheet: 3 is not of type 'string', 'null'"),
        ({"accuracy": {"stimuli": ["photos"]}}, "study.yaml: accuracy.stimuli: 'photos' is unknown (known: "),
        ({"accuracy": {"stimuli": ["plain"]}}, "study.yaml: accuracy.stimuli: 'plain' has no label_space"),
        ({"trend": {"accuracy": "accuracy/plain"}}, "study.yaml: trend.accuracy: 'accuracy/plain' is none"),
        ({"scores": {"tables": ["absent.csv"]}}, "absent.csv: no such file"),
        (
            {"simulate": {"clicks": {"x": {"teacher": "z", "stimuli": "scenes"}}}},
            "study.yaml: simulate.clicks.x.teacher: 'z' is unknown (known: a, b, c)",
        ),
    ],
)  # fmt: skip
def test_a_wrong_config_is_refused_by_file_field_and_value(config, change, reason):
    assert refusal(config | change).startswith(reason)


@pytest.mark.parametrize(
    ("sheet", "old", "new", "reason"),
    [
        ("models", "b\ttest", "a\ttest", "models.tsv:3: model: 'a' is there twice"),
        ("models", "\trandom\t1", "\trandon\t1", "models.tsv:3: weights: 'randon' is not one of"),
        ("models", "\t64\t", "\tbig\t", "models.tsv:3: input_size: 'big' is not a integer"),
        ("models", "\t64\t", "\t6\t", "models.tsv:3: input_size: 6 is less than the minimum of 16"),
        ("models", "architecture\t", "architectures\t", "models.tsv:1: architectures: unknown column ("),
        ("models", "b\ttest_resnet", "b\t", "models.tsv:3: (top level): 'architecture' is a required"),
        ("models", "b\ttest", "b/c\ttest", "models.tsv:3: model: 'b/c' does not match"),
        ("models", "64\t\n", "64\t\t\textra\n", "models.tsv:3: 8 cells under 6 column names"),
        ("recordings", "true", "yes", "recordings.tsv:2: simulated: 'yes' is not true or false"),
        ("recordings", "\tscenes\t", "\tscene\t", "recordings.tsv: it: stimuli: 'scene' is unknown"),
        ("maps", "\tphotographs", "\tphotos", "maps.tsv: clickme: stimuli: 'photos' is unknown"),
        ("stimuli", "\tscenes\tscenes-8", "\tscene\tscenes-8", "stimuli.tsv:3: source: 'scene' is not one"),
    ],
)  # fmt: skip
def test_a_wrong_sheet_is_refused_by_line_field_and_value(config, sheet, old, new, reason):
    edit(sheet, old, new)
    assert refusal(config).startswith(reason)


@pytest.mark.parametrize("text", ["", "model\tarchitecture\tweights\n", "# nothing\n\n"])
def test_an_empty_sheet_is_none_and_without_models_nothing_is_measured(config, text):
    Path("models.tsv").write_text(text)
    assert refusal(config).startswith("study.yaml: nothing to measure: accuracy: no models in this study; ")


def test_comments_and_blank_lines_do_not_shift_line_numbers(config):
    edit("models", "a\ttest", "# a comment\n\na\ttest")
    assert list(load(config).models) == ["a", "b", "c"]
    edit("models", "b\ttest", "a\ttest")
    assert refusal(config).startswith("models.tsv:5: model: 'a' is there twice")


def test_all_models_that_cannot_work_are_told_at_once(config, known_models):
    known_models(DATA_CONFIG, problem="input_size: 225: no")
    rows = ["models.tsv: a: input_size: 225: no", "models.tsv: b: input_size: 225: no"]
    with pytest.raises(InputError) as error:
        load(config)
    assert list(error.value.messages)[:2] == rows


def test_a_model_that_cannot_be_looked_up_stops_no_other(config, known_models):
    known_models(DATA_CONFIG, unavailable="source: w.pth: no such weight file", num_classes=None)
    loaded = load(config)
    assert loaded.unavailable["a"] == "source: w.pth: no such weight file"
    assert ("accuracy", "a", "photographs") in set(loaded.score_files())


@pytest.mark.parametrize("outputs", [0, 10, 512, 21841])
def test_a_head_of_another_size_has_no_scores_that_rest_on_labels(config, known_models, outputs):
    known_models(DATA_CONFIG, num_classes=outputs)
    loaded = load(config)
    files = set(loaded.score_files())
    assert {model for measure, model, _ in files if measure == "neural"} == {"a", "b", "c"}
    assert not [file for file in files if file[0] != "neural" and file[1] in "ab"]
    for measure in ("accuracy", "clickme", "attacks"):
        assert loaded.undefined(measure, "a", "photographs") == loaded.misfits()["a"]
    assert f"{outputs} outputs" in loaded.misfits()["a"] or outputs == 0


@pytest.mark.parametrize("outputs", [1000, 1001, 21842])
def test_a_head_that_has_the_classes_is_scored(config, known_models, outputs):
    known_models(DATA_CONFIG, num_classes=outputs)
    loaded = load(config)
    assert loaded.misfits() == {}
    assert {model for measure, model, _ in loaded.score_files() if measure == "clickme"} == {"a", "b"}


def test_a_teacher_must_answer_in_the_label_space_of_its_stimuli(config):
    clicks = {"teacher": "c", "stimuli": "photographs"}
    reason = "c: label space imagenet-1k of photographs is not the model's scenes-8"
    error = refusal(config | {"simulate": {"clicks": {"x": clicks}}})
    assert error == f"study.yaml: simulate.clicks.x.teacher: {reason}"


def test_a_row_overrides_the_data_config_of_timm(config):
    loaded = load(config)
    assert loaded.data_configs["a"] == DATA_CONFIG
    assert loaded.data_configs["b"] == DATA_CONFIG | {"input_size": [3, 64, 64]}


def test_patterns_select_models_in_the_order_of_the_sheet(config):
    config["models"]["select"] = ["c", "[ab]"]
    assert list(load(config).models) == ["a", "b", "c"]
    config["models"]["select"] = ["b*"]
    assert list(load(config).models) == ["b"]


def test_photographs_get_the_models_transform_and_scenes_are_resized_whole(config):
    loaded = load(config)
    assert loaded.transform("a", "photographs") == "160x160-center-0.95-bicubic"
    assert loaded.transform("b", "photographs") == "64x64-center-0.95-bicubic"
    assert loaded.transform("b", "scenes") == "64x64-squash-1-bilinear"


def test_padding_has_the_models_mean_colour(config, known_models):
    known_models(DATA_CONFIG | {"crop_mode": "border"})
    transform = Transform.from_key(load(config).transform("a", "photographs"))
    assert transform.crop_mode == "border" and transform.fill == (128, 102, 76)


def test_models_of_one_geometry_share_a_transform(config):
    loaded = load(config)
    assert loaded.transform("a", "photographs") == loaded.transform("c", "photographs")


#: Measures that the study has something to measure on.
OF_STUDY = set(measures.NAMES) - {"probes"}
#: What else stops when a stage is switched off.
CLOSURE = {
    "gram": {"gram", "neural"},
    "recordings": {"recordings", "neural"},
    "saliency": {"saliency", "clickme"},
    "maps": {"maps", "clickme", "attacks"},
    "accuracy": {"accuracy"},
    "trend": {"trend", "figures", "report"},
    "features": {"features", "accuracy", "gram", "neural", "probes"},
    "probes": {"probes"},
    "attacks": {"attacks"},
    "clickme": {"clickme"},
    "neural": {"neural"},
    "figures": {"figures", "report"},
    "report": {"report"},
}


@pytest.mark.parametrize("stage", study.NEEDS)
def test_switching_a_stage_off_stops_all_that_need_it(config, stage):
    config.setdefault(stage, {})
    config[stage] = config[stage] | {"enabled": False}
    loaded = load(config)
    stopped = {name for name in study.NEEDS if not loaded.enabled(name)}
    assert stopped == CLOSURE[stage]
    assert {measure for measure, _, _ in loaded.score_files()} == OF_STUDY - stopped


def test_every_stage_that_can_be_switched_off_is_in_the_schema_and_the_other_way_round():
    properties = definition("config")["properties"]
    switches = {name for name, part in properties.items() if "enabled" in part.get("properties", {})}
    assert switches == set(study.NEEDS)


def test_scores_exist_only_where_label_spaces_match(config):
    config["accuracy"] = {"stimuli": ["photographs", "scenes"]}
    loaded = load(config)
    files = set(loaded.score_files())
    assert {
        model for measure, model, dataset in files if (measure, dataset) == ("accuracy", "photographs")
    } == {"a", "b"}
    assert {model for measure, model, dataset in files if (measure, dataset) == ("accuracy", "scenes")} == {
        "c"
    }
    assert {model for measure, model, _ in files if measure == "neural"} == {"a", "b", "c"}
    assert {model for measure, model, _ in files if measure in ("clickme", "attacks")} == {"a", "b"}
    assert (
        loaded.mismatch("c", "photographs")
        == "label space imagenet-1k of photographs is not the model's scenes-8"
    )
    assert loaded.mismatch("a", "photographs") is None
    assert "label space none of plain" in loaded.mismatch("a", "plain")


def test_benchmarks_are_described_with_the_reason_why_they_are_off(config):
    config["gram"] = {"enabled": False}
    described = {item["measure"]: item for item in load(config).describe_benchmarks()}
    assert set(described) == OF_STUDY
    assert described["neural"] == {
        "measure": "neural", "dataset": "it", "label_space": None, "simulated": True,
        "reason": "stage neural is switched off",
    }  # fmt: skip
    assert described["clickme"]["label_space"] == "imagenet-1k" and described["clickme"]["reason"] is None


def parts(definition: dict, path: str = ""):
    """Yield (path, schema) of every property, at any depth."""
    for name, part in definition.get("properties", {}).items():
        yield f"{path}.{name}", part
        yield from parts(part, f"{path}.{name}")
    if isinstance(definition.get("additionalProperties"), dict):
        yield from parts(definition["additionalProperties"], f"{path}.*")


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_of_a_schema_is_described_and_defaults_are_valid(name):
    whole = definition(name)
    jsonschema.Draft202012Validator.check_schema(whole)
    for path, part in parts(whole):
        assert part.get("description", "").endswith("."), path
        if "default" in part:
            jsonschema.validate(part["default"], part)


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_object_of_a_schema_refuses_unknown_keys(name):
    whole = definition(name)
    objects = [("", whole), *parts(whole)]
    loose = [
        path for path, part in objects if part.get("type") == "object" and "additionalProperties" not in part
    ]
    assert loose == []


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_the_configs_that_ship_are_valid(path, monkeypatch, known_models):
    monkeypatch.chdir(ROOT)
    known_models(DATA_CONFIG)
    loaded = Study.load(yaml.safe_load(path.read_text()), str(path))
    assert loaded.models and loaded.stimuli


def test_the_embedded_default_is_nineteen_networks_and_five_controls(monkeypatch, known_models):
    monkeypatch.chdir(ROOT)
    known_models(DATA_CONFIG)
    loaded = Study.load(yaml.safe_load(Path("config/config.yaml").read_text()))
    low = [model for model in loaded.models if loaded.is_low_level(model)]
    assert (len(loaded.models), len(low)) == (24, 5)
    assert {measure for measure, _, _ in loaded.score_files()} == set(measures.NAMES)
    assert all(row["simulated"] for row in [*loaded.recordings.values(), *loaded.maps.values()])


def test_the_study_starts_nothing_heavy():
    """Every start of Snakemake imports it."""
    heavy = "{'torch', 'timm', 'pandas', 'zarr'}"
    code = f"import sys, visalign.study.study; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_published_accuracies_are_read_by_name(tmp_path):
    (tmp_path / "p.csv").write_text("name,acc\na,81.5\nb,\n")
    assert sheets.read_published(str(tmp_path / "p.csv"), "name", "acc") == {"a": 81.5}


@pytest.mark.parametrize(
    ("content", "reason"),
    [("name,acc\na,high\n", r"p\.csv:2: acc: 'high' is not a number"), ("name\na\n", "no column 'acc'")],
)
def test_a_table_of_published_accuracies_that_cannot_be_read_is_named(tmp_path, content, reason):
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(InputError, match=reason):
        sheets.read_published(str(tmp_path / "p.csv"), "name", "acc")


def test_layers_are_recorded_only_where_a_recording_needs_them(config):
    teacher = {"teacher": "a", "layer": "layer1", "stimuli": "plain", "fit_stimuli": "plain"}
    assert [name for name in ("photographs", "scenes", "plain") if load(config).needs_layers(name)] == [
        "scenes"
    ]
    config["simulate"] = {"recordings": {"it": teacher}}
    assert load(config).needs_layers("plain")
