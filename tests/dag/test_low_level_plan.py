"""Claims about which jobs a low-level model has."""

import pytest

ROWS = {"gabor": "gabor-energy", "edges": "edge-energy"}


@pytest.fixture(scope="module")
def plans(fresh, tmp_path_factory):
    """Jobs of a workflow of four networks, and of the same with two low-level models."""
    networks = fresh.plan()
    copy = fresh.copy(tmp_path_factory.mktemp("low_level") / "workflow")
    for name, architecture in ROWS.items():
        copy.append("config/models/embedded.tsv", f"{name}\t{architecture}\tlow-level")
    return networks, copy.plan()


def test_low_level_models_have_the_jobs_of_what_they_give_and_no_others(plans):
    networks, jobs = plans
    assert networks < jobs
    of_each = {name: {rule for rule, *rest in jobs if rest and rest[0] == name} for name in ROWS}
    assert of_each["gabor"] == {"models_card", "features", "gram", "neural", "report_model"}
    saliency = {"saliency", "clickme_score", "clickme_gallery", "attacks_control"}
    assert of_each["edges"] == {"models_card", *saliency, "report_model"}
    assert {job for job in jobs - networks if job[0] == "models_weights"} == {
        ("models_weights", "gabor-energy-low-level-1"),
        ("models_weights", "edge-energy-low-level-1"),
    }


def test_their_stimuli_are_those_of_networks_of_the_same_transform(plans):
    networks, jobs = plans
    assert not {job for job in jobs - networks if job[0] in ("preprocess", "maps_ceilings", "stimuli")}
