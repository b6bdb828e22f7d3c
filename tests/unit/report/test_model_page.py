"""Claims about the page of one model: its scores, its layers, and where it looks."""

import base64
import io
import json
import re
import shutil

import golden
import numpy as np
import pandas as pd
import pytest
import synthetic_scores
from html_pages import Page, links_of, section_of
from PIL import Image

from visalign.cli import main
from visalign.io import stores, tables
from visalign.io.files import write_json
from visalign.report import model_page as page_of_model
from visalign.report import pictures

NASTY = '<script>alert("x")</script>&'
MODEL = "tf_efficientnet_lite0"
GALLERY = {"maps": "clicks", "stimuli": "photographs", "transform": "16x16-squash-1-bilinear"}
STIMULI = ["a", "b", "c"]


def write_store(path, ids, **arrays):
    group = stores.open_partial(path, {})
    stores.write_strings(group, "stimulus_id", ids, "stimulus")
    for name, values in arrays.items():
        dims = ("stimulus", "channel", "y", "x")[: values.ndim]
        stores.create_array(group, name, values.shape, values.dtype, dims, rows=2)[:] = values
    stores.publish(path, path.with_suffix(".json"), {})


def write_results(folder):
    """Write maps and saliency of three stimuli, the last two attacked; return the score file of the model."""
    rng = np.random.default_rng(0)
    table = {"stimulus_id": STIMULI, "path": STIMULI, "sha256": STIMULI, "height": 16, "width": 16}
    tables.write_table(folder / "stimuli/photographs.csv", pd.DataFrame(table))
    (folder / "maps").mkdir()
    np.savez(folder / "maps/clicks.npz", stimulus_id=STIMULI, map=rng.random((3, 64, 64), dtype=np.float32))
    write_json(folder / "maps/clicks.json", {"simulated": True})
    pixels = np.zeros((3, 3, 16, 16), np.uint8)
    pixels[1, 0] = 255
    write_store(folder / f"preprocess/photographs/{GALLERY['transform']}.zarr", STIMULI, pixels=pixels)
    saliency = rng.random((3, 16, 16), dtype=np.float32)
    write_store(folder / f"saliency/{MODEL}/photographs.zarr", STIMULI, max_abs_gradient=saliency)
    delta = np.zeros((2, 3, 16, 16), np.float16)
    delta[0, :, :8] = 0.5
    write_store(folder / f"attacks/{MODEL}/photographs.zarr", STIMULI[1:], delta=delta)
    images = {
        "stimulus_id": STIMULI,
        "rho": [0.9, 0.25, np.nan],
        "floor": [0.1, 0.125, 0.1],
        "reason": ["", "", "flat"],
    }
    tables.write_table(folder / f"clickme/{MODEL}/clicks_images.csv", pd.DataFrame(images))
    own = synthetic_scores.score_table().query("model == @MODEL")
    tables.write_table(folder / f"neural/{MODEL}/scenes.csv", own)
    return str(folder / f"neural/{MODEL}/scenes.csv")


def write_model_page(folder, scores):
    argv = ["report", "model", "--model", MODEL, "--scores", scores, "--directory", str(folder)]
    argv += ["--galleries", json.dumps([GALLERY]), "--published-top1", "75.5"]
    main([*argv, "--output", str(folder / f"report/{MODEL}.html")])
    return (folder / f"report/{MODEL}.html").read_text()


@pytest.fixture(scope="module")
def model_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return write_model_page(folder, write_results(folder))


def picture(source):
    """Return the pixels (height, width, 3) of a data address, as floats."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))), float)


def test_model_page_fetches_nothing_and_links_only_to_files_that_exist(model_page):
    assert not re.search(r"https?://|@import|url\(", model_page)
    assert "default-src 'none'" in model_page and Page(model_page).open == []
    outside = {link for link in links_of(model_page) if not link.startswith("data:")}
    own = {f"../neural/{MODEL}/scenes.csv", f"../clickme/{MODEL}/clicks_images.csv"}
    assert outside == {"../report.html", *own}


def test_model_page_has_every_score_and_says_what_is_simulated(model_page):
    own = synthetic_scores.score_table().query("model == @MODEL and not metric.str.endswith('_layer')")
    rows = Page(section_of(model_page, "scores")).rows[1:]
    assert len(rows) == len(own)
    assert sum("simulated" in row for row in rows) == own["simulated"].sum()
    assert "Part of the data is simulated" in model_page


def test_model_page_says_what_others_report_of_its_accuracy(model_page):
    assert "<dt>published top1</dt><dd>75.5</dd>" in section_of(model_page, "card")


def test_layer_curve_marks_the_chosen_layer(model_page):
    section = section_of(model_page, "layers")
    circles = [a for tag, a in Page(section).tags if tag == "circle"]
    assert len(circles) == len(synthetic_scores.LAYERS)
    assert [i for i, a in enumerate(circles) if a.get("class") == "chosen"] == [4]
    assert "blocks.4 (chosen)" in section


def test_gallery_shows_the_attacked_stimuli_with_what_is_known_of_each(model_page):
    images = [a for tag, a in Page(model_page).tags if tag == "img"]
    assert [a["alt"] for a in images] == ["stimulus", "people", "saliency", "perturbation"] * 2
    names = re.findall("<h3>(.)</h3>", model_page)
    assert names == ["b", "c"]
    assert "saliency: ρ 0.25, floor 0.12" in model_page and "saliency: flat" in model_page
    assert re.findall("perturbation: ([^<]*)", model_page) == ["±0.5"], "c has no perturbation"
    assert "the 99 % quantile of |δ|" in model_page


def test_gallery_pictures_show_the_stored_pixels_and_maps(model_page):
    stimulus, _, _, perturbation = [picture(a["src"]) for tag, a in Page(model_page).tags if tag == "img"][:4]
    np.testing.assert_allclose(stimulus.mean(axis=(0, 1)), [255, 0, 0], atol=3)  # JPEG
    np.testing.assert_allclose(perturbation[:60], 255, atol=3)  # only the upper half was perturbed, upwards
    np.testing.assert_allclose(perturbation[68:], 128, atol=3)


def test_a_model_without_stored_maps_has_no_gallery(tmp_path):
    scores = write_results(tmp_path)
    for stage in ("saliency", "attacks"):
        shutil.rmtree(tmp_path / stage)
    page = write_model_page(tmp_path, scores)
    assert "<img" not in page and "Layer by layer" in page


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--model", "lite9"], "--model lite9: no row in the score tables"),
        (["--model", MODEL, "--galleries", '[{"maps": "clicks"}]'], "--galleries: no field 'stimuli'"),
    ],
)
def test_what_is_wrong_with_the_arguments_is_named(tmp_path, refused, argv, message):
    scores, page = write_results(tmp_path), tmp_path / "page.html"
    [said] = refused("report", "model", *argv, "--scores", scores, "--output", page)
    assert message in said


def test_heat_is_dark_at_the_least_light_at_the_most_and_flat_without_contrast():
    colours = np.asarray(pictures.heat(np.linspace(0, 1, 200).reshape(2, 100)), int).sum(axis=2)
    assert colours[0, 0] < 10 and colours[1, -1] > 650 and (np.diff(colours[0]) >= 0).all()
    assert np.ptp(np.asarray(pictures.heat(np.full((4, 4), 0.3)))[..., 0]) == 0


def test_a_perturbation_is_grey_where_it_is_zero_and_its_opposite_is_its_mirror_image():
    delta = np.random.default_rng(0).standard_normal((3, 16, 16)).astype(np.float32)
    delta[:, :4] = 0
    (picture, end), (opposite, same_end) = pictures.signed(delta), pictures.signed(-delta)
    colours, mirrored = np.asarray(picture, int), np.asarray(opposite, int)
    assert end == same_end == pytest.approx(np.quantile(np.abs(delta), 0.99))
    assert (colours[:4] == 128).all() and (colours + mirrored == 256).all()
    assert (np.sign(colours - 128) == np.sign(np.round(127 * np.moveaxis(delta, 0, -1) / end))).all()
    assert colours.min() == 1 and colours.max() == 255
    nothing, end = pictures.signed(np.zeros((3, 4, 4)))
    assert end == 0 and (np.asarray(nothing) == 128).all()


def test_curve_spans_its_box():
    width, height, margin = page_of_model.CURVE
    points = page_of_model.curve([0.0, 0.5, 1.0], 0.0, 1.0)
    assert points[0] == (margin, height - margin)
    assert points[1] == (width / 2, height / 2)
    assert points[2] == (width - margin, margin)


def test_results_of_report_model_are_those_of_its_version(model_page):
    found = {
        "headings": re.findall("<h[123]>([^<]*)", model_page),
        "captions": re.findall("<figcaption>([^<]*)", model_page),
        "scores": Page(section_of(model_page, "scores")).rows,
        "layers": Page(section_of(model_page, "layers")).rows,
    }
    golden.check("report", "model", found)
