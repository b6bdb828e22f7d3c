"""Claims about options of the command line that have a least value."""

import argparse

import pytest

from visalign.attacks.minimum_norm import MIN_BUDGET
from visalign.cli import main
from visalign.study.options import at_least
from visalign.study.schemas import of_section


@pytest.mark.parametrize(
    ("command", "option", "value", "said"),
    [
        ("attacks perturb", "--budget", "11", "11 is not at least 12"),
        ("attacks curve", "--budgets", "5", "5 is not at least 12"),
        ("attacks perturb", "--count", "0", "0 is not at least 1"),
        ("attacks perturb", "--batch-size", "-2", "-2 is not at least 1"),
        ("attacks perturb", "--precision", "0", "0 is not above 0"),
        ("attacks perturb", "--precision", "5", "5 is not at most 1"),
        ("attacks score", "--bootstrap", "99", "99 is not at least 100"),
        ("train fit", "--steps", "0", "0 is not at least 1"),
        ("train fit", "--batch-size", "1.5", "invalid whole number value: '1.5'"),
        ("simulate recordings", "--repetitions", "0", "0 is not at least 1"),
        ("simulate clicks", "--participants", "0", "0 is not at least 5"),
        ("figures", "--dpi", "0", "0 is not at least 50"),
        ("features", "--batch-size", "0", "0 is not at least 1"),
        ("saliency", "--batch-size", "0", "0 is not at least 1"),
        ("preprocess", "--threads", "0", "0 is not at least 1"),
        ("stimuli", "--count", "0", "0 is not at least 8"),
        ("recordings", "--ceiling-splits", "0", "0 is not at least 1"),
        ("neural", "--components", "0", "0 is not at least 1"),
        ("neural", "--penalties", "0", "0 is not at least 1"),
        ("neural", "--splits", "0", "0 is not at least 1"),
        ("neural", "--inner-splits", "0", "0 is not at least 1"),
        ("neural", "--train-size", "1.5", "1.5 is not below 1"),
        ("neural", "--threads", "0", "0 is not at least 1"),
        ("clickme score", "--bootstrap", "99", "99 is not at least 100"),
        ("clickme reveal", "--count", "0", "0 is not at least 1"),
        ("clickme reveal", "--levels", "101", "101 is not at most 100"),
        ("clickme folder", "--ceiling", "65.7", "65.7 is not at most 1"),
        ("maps read", "--ceiling", "0", "0 is not above 0"),
        ("maps ceilings", "--ceiling", "1.5", "1.5 is not at most 1"),
        ("clickme reveal", "--batch-size", "0", "0 is not at least 1"),
        ("list-layers", "--input-size", "0", "0 is not at least 1"),
    ],
)
def test_a_number_that_no_command_can_use_is_refused_by_its_option(command, option, value, said, capsys):
    with pytest.raises(SystemExit):
        main([*command.split(), option, value])
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"error: argument {option}" in last and said in last


def test_the_least_budget_is_the_same_in_config_and_search():
    settings = of_section("attacks")["properties"]
    assert MIN_BUDGET == settings["budget"]["minimum"] == settings["budgets"]["items"]["minimum"]


def test_the_least_belongs_to_what_is_allowed():
    assert at_least(3)("3") == 3
    with pytest.raises(argparse.ArgumentTypeError):
        at_least(3)("2")
