"""Claims about the order of measures: each step has the jobs that it adds, most panels per hour first."""

from __future__ import annotations

import pytest
from studies import DATA_CONFIG, SMALL, load, write

from visalign.measures import BY_NAME
from visalign.study import order as ordering
from visalign.study.jobs import Job


@pytest.fixture
def study(tmp_path, monkeypatch, known_models):
    monkeypatch.chdir(tmp_path)
    known_models(DATA_CONFIG)
    return load(write(SMALL))


#: Pixels serve all; accuracy reads features, neural too; attacks have a tool of all models.
JOBS = [
    Job("preprocess", ("a",), (), ("pixels",)),
    Job("features", ("m", "a"), ("pixels",), ("features",)),
    Job("accuracy", ("m", "a"), ("features",), ("accuracy.csv",)),
    Job("gram", ("m", "a"), ("features",), ("gram",)),
    Job("neural", ("m", "r"), ("gram",), ("neural.csv",)),
    Job("saliency", ("m", "a"), ("pixels",), ("saliency",)),
    Job("clickme_score", ("m", "c"), ("saliency",), ("clickme.csv", "clickme_images.csv")),
    Job("attacks_perturb", ("m", "a"), ("pixels",), ("perturbations",)),
    Job("attacks_score", ("m", "c"), ("perturbations",), ("attacks.csv", "attacks_images.csv")),
    Job("tolerances", ("c",), ("attacks_images.csv",), ("tolerances.csv",)),
    Job(
        "scores",
        (),
        ("accuracy.csv", "neural.csv", "clickme.csv", "attacks.csv", "tolerances.csv"),
        ("scores",),
    ),
    Job("report_study", (), ("scores", "clickme_images.csv"), ("report",)),
]
HOURS = {"features": 2, "gram": 6, "neural": 1, "saliency": 3, "attacks_perturb": 4}


def seconds(job):
    return 3600 * HOURS.get(job.rule, 0)


def test_cheap_panels_come_first_and_no_job_is_counted_twice(study):
    panels = {name: ordering.panels(study, measure) for name, measure in BY_NAME.items()}
    found = ordering.order(study, JOBS, seconds, "my study.yaml")
    assert {(step["measure"], step["hours"], step["jobs"]) for step in found["steps"]} == {
        ("accuracy", 2, 3), ("clickme", 3, 2), ("neural", 7, 2), ("attacks", 4, 3), ("rest", 0, 2),
    }  # fmt: skip
    names = [step["measure"] for step in found["steps"]]
    assert names[0] == "accuracy" and names[-1] == "rest"
    rates = [panels[step["measure"]] / step["hours"] for step in found["steps"][1:-1]]
    assert rates == sorted(rates, reverse=True)
    assert sum(step["jobs"] for step in found["steps"]) == len(JOBS)


def test_commands_ask_for_the_rules_that_make_the_scores(study):
    commands = {
        step["measure"]: step["command"]
        for step in ordering.order(study, JOBS, seconds, "my study.yaml")["steps"]
    }
    start = "snakemake --cores all --configfile 'my study.yaml'"
    assert commands["clickme"] == f"{start} --until clickme_score"
    assert commands["attacks"] == f"{start} --until attacks_score tolerances"
    assert commands["rest"] == start


def test_where_hours_are_not_known_measures_come_as_declared(study):
    found = ordering.order(study, JOBS, lambda job: None if job.rule == "gram" else 1.0, "study.yaml")
    names = [step["measure"] for step in found["steps"]]
    assert names == ["accuracy", "neural", "clickme", "attacks", "rest"]
    assert [step["hours"] is None for step in found["steps"]] == [False, True, False, False, False]


def test_jobs_without_a_cost_count_as_nothing_where_they_were_not_measured(study):
    def not_of_all(job):
        return None if job.rule in ("tolerances", "report_study") else seconds(job)

    known, unknown = (ordering.order(study, JOBS, of, "study.yaml") for of in (seconds, not_of_all))
    assert unknown == known


def test_a_dearer_measure_with_more_panels_may_come_first():
    left = {"neural": (10, 5.0), "clickme": (1, 1.0), "rest": (0, 1.0)}
    assert ordering.best(left) == "neural"
    assert ordering.best(left | {"accuracy": (0, 9.0)}) == "accuracy"
    assert ordering.best({"rest": (0, None)}) == "rest"


def test_panels_are_counted_by_window_and_headline(study):
    study.recordings = {
        "grid": {"stimuli": "scenes", "windows": "51-90,91-130"},
        "whole": {"stimuli": "scenes"},
    }
    study.maps = {"people": {"stimuli": "photos", "scored": True}, "train": {"stimuli": "x", "scored": False}}
    counts = {name: ordering.panels(study, measure) for name, measure in BY_NAME.items()}
    assert counts == {"accuracy": 0, "neural": 3, "clickme": 1, "attacks": 2, "probes": 0}
