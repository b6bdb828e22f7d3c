"""Claims about what a panel's numbers are said to say: never more than they do."""

import pytest

from visalign.trend import verdict


def correlation(value, low, high, n=20):
    return {"value": value, "ci_low": low, "ci_high": high, "n": n}


@pytest.mark.parametrize(
    ("rho", "said"),
    [
        (correlation(0.5, 0.1, 0.8), "tend to score higher"),
        (correlation(-0.5, -0.8, -0.1), "tend to score lower"),
        (correlation(0.5, -0.01, 0.8), "no evidence of a relation"),
        (correlation(0.9, 0.0, 1.0), "no evidence of a relation"),
        (correlation(None, None, None, 3), "too few models"),
        (correlation(0.9, None, None), "nothing can be said"),
    ],
)
def test_words_about_a_correlation_are_no_stronger_than_its_interval(rho, said):
    claims = {"tend to score higher", "tend to score lower", "no evidence of a relation"}
    claims |= {"too few models", "nothing can be said"}
    sentence = verdict.of_correlation(rho, "All models")
    assert {claim for claim in claims if claim in sentence} == {said}


def panel(**more):
    points = [{"model": f"m{i}", "x": i / 10, "y": y} for i, y in enumerate([0.1, 0.9, 0.5])]
    others = {"shown_only": [], "reference_lines": [], "by_model": [], "excluded": [{}], "sides": ""}
    others["reliability"] = None
    return {"n": 3, "points": points, "reason": "", **others, **more}


def test_words_never_claim_a_decline():
    line = {"slope": -1.0, "intercept": 1.0, "rule": "r"}
    rho = {part: correlation(-0.9, -1.0, -0.8) for part in ("overall", "below", "above")} | {"by_family": {}}
    trend = {
        "spearman": rho,
        "changepoint": {"model": "m1", "x": 0.1, "y": 0.9},
        "rising": None,
        "falling": line,
    }
    words = " ".join(verdict.of_panel(panel(trend=trend)))
    assert "declin" not in words.replace("whether scores decline beyond it has not been tested here", "")
    assert "1 model is more accurate" in words and "Rising line: none" in words


def test_words_without_trend_give_the_reason():
    words = verdict.of_panel(panel(trend=None, reason="n = 3; a trend takes at least 10 points"))
    assert words == [
        "n = 3 models in the statistics; 1 excluded.",
        "No trend is given: n = 3; a trend takes at least 10 points.",
    ]
