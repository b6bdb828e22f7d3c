"""Claims about settings as words of a command line: what a shell reads is what was set."""

from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studies import DATA_CONFIG, SMALL, TRAINED, load, write

from visalign.study import settings
from visalign.study.inputs import Inputs


@given(st.text(), st.integers(), st.floats(allow_nan=False))
def test_a_shell_reads_what_was_set(text, whole, number):
    row = {"name": text, "train_size": number, "seed": whole}
    assert shlex.split(settings.options(row, "name", "train_size", "seed")) == [
        *("--name", text),
        *("--train-size", str(number)),
        *("--seed", str(whole)),
    ]


def test_truth_is_a_word_and_what_is_not_set_is_left_out():
    row = {"simulated": True, "sha1": None, "labels": "l.csv", "zero": 0}
    assert settings.options(row, "simulated", "sha1", "absent", "zero") == "--simulated true --zero 0"
    assert settings.options(row) == ""


@given(st.dictionaries(st.text(), st.integers() | st.text(), min_size=1))
def test_json_arrives_whole(value):
    name, word = shlex.split(settings.json_option("heads", value))
    assert name == "--heads" and json.loads(word) == value


@pytest.mark.parametrize("nothing", [None, {}, []])
def test_an_option_without_values_is_no_option(nothing):
    assert settings.json_option("heads", nothing) == settings.several("levels", nothing) == ""


def test_several_values_are_one_option():
    assert settings.several("levels", [1, 2]) == "--levels 1 2"
    assert shlex.split(settings.words(["a b", "*"])) == ["a b", "*"]


def test_where_dask_runs_is_told_with_its_options():
    told = shlex.split(settings.dask_options({"where": "slurm", "options": {"jobs": 2}}))
    assert told == ["--dask", "slurm", "--dask-options", '{"jobs": 2}']


@pytest.fixture
def study(tmp_path, monkeypatch, known_models):
    monkeypatch.chdir(tmp_path)
    known_models(DATA_CONFIG)
    return lambda sheets: load(write(sheets))


def test_layers_are_those_of_the_row_where_a_recording_needs_them(study):
    loaded = study(SMALL)
    loaded.models["a"]["layers"] = "layer1,layer2"
    assert settings.layers_option(loaded, "a", "scenes") == "--layers layer1,layer2"
    assert settings.layers_option(loaded, "a", "photographs") == "--logits-only"


def test_a_recipe_is_told_with_the_files_that_only_some_have(study):
    loaded = study(TRAINED)
    told = shlex.split(
        settings.recipe_options(loaded, "a+harmonized", Inputs(loaded).of_training("a+harmonized"))
    )
    named = dict(zip(told[::2], told[1::2], strict=True))
    assert (named["--label-space"], named["--steps"]) == ("imagenet-1k", "50")
    assert named["--validation"] == "results/stimuli/photographs.csv" and "--transform" in named
    alone = settings.recipe_options(loaded, "a+twice", Inputs(loaded).of_training("a+twice"))
    assert "--validation" not in alone and "--stimuli" not in alone


def test_what_changes_no_result_is_not_in_the_methods_and_checking_not_in_the_hash():
    config = {"seed": 0, "check": True, "gpus": 1, "dask": {}, "neural": {"components": 25}}
    assert settings.of_methods(config) == {"seed": 0, "neural": {"components": 25}}
    assert settings.config_hash(config) == settings.config_hash(config | {"check": False})
    assert settings.config_hash(config) != settings.config_hash(config | {"seed": 1})
