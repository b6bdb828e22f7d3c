"""Claims about the stage tolerances: one frame, the same images, and reasons where there is no value."""

from pathlib import Path

import digests
import golden
import numpy as np
import pandas as pd
import pytest

from visalign import cli
from visalign.attacks import protocol
from visalign.attacks.across_models import COMMON_IMAGES, IMAGE_EFFECTS
from visalign.io import tables
from visalign.io.scores import read_scores


def table(rms, **changes):
    """Per-image table of a model: NaN where it does not name the image."""
    rms = np.asarray(rms, float)
    n, clean = len(rms), np.isfinite(rms)
    columns = {
        "stimulus_id": [f"{i:03}" for i in range(n)],
        "norm": 10 * rms,
        "rms": rms,
        "success": clean,
        "clean_correct": clean,
        "reason": np.where(clean, "", "not clean-correct"),
        "first_order_distance": 10 * rms,
        "gradient_vanished": np.zeros(n, bool),
        "gradients_not_finite": np.zeros(n, int),
        "reproduced": np.ones(n, bool),
    }
    return pd.DataFrame(columns | changes)


def run(folder: Path, models: dict[str, pd.DataFrame], *more: str) -> pd.DataFrame:
    for model, own in models.items():
        tables.write_table(folder / model / "clicks_images.csv", own)
    cli.main(
        [
            "tolerances",
            "--directory",
            str(folder),
            "--dataset",
            "clicks",
            "--models",
            *models,
            "--bootstrap",
            "200",
            "--output",
            str(folder / "clicks.csv"),
            *more,
        ]
    )
    return read_scores(folder / "clicks.csv").set_index(["model", "convention"])


@pytest.fixture
def three():
    """Three models, two of which differ by a factor of two and lack some of 40 images."""
    rng = np.random.default_rng(0)
    images = np.exp(rng.normal(size=40))
    weak, strong, other = images.copy(), 2 * images, 1.5 * images
    weak[30:], strong[:5] = np.nan, np.nan
    return {"weak": table(weak), "strong": table(strong), "other": table(other)}


def test_a_factor_between_models_is_found_on_whichever_images_they_have(three, tmp_path):
    rows = run(tmp_path, three)
    for convention in (IMAGE_EFFECTS, COMMON_IMAGES):
        values = rows.xs(convention, level="convention")["value"]
        assert values["strong"] / values["weak"] == pytest.approx(2, rel=1e-6)
        assert values["other"] / values["weak"] == pytest.approx(1.5, rel=1e-6)
    assert set(rows["benchmark"]) == {"attacks/clicks"} and set(rows["status"]) == {"ok"}
    assert rows["n"].unstack()["rms/image_effects"].to_dict() == {"weak": 30, "strong": 35, "other": 40}
    assert set(rows["n"].unstack()["rms/common_images"]) == {25}
    assert (rows["n"] + rows["n_excluded"]).unstack()["rms/common_images"]["strong"] == 35
    assert ((rows["ci_low"] < rows["value"]) & (rows["value"] < rows["ci_high"])).all()
    assert not rows["simulated"].astype(bool).any()


def test_models_that_stopped_at_other_images_are_compared_on_those_they_share_and_say_so(three, tmp_path):
    """Of 40 images in the order of the attack, the weak model has the first 24, the strong one 34."""
    order = np.random.default_rng(1).permutation(40)
    for name, n in (("weak", 24), ("strong", 34)):
        spared = order[n:]
        three[name].loc[spared, ["success", "clean_correct"]] = False
        three[name].loc[spared, "reason"] = protocol.SPARED
    three["other"].loc[order[39:], ["success", "clean_correct"]] = False
    three["other"].loc[order[39:], "reason"] = protocol.NOT_DRAWN
    rows = run(tmp_path, three)
    values = rows["value"].unstack()["rms/image_effects"]
    assert values["strong"] / values["weak"] == pytest.approx(2, rel=1e-6)
    assert values["other"] / values["weak"] == pytest.approx(1.5, rel=1e-6)
    statuses = rows["status"].unstack()["rms/image_effects"].to_dict()
    assert statuses == {
        "weak": "ok, stopped after 24 of 40 images",
        "strong": "ok, stopped after 34 of 40 images",
        "other": "ok",
    }
    both = three["weak"]["success"] & three["strong"]["success"] & three["other"]["success"]
    assert set(rows["n"].unstack()["rms/common_images"]) == {int(both.sum())}
    assert set(rows.xs("rms/common_images", level="convention")["status"]) == {
        f"{both.sum()} images common to all 3 models, fewer than 20"
    }


def test_a_model_added_does_not_change_how_the_others_differ_and_superclasses_have_their_benchmark(
    three, tmp_path
):
    before = run(tmp_path, {name: three[name] for name in ("weak", "strong")})["value"].unstack()
    rows = run(tmp_path, three, "--target", "superclass")
    assert set(rows["benchmark"]) == {"attacks/clicks/superclass"}
    ratios = [values.loc["strong"] / values.loc["weak"] for values in (before, rows["value"].unstack())]
    np.testing.assert_allclose(*ratios, rtol=1e-6)


def test_few_common_images_give_their_number_instead_of_a_value(three, tmp_path):
    three["weak"].loc[:10, ["success", "clean_correct"]] = False
    rows = run(tmp_path, three).xs("rms/common_images", level="convention")
    assert rows["value"].isna().all() and set(rows["n"]) == {19}
    assert set(rows["status"]) == {"19 images common to all 3 models, fewer than 20"}


def test_a_masked_model_takes_no_part_and_says_why(three, tmp_path):
    expected = run(tmp_path, three)
    masked = table(100 * three["other"]["rms"], gradient_vanished=np.arange(40) < 3)
    random = table(100 * three["other"]["rms"], reproduced=np.arange(40) > 0)
    far = table(100 * three["other"]["rms"], first_order_distance=three["other"]["norm"])
    rows = run(tmp_path, three | {"masked": masked, "random": random, "far": far})
    for model, status in (
        ("masked", "gradient vanished on 3 of 40 images"),
        ("random", "other answers when run again on 1 of 40 images: a random network?"),
        ("far", "smallest norms are 100 times the first-order distance: masked gradients?"),
    ):
        assert rows.loc[model, "value"].isna().all() and set(rows.loc[model, "status"]) == {status}
    pd.testing.assert_series_equal(rows["value"].loc[list(three)], expected["value"].loc[list(three)])


def test_models_without_images_or_shared_ones_get_a_reason(three, tmp_path):
    nothing = table(np.full(40, np.nan))
    lonely = {name: own.copy() for name, own in three.items()}
    for own in lonely.values():
        own.loc[39, ["success", "clean_correct"]] = False
    alone = table([*[np.nan] * 39, 1.0])
    rows = run(tmp_path, lonely | {"nothing": nothing, "alone": alone})
    assert set(rows.loc["nothing", "status"]) == {"no clean-correct image to attack"}
    assert set(rows.loc["alone", "status"]) == {"shares no image with the other models"}
    assert rows.loc["weak", "value"].notna().all()
    only = run(tmp_path, {"weak": three["weak"]})
    assert set(only["status"]) == {"shares no image with the other models"}


def test_censored_images_are_above_every_other_and_leave_the_median_undefined_where_they_are_half(
    three, tmp_path
):
    some = three["other"].assign(success=np.arange(40) >= 10)
    most = three["other"].assign(success=np.arange(40) >= 25)
    rows = run(tmp_path, three | {"some": some, "most": most})["value"].unstack()["rms/image_effects"]
    assert rows["some"] >= rows["other"] * (1 - 1e-9)
    assert np.isnan(rows["most"])


def test_tables_of_other_stimuli_are_refused(three, tmp_path, capsys):
    three["other"]["stimulus_id"] = [f"x{i}" for i in range(40)]
    with pytest.raises(SystemExit):
        run(tmp_path, three)
    assert "other: stimulus_id: other stimuli than those of weak" in capsys.readouterr().err


def test_results_of_tolerances_are_those_of_its_version(three, tmp_path):
    nothing = table(np.full(40, np.nan))
    rows = run(tmp_path, three | {"nothing": nothing}).reset_index()
    golden.check("tolerances", "tolerances", digests.of_scores(rows))
