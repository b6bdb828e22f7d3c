"""Claims about the sentences that a panel's numbers allow."""

import pytest

from visalign.trend import verdict

ENVELOPE = {"tau": 0.8, "p": None, "reason": "that takes 50 models"}


def judged(
    p, below=(1.0, 2.0), beyond=(-2.0, -1.0), rho=(0.2, 0.6), envelope=ENVELOPE, coverage=0.95, **test
):
    """Return the verdict on a trend of given p and intervals."""
    pieces = {"changepoint": 0.7, "changepoint_low": 0.6, "changepoint_high": 0.8, "coverage": coverage}
    for name, (low, high) in (("slope_below", below), ("slope_beyond", beyond)):
        pieces |= {name: (low + high) / 2, f"{name}_low": low, f"{name}_high": high}
    overall = {"ci_low": 0.1, "ci_high": 0.9, "family_ci_low": rho[0], "family_ci_high": rho[1], "n": 60}
    decline = {"p": p, "smallest_detectable": 1.82} | test
    trend = {"decline": decline, "segmented": pieces, "spearman": {"overall": overall | {"n_families": 12}}}
    return verdict.of_trend(trend | {"envelope_decline": envelope})


def test_a_decline_of_the_mean_is_claimed_with_place_slope_intervals_and_p():
    assert judged(0.01) == (
        "The mean score rises, then declines beyond x = 0.70 (95 % 0.60 to 0.80): "
        "slope −1.500, 95 % −2.000 to −1.000; test of decline: p = 0.010. "
        "The upper envelope (0.8 quantile) is not tested for a decline: that takes 50 models."
    )
    assert judged(0.01, below=(-1, 1)).startswith("The mean score declines beyond x = 0.70")
    assert judged(0.01, below=(-2, -1)).startswith("The mean score declines below and beyond x = 0.70")
    assert "p < 0.001" in judged(0.0005)


def test_no_decline_is_claimed_beyond_a_changepoint_where_the_slope_may_be_zero():
    words = judged(0.01, beyond=(-2, 0))
    assert words.startswith("The mean score declines somewhere") and "that beyond may be 0" in words


def test_a_fall_and_then_a_rise_are_said_to_be_that():
    words = judged(0.01, below=(-2, -1), beyond=(0.4, 0.7))
    assert words.startswith("The mean score falls below x = 0.70 (95 % 0.60 to 0.80): slope −1.500")
    assert "rises beyond: slope 0.550, 95 % 0.400 to 0.700" in words
    assert judged(0.01, below=(-2, -1), beyond=(-1, 1)).startswith("The mean score falls below x = 0.70")


@pytest.mark.parametrize("below", [(-2, -1), (-1, 1), (1, 2)])
@pytest.mark.parametrize("beyond", [(-2, -1), (-1, 1), (1, 2)])
def test_a_slope_whose_interval_excludes_zero_is_never_said_to_be_perhaps_zero(below, beyond):
    words = judged(0.01, below=below, beyond=beyond)
    may_be = words.count("may be 0")
    assert may_be <= (below == (-1, 1)) + (beyond == (-1, 1))


def test_without_evidence_the_verdict_says_what_would_have_been_found_and_whether_scores_rise_over_families():
    words = judged(0.06)
    assert words.startswith(
        "Rises with accuracy; no evidence of decline of the mean score (test of decline: p = 0.060)"
    )
    assert (
        "a fall of 1.8 residual SDs over the upper third of the models would have been found in 80 %" in words
    )
    assert judged(0.06, rho=(-0.1, 0.6)).startswith("No evidence of decline of the mean score")
    assert "not evidence that there is none" in judged(0.9)
    assert "no fall would have been found in 80 %" in judged(0.9, smallest_detectable=None)


def test_what_was_not_tested_is_said_not_to_be():
    assert judged(None, reason="five families").startswith(
        "The mean score is not tested for a decline: five families."
    )


def test_the_upper_envelope_has_a_sentence_of_its_own_with_its_quantile():
    found = {"tau": 0.9, "p": 0.04, "reason": ""}
    words = judged(0.5, envelope=found)
    assert "no evidence of decline of the mean score" in words
    assert words.endswith(
        "The upper envelope (0.9 quantile) declines somewhere; test of its decline: p = 0.040."
    )
    words = judged(0.01, envelope=found | {"p": 0.17})
    assert words.endswith(
        "No evidence of decline of the upper envelope (0.9 quantile); test of its decline: p = 0.170."
    )


def test_p_corrected_for_the_number_of_panels_decides():
    words = judged(0.01, p_adjusted=0.09, n_panels=6)
    assert "no evidence of decline" in words
    assert "(test of decline: p = 0.010, 0.090 corrected for 6 panels)" in words
    assert "declines beyond" in judged(0.01, p_adjusted=0.03, n_panels=3)
    assert "corrected" not in judged(0.01, p_adjusted=0.01, n_panels=1)


def test_intervals_that_hold_less_often_than_they_should_say_so():
    assert "(95 % 0.60 to 0.80)" in judged(0.01)
    words = judged(0.01, coverage=0.9)
    assert "(about 90 % 0.60 to 0.80): slope −1.500, about 90 % −2.000" in words


def test_a_correlation_is_judged_by_its_interval_over_families():
    rho = {"value": 0.5, "ci_low": 0.1, "ci_high": 0.8, "family_ci_low": -0.1, "family_ci_high": 0.9, "n": 20}
    words = verdict.of_correlation(rho, "All")
    assert "over families −0.10 to +0.90" in words and "no evidence of a relation" in words


def test_no_direction_is_claimed_of_models_of_four_families():
    rho = {"value": 0.9, "ci_low": 0.7, "ci_high": 0.97, "family_ci_low": None, "family_ci_high": None}
    words = verdict.of_correlation(rho | {"n": 12, "n_families": 4}, "All models")
    assert "no direction is claimed" in words and "tend to" not in words and "4 families" in words
    assert "tend to score higher" in verdict.of_correlation(rho | {"n": 12, "n_families": 12}, "All models")


def test_the_falling_line_is_said_to_be_in_any_data():
    line = {"slope": -1.0, "intercept": 2.0, "rule": "least squares"}
    assert verdict.of_line(line, "Falling").endswith(
        "; any set of points has a line from its highest point on."
    )
    assert "any set" not in verdict.of_line(line, "Rising")
