"""Claims about measures: each is declared once, and what is derived fits together."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from visalign import measures
from visalign.measures import neural
from visalign.measures.measure import Headline, Measure, Metric

HEAVY = {"numpy", "pandas", "torch", "zarr", "matplotlib", "scipy", "jsonschema", "yaml"}


def test_measures_start_nothing_but_the_standard_library():
    code = f"import sys, visalign.measures; sys.exit(bool({HEAVY} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_names_of_measures_metrics_panels_and_rules_tell_them_apart():
    for names in (
        measures.NAMES,
        measures.PANELS,
        [metric.name for measure in measures.MEASURES for metric in measure.metrics],
        [cost.rule for measure in measures.MEASURES for cost in measure.costs],
    ):
        assert len(set(names)) == len(names) > 3


def test_every_measure_gives_reasons_and_every_metric_says_what_it_is():
    assert all(measure.reason_metrics and measure.summary for measure in measures.MEASURES)
    assert all(metric.meaning and metric.title for metric in measures.BY_NAME["accuracy"].metrics)
    assert all(metric.meaning for metric in measures.METRICS.values())


def test_only_metrics_of_perturbations_and_probes_alone_never_rest_on_simulated_data():
    never = {name for name, metric in measures.METRICS.items() if metric.simulated == "never"}
    attacks = {name for name in measures.METRICS if name.startswith(("perturbation_", "attack_"))}
    probes = {metric.name for metric in measures.BY_NAME["probes"].metrics}
    assert never == attacks | probes - {"people_accuracy", "human_gap", "error_consistency"}


def test_a_headline_knows_its_measure():
    assert {headline.panel: headline.stage for headline in measures.HEADLINES} == {
        "neural": "neural",
        "rsa": "neural",
        "clickme": "clickme",
        "adversarial_alignment": "attacks",
        "perturbation_tolerance": "attacks",
        "probes": "probes",
        "tilt": "probes",
    }


@pytest.mark.parametrize("change", [{"reason_metrics": ("b",)}, {"metrics": (Metric("a", ""),) * 2}, {}])
def test_a_measure_whose_headline_is_none_of_its_metrics_is_refused(change):
    headline = Headline(panel="p", title="P", metric="b", convention="r", label="", raw="")
    good = {"metrics": (Metric("a", "n images"),), "reason_metrics": ("a",)}
    more = {"headlines": (headline,)} if not change else {}
    with pytest.raises(TypeError, match="measure m: metrics"):
        Measure(
            name="m",
            title="M",
            summary="score",
            over="stimuli",
            labelled=True,
            needs=(),
            methods=lambda study, results: "",
            **(good | change | more),
        )


@pytest.mark.parametrize(
    ("benchmark", "title"),
    [
        ("neural/scenes/IT/70-170/whole_image", "IT predictivity"),
        ("neural/scenes/V4+IT", "IT and V4 predictivity"),
        ("neural/scenes", "Neural predictivity"),
        ("", "Neural predictivity"),
    ],
)
def test_a_panel_of_neurons_is_titled_by_the_regions_that_were_recorded(benchmark, title):
    predictivity, similarity = measures.BY_NAME["neural"].headlines
    assert predictivity.title_of(benchmark) == title
    assert similarity.title_of(benchmark) == title.replace("predictivity", "similarity")


def test_work_of_neural_grows_with_time_windows_and_ways_to_compare():
    rows = {"one": {"stimuli": "s"}, "three": {"stimuli": "s", "windows": "0-50, 51-90, 91-130"}}
    study = SimpleNamespace(
        recordings=rows,
        config={"neural": {"metrics": ["pls", "rsa"]}},
        protocol=lambda recording: "whole_image",
    )
    sizes = SimpleNamespace(study=study, rows=lambda stimuli, protocol: 10)
    assert [neural.scored(sizes, "net", recording) for recording in rows] == [2 * 100, 6 * 100]
