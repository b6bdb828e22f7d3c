"""Claims about the sentence that a panel ends in."""

from visalign import verdict


def judged(p, below=(1.0, 2.0), beyond=(-2.0, -1.0), rho=(0.2, 0.6), reason=""):
    """Return the verdict on a trend of given p and intervals."""
    pieces = {"changepoint": 0.7, "changepoint_low": 0.6, "changepoint_high": 0.8}
    for name, (low, high) in (("slope_below", below), ("slope_beyond", beyond)):
        pieces |= {name: (low + high) / 2, f"{name}_low": low, f"{name}_high": high}
    overall = {"ci_low": 0.1, "ci_high": 0.9, "family_ci_low": rho[0], "family_ci_high": rho[1]}
    trend = {"decline": {"p": p, "reason": reason}, "segmented": pieces, "spearman": {"overall": overall}}
    return verdict.of_trend(trend)


def test_a_decline_is_claimed_with_place_slope_intervals_and_p():
    assert judged(0.01) == (
        "Rises, then declines beyond x = 0.70 (95 % 0.60 to 0.80): "
        "slope −1.500, 95 % −2.000 to −1.000; test of decline: p = 0.010."
    )
    assert judged(0.01, below=(-1, 1)).startswith("Declines beyond x = 0.70")
    assert judged(0.01, below=(-2, -1)).startswith("Declines below and beyond x = 0.70")
    assert "p < 0.001" in judged(0.0005)


def test_no_decline_is_claimed_beyond_a_changepoint_where_the_slope_may_be_zero():
    words = judged(0.01, beyond=(-2, 0))
    assert words.startswith("Declines somewhere") and "may be 0" in words


def test_without_evidence_the_verdict_says_that_and_whether_scores_rise_over_families():
    assert judged(0.06).startswith("Rises with accuracy; no evidence of decline (test of decline: p = 0.060)")
    assert judged(0.06, rho=(-0.1, 0.6)).startswith("No evidence of decline")
    assert "not evidence that there is none" in judged(0.9)


def test_what_was_not_tested_is_said_not_to_be():
    assert judged(None, reason="five families") == "Not tested for a decline: five families."


def test_a_correlation_is_judged_by_its_interval_over_families():
    rho = {"value": 0.5, "ci_low": 0.1, "ci_high": 0.8, "family_ci_low": -0.1, "family_ci_high": 0.9, "n": 20}
    words = verdict.of_correlation(rho, "All")
    assert "over families −0.10 to +0.90" in words and "no evidence of a relation" in words
