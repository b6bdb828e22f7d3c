"""Claims about the upper envelope: worked by hand, and by law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from visalign.trend.envelope import Line, envelope, falling_line, front

# Twelve points; the front is 0, 2, 3, 6 (worked out on paper), its highest point (6, 8).
X = np.array([1.0, 2, 2, 4, 3, 5, 6, 7, 8, 9, 9, 10])
Y = np.array([2.0, 1, 3, 6, 3, 5, 8, 4, 6, 5, 7, 3])


def test_front_of_twelve_points_is_the_one_worked_out_by_hand():
    assert front(X, Y).tolist() == [0, 2, 3, 6]


def test_lines_of_twelve_points_are_the_ones_worked_out_by_hand():
    found = envelope(X, Y)
    assert found.changepoint == 6
    # Rising: dx = −5, −4, −2; dy = −6, −5, −2; slope = (30 + 20 + 4) / (25 + 16 + 4).
    assert found.rising.slope == pytest.approx(54 / 45)
    assert found.rising.intercept == pytest.approx(8 - 6 * 54 / 45)
    # Beyond: (7, 4), (8, 6), (9, 7). The weighted line, slope −61/91, covers only the last point.
    assert found.beyond.tolist() == [7, 8, 10]
    assert found.falling.slope == pytest.approx((7 - 8) / (9 - 6))


def test_falling_line_is_weighted_by_height_where_half_of_its_points_are_covered():
    # Weights 2/3 and 1; dx = 1, 2; dy = −4, −2; slope = −(8/3 + 4) / (2/3 + 4).
    line = falling_line(np.array([7.0, 8]), np.array([4.0, 6]), 6.0, 8.0)
    assert line.slope == pytest.approx(-10 / 7)
    assert "weighted" in line.rule


def test_of_points_at_one_x_only_the_highest_is_in_the_front():
    assert front(np.array([1.0, 1, 1]), np.array([1.0, 3, 2])).tolist() == [1]


def test_falling_line_goes_to_the_last_front_point_when_most_lie_below_it():
    x, y = np.array([1.0, 2, 3, 20]), np.array([1.0, 1.01, 1.02, 1.03])
    line = falling_line(x, y, 0.0, 3.0)
    assert line.rule == "to the last front point beyond"
    assert line.slope == pytest.approx((1.03 - 3) / 20)


def test_negative_alignment_beyond_the_changepoint_still_gives_a_falling_line():
    found = envelope(np.arange(4.0), np.array([0.5, -0.3, -0.2, -0.1]))
    assert found.falling.slope < 0


def test_a_front_that_ends_at_the_most_accurate_model_has_no_falling_line():
    found = envelope(np.arange(5.0), np.arange(5.0))
    assert found.falling is None
    assert found.rising.slope == pytest.approx(1)


def test_a_front_that_starts_at_its_highest_point_has_no_rising_line():
    assert envelope(np.arange(5.0), -np.arange(5.0)).rising is None


def test_envelope_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="finite"):
        envelope(np.array([0.0, np.nan]), np.array([0.0, 1.0]))


@given(arrays(float, st.tuples(st.integers(1, 25), st.just(2)), elements=st.integers(0, 8).map(float)))
def test_front_covers_all_points_and_does_not_depend_on_their_order(points):
    x, y = points.T
    upper = front(x, y)
    assert (np.diff(x[upper]) > 0).all() and (np.diff(y[upper]) > 0).all()
    for xi, yi in points:
        assert yi <= y[upper][x[upper] <= xi].max()
    shuffled = points[np.random.default_rng(0).permutation(len(points))]
    assert (shuffled[front(*shuffled.T)] == points[upper]).all()


@given(
    arrays(float, (12,), elements=st.integers(0, 100).map(float)),
    st.integers(-5, 5),
    st.sampled_from([0.5, 2]),
)
def test_rising_line_moves_with_the_units_of_y(y, shift, scale):
    line, moved = envelope(X, y).rising, envelope(X, scale * y + shift).rising
    assert (line is None) == (moved is None)
    if line:
        assert moved.slope == pytest.approx(scale * line.slope, abs=1e-9)
        assert moved.at(np.array([3.0])) == pytest.approx(scale * line.at(np.array([3.0])) + shift, abs=1e-6)


def test_line_gives_its_height():
    assert Line(2.0, 1.0, "").at(np.array([3.0])).tolist() == [7.0]
