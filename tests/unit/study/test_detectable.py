"""Claims about the smallest fall: fewer models make it larger, fewer images by the share of their errors."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from visalign.errors import InputError
from visalign.study import detectable
from visalign.study.smaller import Spread


def study(n_models, n_controls=0):
    rows = {f"net{number}": {"weights": "hub", "family": f"f{number % 20}"} for number in range(n_models)}
    rows |= {f"control{number}": {"weights": "random"} for number in range(n_controls)}
    return SimpleNamespace(models=rows, config={"trend": {"roles": ["model"]}})


def test_by_default_all_models_half_and_a_quarter_are_asked_of_those_in_the_statistics():
    found = detectable.falls(study(80, n_controls=5))
    assert [(fall["models"], fall["share"]) for fall in found] == [(80, 1), (40, 0.5), (20, 0.25)]
    falls = [fall["fall"] for fall in found]
    assert falls[0] < falls[1] and (falls[2] is None or falls[1] < falls[2])


def test_fewer_models_than_a_trend_takes_are_not_asked():
    assert detectable.falls(study(6)) == []
    with pytest.raises(
        InputError, match=r"--models 9: between 10, the fewest of a trend, and 30, the models"
    ):
        detectable.falls(study(30, n_controls=5), [9])
    with pytest.raises(InputError, match=r"--models 31: between 10"):
        detectable.falls(study(30, n_controls=5), [20, 31])


def write_trend(folder, error):
    """A trend of scores that scatter by .5 around a constant, each known to `error`."""
    x = np.linspace(0, 1, 400)
    y = 0.5 * np.random.default_rng(0).permutation(np.repeat([-1.0, 1.0], 200))
    points = [
        {"x": a, "y": b, "y_low": b - 1.96 * error, "y_high": b + 1.96 * error}
        for a, b in zip(x.tolist(), y.tolist(), strict=True)
    ]
    panel = {"measure": "clickme", "points": points, "trend": {"verdict": ""}}
    (folder / "trend.json").write_text(json.dumps({"panels": [panel]}))


NEED = {"panel": "clickme", "images": 25, "images_now": 100}


def test_the_smallest_fall_grows_as_errors_of_fewer_images_do(tmp_path):
    """Of .5² scatter, .3² is error of 50 images, half of those drawn: .18 of 25 drawn … .045 of 100."""
    write_trend(tmp_path, 0.3)
    told = {"clickme": Spread(0.2, share=0.5, models=9, images=50)}
    [found] = detectable.scatters(tmp_path, [NEED], told)
    between = 0.5**2 - 0.3**2
    assert found["sd"] == pytest.approx(math.sqrt(between), rel=0.02)
    expected = math.sqrt((between + 0.3**2 * 100 / 25) / (between + 0.3**2 * 100 / 100))
    assert found["ratio"] == pytest.approx(expected, rel=0.01)


def test_nothing_is_said_where_no_run_tells(tmp_path):
    told = {"clickme": Spread(0.2, models=9, images=50)}
    assert detectable.scatters(tmp_path, [NEED], told) == []
    write_trend(tmp_path, 0.3)
    assert detectable.scatters(tmp_path, [NEED], {"clickme": Spread(0.2)}) == []  # assumed
    write_trend(tmp_path, 0.6)  # intervals wider than the scatter
    assert detectable.scatters(tmp_path, [NEED], told) == []
