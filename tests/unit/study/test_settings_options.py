"""Claims about settings: what the schema says is what the config, the command line and the rules have."""

from __future__ import annotations

import argparse
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visalign.study import options, schemas, settings

SCHEMA = {
    "commands": ["fit"],
    "properties": {
        "enabled": {"description": "Run.", "type": "boolean", "default": True},
        "steps": {"description": "Batches, 50 % of them.", "type": "integer", "minimum": 1, "default": 10},
        "share": {
            "description": "A share.",
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 1,
            "default": 0.2,
        },
        "size": {
            "description": "Images.",
            "anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1}],
            "default": "auto",
            "cost": True,
        },
        "count": {
            "description": "All when null.",
            "anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}],
        },
        "kind": {"description": "Which.", "enum": ["a", "b"], "default": "a"},
        "levels": {"description": "Several.", "type": "array", "items": {"type": "number"}, "default": []},
        "windows": {"description": "By name.", "type": "object"},
        "simulated": {"description": "Whether.", "type": "boolean", "default": False},
        "other": {"description": "Of another command.", "type": "string", "commands": ["score"]},
    },
}


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    options.add_settings(parser, SCHEMA, "fit")
    return parser.parse_args(words)


def test_defaults_are_those_of_the_schema_and_only_of_the_settings_of_the_command():
    assert vars(parse()) == {
        "steps": 10, "share": 0.2, "size": "auto", "count": None, "kind": "a", "levels": [],
        "windows": None, "simulated": False,
    }  # fmt: skip


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "steps": st.integers(1, 1000),
            "share": st.floats(0, 0.999),
            "size": st.just("auto") | st.integers(1, 9),
            "count": st.none() | st.integers(1, 9),
            "kind": st.sampled_from("ab"),
            "levels": st.lists(st.floats(0, 100), min_size=1, max_size=3),
            "windows": st.dictionaries(st.text(), st.integers(), min_size=1),
            "simulated": st.booleans(),
        },
    )
)
def test_a_command_gets_from_its_rule_what_the_config_says(values):
    words = [settings.of_command(values, SCHEMA, "fit", cost=cost) for cost in (False, True)]
    assert "--size" not in words[0] and set(shlex.split(words[1])[::2]) <= {"--size"}
    found = vars(parse(*shlex.split(" ".join(words))))
    assert found == vars(parse()) | values


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--steps", "0"], "0 is not at least 1"),
        (["--steps", "1.5"], "invalid whole number value: '1.5'"),
        (["--share", "1"], "1 is not below 1"),
        (["--share", "nan"], "nan is not at least 0"),
        (["--size", "0"], "0 is not at least 1"),
        (["--kind", "c"], "invalid choice: 'c'"),
        (["--simulated", "yes"], "'yes' is not true or false"),
        (["--other", "x"], "unrecognized arguments"),
        (["--enabled", "true"], "unrecognized arguments"),
    ],
)
def test_what_a_schema_does_not_allow_is_refused_by_its_option(words, said, capsys):
    with pytest.raises(SystemExit):
        parse(*words)
    assert said in capsys.readouterr().err


def test_what_a_schema_requires_its_command_requires(capsys):
    parser = argparse.ArgumentParser()
    options.add_settings(parser, SCHEMA | {"required": ["steps"]}, "fit")
    with pytest.raises(SystemExit):
        parser.parse_args([])
    assert "the following arguments are required: --steps" in capsys.readouterr().err


def test_help_is_the_description_and_the_default():
    parser = argparse.ArgumentParser()
    options.add_settings(parser, SCHEMA, "fit")
    shown = " ".join(parser.format_help().split())
    assert "Batches, 50 % of them (default: 10)" in shown and "--simulated true|false Whether" in shown


def test_the_seed_is_the_configs():
    parser = argparse.ArgumentParser()
    options.add_seed(parser)
    assert parser.parse_args([]).seed == 0 and parser.parse_args(["--seed", "3"]).seed == 3


@pytest.mark.parametrize(
    ("sheet", "command"),
    [("maps", "gallery"), ("maps", "score"), ("maps", "control"), ("recordings", "neural")],
)
def test_whether_the_data_of_a_command_are_simulated_is_said_once_in_their_sheet(sheet, command):
    parser = argparse.ArgumentParser()
    options.add_settings(parser, schemas.definition(sheet), command)
    assert vars(parser.parse_args([])) == {"simulated": False}
    assert vars(parser.parse_args(["--simulated", "true"])) == {"simulated": True}


def test_parts_of_sections_are_found():
    assert "levels" in schemas.section("clickme.revelation")["properties"]
    assert "neuroids" in schemas.section("simulate.recordings")["properties"]
    assert schemas.section("saliency")["commands"] == ["saliency"]
