"""Claims about numbers of images: intervals of so many are as narrow as wanted, and not of one less."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from visalign.errors import InputError
from visalign.study import smaller
from visalign.study.smaller import Spread


def test_half_widths_are_of_all_panels_or_of_one():
    assert set(smaller.half_widths([".1"]).values()) == {0.1}
    found = smaller.half_widths(["0.1", "clickme=0.02"])
    assert found == dict.fromkeys(smaller.ASSUMED, 0.1) | {"clickme": 0.02}
    assert smaller.half_widths(["clickme=0.02"]) == {"clickme": 0.02}
    assert smaller.half_widths([]) == {}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["neural=0.1"], "--half-width 'neural=0.1': unknown panel 'neural'; one of: accuracy, clickme"),
        (["=0.1"], "--half-width '=0.1': unknown panel ''"),
        (["clickme=wide"], "--half-width 'clickme=wide': 'wide' is no number between 0 and 0.5"),
        (["0"], "--half-width '0': '0' is no number between"),
        (["0.5"], "--half-width '0.5': '0.5' is no number between"),
        (["0.1", "0.2"], "--half-width '0.2': there twice"),
        (["clickme=0.1", "clickme=0.2"], "--half-width 'clickme=0.2': there twice"),
    ],
)
def test_a_word_that_is_no_half_width_is_named(words, message):
    with pytest.raises(InputError) as error:
        smaller.half_widths(words)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.97])
@pytest.mark.parametrize("width", [0.01, 0.05])
def test_the_wilson_interval_of_so_many_images_is_no_wider_and_of_one_less_it_is(share, width):
    def half(n, z=1.959964):
        return z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)

    n = smaller.images_needed("accuracy", width, Spread(share))
    assert half(n) <= width < half(n - 1)


@pytest.mark.parametrize(
    ("panel", "statistic"), [("clickme", np.mean), ("perturbation_tolerance", np.median)]
)
def test_a_simulated_score_of_so_many_images_varies_as_wanted(panel, statistic):
    """Its standard deviation over studies is the half-width over 1.96."""
    rng = np.random.default_rng(0)
    n = smaller.images_needed(panel, 0.06, Spread(0.3))
    scores = statistic(rng.normal(scale=0.3, size=(4000, n)), axis=1)
    assert 1.96 * scores.std() == pytest.approx(0.06, rel=0.04)


def test_images_that_do_not_count_are_drawn_too():
    whole, half = (smaller.images_needed("clickme", 0.02, Spread(0.2, share)) for share in (1, 0.5))
    assert half == pytest.approx(2 * whole, abs=1)
    assert smaller.images_needed("clickme", 0.4, Spread(0.2)) == smaller.FEWEST


def test_the_half_width_of_the_images_needed_is_the_wanted_one():
    for panel in smaller.ASSUMED:
        spread = Spread(0.4, 0.8)
        n = smaller.images_needed(panel, 0.03, spread)
        assert smaller.half_width_of(panel, n, spread) == pytest.approx(0.03, rel=0.01)


# --- from a run ---


def write(path: str, **columns) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(path, index=False)


def test_without_a_run_spreads_are_assumed(tmp_path):
    found = smaller.spreads(tmp_path)
    assert {spread.origin for spread in found.values()} == {"assumed"}
    assert found["accuracy"].sd == 0.5 and found["clickme"].share == 1


def test_spreads_are_medians_over_the_models_of_a_run(tmp_path):
    for model, rho in (
        ("a", [0, 0.2, 0.4]),
        ("b", [0, 0.3, 0.7]),
        ("c", [0, 0.1, 0.2]),
        ("none", [np.nan] * 3),
    ):
        write(f"{tmp_path}/clickme/{model}/people_images.csv", stimulus_id=[1, 2, 3], rho=rho, reason="")
        write(
            f"{tmp_path}/accuracy/{model}/photos.csv",
            metric=["top1", "top5"],
            value=[0 if model == "none" else rho[2], 0.5],
        )
    found = smaller.spreads(tmp_path)
    assert found["clickme"] == Spread(pytest.approx(0.2), 1.0, 3, 3)
    assert found["accuracy"] == Spread(0.4, models=3)  # the nearest to .5


def test_spread_of_sizes_is_without_image_effects(tmp_path):
    """Sizes are exp(model + image + noise): images vary by 1, the noise by .3."""
    rng = np.random.default_rng(1)
    images, reason = rng.normal(size=400), np.where(np.arange(400) < 300, "", "not drawn")
    for model in range(8):
        sizes = np.exp(model + images + 0.3 * rng.normal(size=400))
        rms = np.where((reason == "") & (rng.uniform(size=400) < 0.7), sizes, np.nan)
        write(
            f"{tmp_path}/attacks/{model}/people_images.csv",
            stimulus_id=np.arange(400), rms=rms, rho=np.where(np.isnan(rms), np.nan, 0.1), reason=reason,
        )  # fmt: skip
    found = smaller.spreads(tmp_path)["perturbation_tolerance"]
    assert found.sd == pytest.approx(0.3 * math.sqrt(1 - 1 / (0.7 * 8)), rel=0.05)
    assert found.share == pytest.approx(0.7, abs=0.03)
    assert (found.models, found.origin) == (8, "8 models")
    assert smaller.spreads(tmp_path)["adversarial_alignment"].sd == pytest.approx(0, abs=1e-9)
