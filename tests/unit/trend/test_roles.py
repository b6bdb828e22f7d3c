"""Claims about roles: what a row of a sheet says wins; what a model is stands in for what it does not say."""

import pytest

from visalign.io.schemas import schema
from visalign.io.sheets import read_sheet
from visalign.trend import roles


@pytest.mark.parametrize(
    ("row", "role"),
    [
        ({"weights": "hub"}, "model"),
        ({"weights": "random"}, "control"),
        ({"weights": "random", "role": "model"}, "model"),
        ({"weights": "train", "baseline": "b"}, "arm"),
        ({"weights": "train", "baseline": ""}, "model"),
        ({"weights": "file", "role": "adversarial"}, "adversarial"),
        ({"weights": "hub", "baseline": "b"}, "model"),  # an arrow only
        ({}, "model"),
    ],
)
def test_a_role_is_the_one_written_or_what_the_model_is(row, role):
    assert roles.role_of(row) == role


def test_roles_are_counted_in_words():
    assert roles.enumerated(["arm", "control", "control", "adversarial"]) == (
        "2 controls, 1 adversarially trained, 1 arm"
    )


@pytest.mark.parametrize("sheet", ["models", "train"])
def test_sheets_know_the_roles_there_are(sheet):
    assert schema(sheet)["properties"]["role"]["enum"] == list(roles.ROLES)


@pytest.mark.parametrize(
    ("sheet", "counts"),
    [("embedded", {"model": 15, "control": 9}), ("timm", {"model": 377, "adversarial": 42, "control": 5})],
)
def test_controls_and_adversarially_trained_models_of_our_sheets_are_marked(sheet, counts):
    found = [
        roles.role_of(row) for row in read_sheet(f"config/models/{sheet}.tsv", "models", "model").values()
    ]
    for role, count in counts.items():
        assert found.count(role) == count


def test_a_model_without_a_family_is_given_none():
    assert schema("models")["properties"]["family"]["default"] == ""
