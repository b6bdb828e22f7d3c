"""Claims about what the scores of a panel are read against, and about the reliability of their spread."""

import numpy as np
import pytest
import synthetic_probes
import synthetic_scores

from visalign.measures import HEADLINES
from visalign.probes.reliability import spread_reliability
from visalign.trend import verdict

TASKS = ["depth", "pathfinder/3", "svrt-04"]


@pytest.fixture(scope="module")
def panels(tmp_path_factory):
    table = synthetic_probes.with_probes(tasks=TASKS)
    found = synthetic_scores.panels_of(tmp_path_factory.mktemp("probes"), table)
    return {panel["benchmark"]: panel for panel in found}


def levels_of(panel):
    return {level["name"]: level for level in panel["levels"]}


def test_a_probe_is_read_against_permuted_labels_pixels_statistics_and_people(panels):
    levels = levels_of(panels["probes/tasks/depth"])
    assert list(levels) == ["permuted labels", "pixels", "image statistics", "people"]
    half = 0.98 / np.sqrt(120)
    band = levels["permuted labels"]
    assert (band["low"], band["high"]) == pytest.approx((0.5 - half, 0.5 + half))
    assert band["y"] == pytest.approx(0.5, abs=0.01) and band["n"] == 15
    assert levels["pixels"]["y"] == 0.5 and levels["people"]["y"] == 0.9
    assert [level["low"] for name, level in levels.items() if name != "permuted labels"] == [None] * 3
    assert [level["simulated"] for level in levels.values()] == [False, False, False, True]
    assert levels_of(panels["probes/tasks/svrt-04"])["image statistics"]["y"] == pytest.approx(0.72)


def test_people_are_a_line_only_where_they_answered_and_simulated_only_where_they_are(panels, tmp_path):
    assert "people" not in levels_of(panels["probes/tasks/svrt-04"])
    measured = synthetic_probes.with_probes(tasks=["depth"], simulated_people=False)
    [panel] = [p for p in synthetic_scores.panels_of(tmp_path, measured) if p["measure"] == "probes"]
    assert not levels_of(panel)["people"]["simulated"] and not panel["simulated"]


def test_a_panel_is_not_of_simulated_data_because_people_are(panels):
    assert levels_of(panels["probes/tasks/depth"])["people"]["simulated"]
    assert not any(panels[f"probes/tasks/{task}"]["simulated"] for task in TASKS)


def test_a_level_is_the_median_over_models(tmp_path):
    table = synthetic_probes.with_probes(tasks=["svrt-04"])
    pixels = table["metric"] == "pixel_accuracy"
    table.loc[pixels, "value"] = np.linspace(0.4, 0.6, 15) ** 2
    table.loc[table.index[pixels][:4], "value"] = np.nan
    [panel] = [p for p in synthetic_scores.panels_of(tmp_path, table) if p["measure"] == "probes"]
    level = levels_of(panel)["pixels"]
    assert level["y"] == pytest.approx(np.linspace(0.4, 0.6, 15)[9] ** 2) and level["n"] == 11


def test_other_measures_have_neither_levels_nor_reliability_and_are_in_the_main_figure(panels):
    others = [panel for panel in panels.values() if panel["measure"] not in ("probes", "tilt")]
    assert len(others) == 3  # two of the four share a benchmark
    for panel in others:
        assert (panel["figure"], panel["levels"], panel["reliability"]) == ("alignment", [], None)
    assert {h.panel: h.figure for h in HEADLINES if h.stage == "probes"} == {
        "probes": "probes",
        "tilt": "probes",
    }


def test_the_reliability_is_that_of_the_models_of_the_statistics_with_binomial_errors(panels):
    panel = panels["probes/tasks/depth"]
    shares = np.array([point["y"] for point in panel["points"]])
    error = np.sqrt(shares * (1 - shares) / 120)
    found = panel["reliability"]
    expected = 1 - (error**2).mean() / shares.var(ddof=1)
    assert 0.3 < expected < 1 and found["value"] == pytest.approx(expected)
    assert found["value"] == pytest.approx(spread_reliability(shares, error))
    assert found["attainable"] == pytest.approx(np.sqrt(expected))
    rho = panel["trend"]["spearman"]["overall"]["value"]
    assert found["disattenuated"] == pytest.approx(rho / np.sqrt(expected))
    assert found["n"] == panel["n"] == 11 and found["units"] == [120, 120]


def test_the_reliability_stands_after_the_correlation_in_words(panels):
    sentences = verdict.of_panel(panels["probes/tasks/depth"])
    [place] = [i for i, text in enumerate(sentences) if text.startswith("Reliability of the spread")]
    assert sentences[place - 1].startswith("All models (n = 11): ρ = ")
    assert "binomial errors of 120 images a score" in sentences[place]


RHO = {"value": 0.6, "n": 20}


@pytest.mark.parametrize(
    ("value", "attainable", "disattenuated", "text"),
    [
        (-0.2, None, None, "−0.20 (binomial errors of 48 to 96 images a score): they differ no more than by"),
        (0.25, 0.5, None, "|ρ| of at most 0.50 can be expected with anything."),
        (0.64, 0.8, 0.75, "without these errors ρ would be +0.75."),
        (0.32, 0.57, 1.06, "without these errors ρ would be beyond 1 in size."),
    ],
)
def test_what_a_reliability_says(value, attainable, disattenuated, text):
    found = {"value": value, "attainable": attainable, "disattenuated": disattenuated}
    assert text in verdict.of_reliability({**found, "n": 20, "units": [48, 96]}, RHO)


def test_an_unknown_reliability_says_nothing():
    none = {"value": None, "attainable": None, "disattenuated": None, "n": 1, "units": [48, 48]}
    assert verdict.of_reliability(None, RHO) == verdict.of_reliability(none, RHO) == ""
