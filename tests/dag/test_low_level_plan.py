"""Claims about which jobs a low-level model has."""

import shutil

import pytest

ROWS = {"gabor": "gabor-energy", "edges": "edge-energy"}


@pytest.fixture(scope="module")
def workflow(fresh, tmp_path_factory):
    """A workflow of four networks and two low-level models that never ran."""
    folder = tmp_path_factory.mktemp("low_level") / "workflow"
    shutil.copytree(fresh.folder, folder)
    copy = type(fresh)(folder)
    for name, architecture in ROWS.items():
        copy.append("config/models/embedded.tsv", f"{name}\t{architecture}\tlow-level")
    return copy


def test_low_level_models_have_the_jobs_of_what_they_give_and_no_others(workflow, fresh):
    added = workflow.plan() - fresh.plan()
    of_each = {name: {rule for rule, *rest in added if rest and rest[0] == name} for name in ROWS}
    assert of_each["gabor"] == {"models", "features", "gram", "neural", "report_model"}
    saliency = {"saliency", "clickme", "clickme_gallery", "attacks_control"}
    assert of_each["edges"] == {"models", *saliency, "report_model"}
    assert {job for job in added if job[0] == "models_weights"} == {
        ("models_weights", "gabor-energy-low-level-1"),
        ("models_weights", "edge-energy-low-level-1"),
    }


def test_images_are_preprocessed_once_for_all_models_of_a_transform(workflow):
    jobs = [job for job in workflow.plan() if job[:2] == ("preprocess", "scenes")]
    assert len({job[2] for job in jobs}) == len(jobs)
