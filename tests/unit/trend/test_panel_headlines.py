"""Claims about which score a panel shows: the headline of its measure, or what stands in for it."""

import numpy as np
import pandas as pd
import pytest
import synthetic_scores
from synthetic_scores import panels_of


def test_a_recording_whose_reliability_is_not_known_has_a_panel_of_r(tmp_path):
    """Maps that were not repeated have no r²/c: their likeness of site pairs is none to divide by."""
    scores = synthetic_scores.score_table()
    (panel,) = [p for p in panels_of(tmp_path, scores) if p["benchmark"] == synthetic_scores.IT]
    assert panel["convention"] == "r2/c" and panel["y_label"].endswith("explained variance r²/c")
    scores = scores[~((scores.metric == "pls") & (scores.convention == "r2/c"))]
    (panel,) = [p for p in panels_of(tmp_path, scores) if p["benchmark"] == synthetic_scores.IT]
    assert panel["convention"] == "r" and panel["y_label"].endswith("Pearson r (reliability not known)")
    assert panel["n"] > 10


def test_dissimilarities_have_a_panel_of_similarity_since_nothing_is_predicted_of_them(tmp_path):
    """Beside a recording of neurons, whose panel stays that of predictivity whatever else was measured."""
    scores = synthetic_scores.score_table()
    neurons = scores[scores.benchmark == synthetic_scores.IT]
    similar = neurons[(neurons.metric == "pls") & (neurons.convention == "r")]
    similar = similar.assign(metric="rsa", convention="raw")
    matrices = "neural/matrices/IT/dissimilarities"
    nothing = similar.assign(
        benchmark=matrices, metric="pls", convention="", value=np.nan, status="no neuroids"
    )
    own = [similar, similar.assign(benchmark=matrices), nothing]
    found = panels_of(tmp_path, pd.concat([scores, *own]))
    assert [(p["benchmark"], p["metric"]) for p in found if p["measure"] in ("neural", "rsa")] == [
        (synthetic_scores.IT, "pls"),
        (matrices, "rsa"),
    ]
    (panel,) = [p for p in found if p["benchmark"] == matrices]
    assert panel["title"] == "IT similarity" and panel["convention"] == "raw"
    assert panel["y_label"] == "IT similarity: representational similarity"
    values = similar.set_index("model")["value"]
    assert panel["n"] > 10
    assert all(point["y"] == pytest.approx(values[point["model"]]) for point in panel["points"])


def test_a_study_in_which_no_prediction_was_asked_for_has_panels_of_similarity(tmp_path):
    scores = synthetic_scores.score_table()
    scores.loc[scores.metric == "pls", "metric"] = "rsa"
    scores.loc[scores.convention == "r2/c", "convention"] = "raw/ceiling"
    (panel,) = [p for p in panels_of(tmp_path, scores) if p["benchmark"] == synthetic_scores.IT]
    assert panel["convention"] == "raw/ceiling"
    assert panel["y_label"].endswith("representational similarity, raw/ceiling")
