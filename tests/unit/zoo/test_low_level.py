"""Claims about low-level models: which scores they have, and that their stores are those of any model."""

from __future__ import annotations

import json
from pathlib import Path

import digests
import golden
import numpy as np
import pandas as pd
import pytest

from visalign import cli
from visalign.attacks.protocol import choose
from visalign.errors import InputError
from visalign.gram import matrix, ridge
from visalign.io import stores
from visalign.io.files import write_json
from visalign.measures.score_table import Benchmark, gather
from visalign.neural.predictivity import conventions
from visalign.stats import correlations
from visalign.study import recipes
from visalign.study.study import Study
from visalign.trend import roles
from visalign.zoo import image_statistics, low_level, low_level_stores

MODELS = "model\tarchitecture\tweights\tinput_size\tcrop_pct\n" + "".join(
    f"{name}\t{name}\tlow-level\t\t\n" for name in low_level.GIVES
)
SHEETS = {
    "models": MODELS + "small\tpixels\tlow-level\t64\t1\n",
    "stimuli": "stimuli\tsource\tlabel_space\nphotographs\tphotographs\timagenet-1k\nplain\tscenes\t\n",
    "recordings": "recording\treader\tpath\tstimuli\nit\tassembly\tit.nc\tphotographs\n",
    "maps": "maps\treader\tpath\tstimuli\nclickme\ttfrecord\t*.tfrecords\tplain\n",
}
TRANSFORM = "64x64-center-0.875-bicubic"


@pytest.fixture
def config(tmp_path, monkeypatch) -> dict:
    monkeypatch.chdir(tmp_path)
    for name, text in SHEETS.items():
        Path(f"{name}.tsv").write_text(text)
    return {name: {"sheet": f"{name}.tsv"} for name in SHEETS}


# --- in a study ---


def test_each_has_the_scores_that_what_it_gives_allows_and_reasons_for_the_rest(config, tmp_path):
    study = Study.load(config, cache="cache.json")  # timm is not asked: it would not know them
    assert {(measure, model) for measure, model, _ in study.score_files()} == {
        *(("neural", model) for model in ("pixels", "gabor-energy", "small")),
        # Labels play no part, so that the stimuli of the maps need none.
        *(
            (m, model)
            for m in ("clickme", "attacks")
            for model in ("edge-energy", "local-contrast", "centre")
        ),
    }
    table = gather(
        tmp_path,
        study.models,
        [Benchmark.of(entry) for entry in study.describe_benchmarks()],
        tmp_path / "logs",
    )
    reasons = table.set_index(["model", "benchmark"])["status"]
    assert reasons["centre", "neural/it"] == "a low-level model, which gives importance maps only"
    why = "a low-level model, which gives features only"
    assert reasons["pixels", "accuracy/photographs"] == why
    planned = set(study.score_files())
    for (model, benchmark), status in reasons.items():
        measure, dataset = benchmark.split("/")
        assert ((measure, model, dataset) in planned) == status.startswith("failed: ")


def test_their_input_is_that_of_most_networks_unless_the_row_says_otherwise(config):
    study = Study.load(config)
    assert study.transform("centre", "plain") == "224x224-center-0.875-bicubic"
    assert study.transform("small", "plain") == "64x64-center-1-bicubic"


def test_another_definition_has_other_weights_from_which_all_is_made_anew(config, monkeypatch):
    before = Study.load(config).weights("pixels")
    monkeypatch.setattr(low_level, "VERSION", low_level.VERSION + 1)
    study = Study.load(config)
    assert study.weights("pixels") != before and study.weights("pixels") == study.weights("small")


def test_their_role_is_that_of_controls_unless_the_row_says_otherwise(config):
    row = Study.load(config).models["centre"]
    assert roles.role_of(row) == "control" and roles.role_of(row | {"role": "model"}) == "model"


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("architecture", "gabor", "odd: architecture: 'gabor' is no low-level model (pixels, gabor-energy, "),
        ("layers", "energy", "odd: layers: 'energy': rows of low-level models have only "),
        (
            "label_space",
            "scenes-8",
            "odd: label_space: 'scenes-8': rows of low-level models have only ",
        ),
        ("source", "0", "odd: source: '0': rows of low-level models have only "),
        ("training_data", "none", "odd: training_data: 'none': rows of low-level models have only "),
    ],
)
def test_a_cell_that_means_nothing_for_them_is_refused_by_field_and_value(config, column, value, reason):
    row = {"model": "odd", "architecture": "pixels", "weights": "low-level"} | {column: value}
    Path("odd.tsv").write_text("\t".join(row) + "\n" + "\t".join(row.values()) + "\n")
    with pytest.raises(InputError) as error:
        Study.load(config | {"models": {"sheet": "odd.tsv"}})
    assert f"odd.tsv: {reason}" in str(error.value)


@pytest.mark.parametrize(
    ("kind", "teacher", "more", "gives"),
    [
        ("clicks", "pixels", {}, "features"),
        ("recordings", "centre", {"layer": "x", "fit_stimuli": "plain"}, "importance maps"),
    ],
)
def test_a_teacher_must_give_what_is_simulated(config, kind, teacher, more, gives):
    simulated = {kind: {"x": {"teacher": teacher, "stimuli": "plain", **more}}}
    with pytest.raises(
        InputError, match=f"{kind}.x.teacher: {teacher}: a low-level model, which gives {gives} only"
    ):
        Study.load(config | {"simulate": simulated})


def test_nothing_is_trained_from_them(config):
    study = Study.load(config)
    row = {"model": "trained", "base": "pixels", "maps": "people"}
    maps = {"people": {"stimuli": "photographs"}}
    with pytest.raises(InputError, match="base: 'pixels' is a low-level model, which has no weights"):
        recipes.model_rows({"trained": row}, study.models, study.stimuli, maps, "train.tsv")


# --- stores ---


@pytest.fixture
def model(tmp_path):
    """Card and weights of a low-level model, made by the stage models."""

    def make(architecture: str, size: int = 64) -> list[str]:
        files = [str(tmp_path / f"model.{kind}") for kind in ("json", "safetensors")]
        row = ["--model", architecture, "--architecture", architecture, "--weights", "low-level"]
        data_config = json.dumps(low_level.DATA_CONFIG | {"input_size": [3, size, size]})
        made = [
            "--label-space",
            "none",
            "--data-config",
            data_config,
            "--card",
            files[0],
            "--output",
            files[1],
        ]
        cli.main(["models", "weights", *row, *made])
        return ["--card", files[0], "--weights", files[1]]

    return make


@pytest.fixture
def pixels(tmp_path, write_pixels, noise_images) -> list[str]:
    """Noise, of which the fourth image is flat."""
    images = noise_images.copy()
    images[3] = 77
    return write_pixels(tmp_path, images)


def write_features(folder: Path, model: list[str], pixels: list[str], rows: int = 4):
    output = ["--output", str(folder / "f.zarr"), "--manifest", str(folder / "f.json")]
    cli.main(["features", *model, *pixels, "--batch-size", str(rows), *output])
    return stores.open_store(folder / "f.zarr")


@pytest.mark.parametrize(
    ("architecture", "layer", "shape"),
    [("pixels", "pixels", (3, 56, 56)), ("gabor-energy", "energy", (32, 28, 28))],
)
def test_features_are_read_like_those_of_networks_under_both_protocols(
    tmp_path, model, pixels, noise_images, architecture, layer, shape
):
    store = write_features(tmp_path, model(architecture), pixels)
    assert stores.attribute(store, "layers") == [layer] and stores.attribute(store, "model") == architecture
    stored = stores.values(store, layer)
    assert stored.shape == (10, *shape)
    expected = low_level_stores.STATISTICS[architecture](noise_images[:3])
    assert stored[:3] == pytest.approx(expected, abs=1e-6)  # batches differ in the order of sums
    for protocol, rows in (("whole_image", 10), ("grid-7", 490)):
        names = [str(tmp_path / f"{protocol}.{kind}") for kind in ("zarr", "json")]
        features = ["--features", str(tmp_path / "f.zarr"), "--features-manifest", str(tmp_path / "f.json")]
        protocol_of = ["--protocol", protocol, "--output", names[0], "--manifest", names[1]]
        cli.main(["gram", *features, *protocol_of])
        gram = stores.open_store(names[0])
        assert stores.attribute(gram, "layers") == [layer] and len(stores.strings(gram)) == rows


def test_interrupted_features_resume_bit_identical(tmp_path, monkeypatch, model, pixels):
    files = model("gabor-energy")
    (tmp_path / "whole").mkdir()
    write_features(tmp_path / "whole", files, pixels)
    energy, calls = image_statistics.gabor_energy, []

    def killed(batch):
        calls.append(len(batch))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return energy(batch)

    monkeypatch.setitem(low_level_stores.STATISTICS, "gabor-energy", killed)
    with pytest.raises(KeyboardInterrupt):
        write_features(tmp_path, files, pixels)
    write_features(tmp_path, files, pixels)
    assert calls == [4, 4, 4, 2]  # the first batch was not computed again
    assert (tmp_path / "f.json").read_text() == (tmp_path / "whole/f.json").read_text()


@pytest.fixture
def study(tmp_path, model, pixels):
    """Edge energy of ten stimuli, human maps of which the eighth is constant, and people's agreement."""
    ids, rng = [f"s{i}" for i in range(10)], np.random.default_rng(1)
    table = {"stimulus_id": ids, "path": "x.png", "sha256": "0", "height": 64, "width": 64}
    pd.DataFrame(table).to_csv(tmp_path / "t.csv", index=False)
    maps = rng.random((10, 64, 64)).astype(np.float32)
    maps[7] = 0
    np.savez(tmp_path / "m.npz", stimulus_id=ids, map=maps)
    declared = {"ceiling": {"method": "declared", "value": 0.9}, "floor": {"per_image": [0.3] * 10}}
    write_json(tmp_path / "c.json", declared | {"stimulus_id": ids})
    stored = ["--output", str(tmp_path / "s.zarr"), "--manifest", str(tmp_path / "s.json")]
    cli.main(["saliency", *model("edge-energy"), *pixels, "--table", str(tmp_path / "t.csv"), *stored])
    return tmp_path


def read_from(folder: Path) -> list[str]:
    files = {"saliency": "s.zarr", "saliency-manifest": "s.json", "table": "t.csv", "maps": "m.npz"}
    files |= {"ceilings": "c.json"}
    words = [word for option, name in files.items() for word in (f"--{option}", str(folder / name))]
    return ["--model", "edges", "--dataset", "clicks", *words, "--transform", TRANSFORM, "--bootstrap", "100"]


def run_score(folder: Path, command: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    written = ["--output", str(folder / "o.csv"), "--per-image", str(folder / "i.csv")]
    cli.main([*command, *read_from(folder), *written])
    return pd.read_csv(folder / "o.csv"), pd.read_csv(folder / "i.csv", keep_default_na=False)


def test_importance_maps_are_scored_as_saliency_is(study, noise_images):
    store = stores.open_store(study / "s.zarr")
    edges = image_statistics.edge_energy(noise_images[:3])
    for name in ("max_abs_gradient", "abs_mean_gradient"):  # no channels that could be reduced in two ways
        assert (stores.values(store, name)[:3] == edges).all()
    rows, images = run_score(study, ["clickme", "score"])
    assert images["reason"].tolist() == [
        *[""] * 3,
        "model map constant",
        *[""] * 3,
        "human map constant",
        "",
        "",
    ]
    headline = rows[rows["metric"] == "spearman"]
    assert headline["convention"].tolist() == ["floor_corrected", "rho/attainable", "rho/ceiling", "rho"]
    assert (headline["status"] == "ok").all() and (headline["n"] == 8).all()


def test_the_control_of_perturbations_is_the_same_map_on_the_images_that_are_attacked(study):
    _, of_all = run_score(study, ["clickme", "score"])
    command = ["attacks", "control", "--architecture", "edge-energy", "--count", "6", "--simulated", "true"]
    rows, images = run_score(study, command)
    drawn = images["reason"] != "not drawn"
    assert np.flatnonzero(drawn).tolist() == choose(10, 6, seed=0).tolist()
    assert (images["rho"][drawn] == of_all["rho"][drawn]).all()
    assert set(rows["benchmark"]) == {"attacks/clicks"} and set(rows["version"]) == {1}
    tolerance, aligned = (part for _, part in rows.groupby(rows["metric"] == "adversarial_alignment"))
    assert aligned["convention"].tolist() == ["floor_corrected", "rho/attainable", "rho/ceiling", "rho"]
    rho = pd.to_numeric(images["rho"][drawn])
    assert aligned.set_index("convention").loc["rho", "value"] == pytest.approx(rho.mean(), abs=1e-12)
    assert set(aligned["n"]) == {rho.notna().sum()} and set(aligned["n_excluded"]) == {rho.isna().sum()}
    assert aligned["simulated"].all() and not tolerance["simulated"].any()
    assert tolerance["value"].isna().all()
    assert tolerance["status"].tolist() == ["a low-level model, which gives importance maps only"]


def test_a_teacher_that_is_the_gabor_bank_is_recovered_and_pixels_are_not():
    # Textures of random orientation and scale: energies tell them, pixels, whose phase is random, do not.
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    angle, wavelength, phase = rng.uniform(0, np.pi, 240), rng.uniform(4, 20, 240), rng.uniform(0, 6.3, 240)
    waves = (x * np.cos(angle)[:, None, None] + y * np.sin(angle)[:, None, None]) / wavelength[:, None, None]
    luma = 0.5 + 0.2 * np.cos(2 * np.pi * waves + phase[:, None, None]) + rng.normal(0, 0.05, waves.shape)
    pixels = np.round(255 * luma.clip(0, 1)).astype(np.uint8)[:, None].repeat(3, axis=1)
    features = {
        "energy": image_statistics.gabor_energy(pixels).mean(axis=(2, 3)),
        "pixels": image_statistics.area_means(pixels).reshape(240, -1),
    }
    signal = features["energy"] @ rng.standard_normal((32, 12))
    signal /= signal.std(axis=0)
    reliability = 0.8
    Y = signal + np.sqrt((1 - reliability) / reliability) * rng.standard_normal(signal.shape)
    train, test = np.split(rng.permutation(240), [180])
    found = {}
    for name, X in features.items():
        K = matrix.gram([X], np.float64)["K"]
        predicted = ridge.predict(K, Y, train, test, ridge.penalty_grid(K, train, count=15))
        found[name] = conventions(np.median(correlations.pearson(predicted, Y[test])), reliability)["r2/c"]
    assert found["energy"] == pytest.approx(1, abs=0.1)  # r of 60 stimuli: SD .03, of the median less
    assert found["pixels"] < 0.3


def test_results_of_control_are_those_of_its_version(study):
    command = ["attacks", "control", "--architecture", "edge-energy", "--count", "6"]
    rows, images = run_score(study, command)
    rho = pd.to_numeric(images["rho"])
    found = digests.of_scores(rows) | {"rho": rho, "reasons": images["reason"].tolist()}
    golden.check("attacks", "control", found)
