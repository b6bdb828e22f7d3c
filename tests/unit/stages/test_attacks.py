"""Claims about the stage attacks: what it summarises, compares, stores, resumes and refuses."""

import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import digests
import golden
import numpy as np
import pandas as pd
import pytest
import synthetic_scores
import zarr
from scipy import stats

from visalign import cli
from visalign.attacks import alignment, descent, minimum_norm, protocol, search, stopping, tolerance
from visalign.attacks import store as attack_store
from visalign.io import stores, tables
from visalign.maps.revelation import N_ANIMALS
from visalign.measures import METRICS
from visalign.measures.score_table import Benchmark, gather

IDS = [f"s{i}" for i in range(10)]
ATTACKED = "attacks/photographs"  # of the synthetic study
WRONG = [3, 8]  # rows whose label the model does not give


# --- the stage, on a small network ---


@pytest.fixture(scope="module")
def files(tmp_path_factory, tiny_model, write_pixels, noise_images):
    """Stimuli, table and maps of ten images, two of which the model gets wrong."""
    import torch

    from visalign.zoo import network

    folder, model = tmp_path_factory.mktemp("files"), tiny_model()
    net = network.Normalised(network.load(model.facts, model.weights), model.facts["data_config"])
    with torch.inference_mode():
        labels = net(torch.from_numpy(noise_images) / 255).argmax(dim=1).numpy()
    labels[WRONG] = (labels[WRONG] + 1) % 1000
    table = pd.DataFrame({"stimulus_id": IDS, "path": "x.png", "sha256": "0", "label": labels})
    table.assign(height=64, width=64).to_csv(folder / "table.csv", index=False)
    maps = np.random.default_rng(2).random((10, 64, 64), dtype=np.float32)
    np.savez(folder / "maps.npz", stimulus_id=np.array(IDS), map=maps)
    declared = {"ceiling": {"method": "declared", "value": 0.6}, "floor": {"per_image": [0.1] * 10}}
    (folder / "ceilings.json").write_text(json.dumps(declared | {"stimulus_id": IDS}))
    return {
        "model": model.arguments(),
        "pixels": write_pixels(folder, noise_images),
        "table": ["--table", str(folder / "table.csv")],
        "maps": [
            "--maps",
            str(folder / "maps.npz"),
            "--ceilings",
            str(folder / "ceilings.json"),
            "--transform",
            "64x64-center-1-bicubic",
        ],
    }


def perturb_arguments(files, folder: Path, *more: str) -> list[str]:
    output = ["--output", str(folder / "a.zarr"), "--manifest", str(folder / "a.json")]
    fixed = ["attacks", "perturb", *files["model"], *files["pixels"], *files["table"], *output]
    return [*fixed, "--budget", "14", "--batch-size", "2", *more]


def perturb(files, folder: Path, *more: str):
    cli.main(perturb_arguments(files, folder, *more))
    return stores.open_store(folder / "a.zarr")


def score(files, folder: Path, *more: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    stored = ["--perturbations", str(folder / "a.zarr"), "--perturbations-manifest", str(folder / "a.json")]
    output = ["--output", str(folder / "a.csv"), "--per-image", str(folder / "images.csv")]
    named = ["--model", "tiny", "--dataset", "clicks", "--bootstrap", "100"]
    cli.main(["attacks", "score", *named, *stored, *files["table"], *files["maps"], *output, *more])
    return pd.read_csv(folder / "a.csv"), pd.read_csv(folder / "images.csv")


@pytest.fixture(scope="module")
def whole(files, tmp_path_factory):
    """Folder of a run over all ten stimuli that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    perturb(files, folder)
    return folder


def test_every_image_is_attacked_but_the_misclassified(files, whole):
    found = stores.open_store(whole / "a.zarr")
    right = np.setdiff1d(np.arange(10), WRONG)
    assert np.flatnonzero(found["success"][:]).tolist() == right.tolist()
    rows, images = score(files, whole)
    assert set(rows["metric"]) == {
        "perturbation_tolerance",
        *tolerance.QUANTILES,
        "perturbation_tolerance_per_sqrt_dimension",
        *(f"attack_{kind}_evaluations{end}" for kind in ("gradient", "forward") for end in ("", "_q95")),
        *alignment.REDUCTIONS,
    }
    assert set(rows["metric"]) <= set(METRICS)
    assert set(rows["benchmark"]) == {"attacks/clicks"}
    assert (rows["n"] == 8).all() and (rows["n_excluded"] == 2).all()
    assert images["reason"][WRONG].tolist() == ["not clean-correct"] * 2
    assert images["rho"].notna().sum() == 8
    for metric in alignment.REDUCTIONS:
        conventions = rows[rows["metric"] == metric].set_index("convention")["value"]
        assert conventions["rho/ceiling"] == pytest.approx(conventions["rho"] / 0.6)
        assert conventions["rho/attainable"] == pytest.approx(conventions["rho"] / 0.75**0.5)


def test_stimuli_that_were_not_drawn_are_listed_and_not_counted_as_excluded(files, tmp_path):
    store = perturb(files, tmp_path, "--count", "6", "--seed", "1")
    rows, images = score(files, tmp_path)
    assert images["stimulus_id"].tolist() == IDS
    undrawn = ~images["stimulus_id"].isin(stores.strings(store))
    assert undrawn.sum() == 4
    assert (images["reason"] == "not drawn").tolist() == undrawn.tolist()
    assert images.loc[undrawn, ["norm", "clean_correct", "rho", "floor"]].isna().all(axis=None)
    assert not images.loc[undrawn, "success"].any()
    assert (rows["n"] + rows["n_excluded"] == 6).all()
    drawn = images[~undrawn].set_index("stimulus_id")
    np.testing.assert_array_equal(drawn["norm"], store["norm"][:])


def test_the_batch_size_changes_no_result_and_has_a_default(files, tmp_path, whole):
    command = perturb_arguments(files, tmp_path)
    at = command.index("--batch-size")
    cli.main(command[:at] + command[at + 2 :])
    norms = [stores.values(stores.open_store(folder / "a.zarr"), "norm") for folder in (whole, tmp_path)]
    np.testing.assert_allclose(*norms, rtol=1e-4)


def test_results_of_perturb_are_those_of_its_version(whole):
    """Norms of single images are known to the tolerance of the bisection, .001, only."""
    found = attack_store.read(stores.open_store(whole / "a.zarr"))
    kept = {name: found[name] for name in ("first_order_distance", "clean_correct", "success")}
    shape = stores.values(stores.open_store(whole / "a.zarr"), "delta").shape
    golden.check("attacks", "perturb", kept | {"norm": round(np.nanmean(found["norm"]), 2), "shape": shape})


def test_results_of_score_are_those_of_its_version(files, whole, tmp_path):
    """Of perturbations that no search found, which are the same on every machine."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    stored, rng = zarr.open_group(tmp_path / "a.zarr", mode="r+"), np.random.default_rng(0)
    found = stored["success"][:]
    delta = rng.normal(size=stored["delta"].shape) * found[:, None, None, None] / 100
    norm = np.where(found, np.linalg.norm(delta.reshape(10, -1), axis=1), np.nan)
    stored["delta"][:], stored["norm"][:], stored["first_order_distance"][:] = delta, norm, 0.9 * norm
    stored["gradient_evaluations"][:] = stored["forward_evaluations"][:] = np.arange(10) + 14
    rows, images = score(files, tmp_path)
    columns = ["rms", "clean_correct", "success", "rho", "floor", "reason", *list(alignment.REDUCTIONS)[1:]]
    golden.check("attacks", "score", digests.of_scores(rows) | {"images": images[columns].to_dict("list")})


# --- stopping when enough is known ---

#: Names of the stimuli as they are attacked.
DRAWN = [IDS[row] for row in protocol.in_order(10, None, 0)]


@pytest.fixture
def precise(whole, monkeypatch):
    """Options of an attack that stops within its ten images: as precise as the first six norms are."""
    monkeypatch.setattr(stopping, "MIN_IMAGES", 4)
    norm = stores.values(stores.open_store(whole / "a.zarr"), "norm")[[IDS.index(name) for name in DRAWN]]
    log = np.log(norm[np.isfinite(norm)][:6])
    return ["--precision", str(1.01 * np.expm1(stats.t.ppf(0.975, 5) * stats.sem(log)))]


def held(folder: Path) -> list[str]:
    return stores.strings(stores.open_store(folder / "a.zarr"))


def test_images_are_attacked_in_the_order_drawn_until_the_mean_log_norm_is_known(
    files, whole, precise, tmp_path
):
    store, every = perturb(files, tmp_path, *precise), stores.open_store(whole / "a.zarr")
    n = len(held(tmp_path))
    assert 4 <= n < 9 and held(tmp_path) == DRAWN[:n]
    assert attack_store.spared(store) == DRAWN[n:] and attack_store.spared(every) == []
    rows = [IDS.index(name) for name in DRAWN]
    for name in ("norm", "adversarial_label", "clean_correct", "success"):
        np.testing.assert_allclose(store[name][:], every[name][:][rows[:n]], rtol=1e-4)
    found = {name: every[name][:][rows] for name in ("norm", "clean_correct", "success")}
    assert stopping.enough(found, float(precise[1])) == n
    assert {array.shape[0] for name, array in store.arrays() if name != attack_store.SPARED} == {n}


def test_the_batch_size_does_not_decide_where_an_attack_stops(files, precise, tmp_path):
    for size in ("1", "3", "10"):
        perturb(files, tmp_path / size, *precise, "--batch-size", size)
    assert held(tmp_path / "1") == held(tmp_path / "3") == held(tmp_path / "10") != DRAWN
    norms = [stores.values(stores.open_store(tmp_path / size / "a.zarr"), "norm") for size in ("1", "10")]
    np.testing.assert_allclose(*norms, rtol=1e-4)


def test_a_larger_count_continues_the_same_order(files, precise, tmp_path):
    for count in ("9", "10"):
        perturb(files, tmp_path / count, *precise, "--count", count)
    assert held(tmp_path / "9") == held(tmp_path / "10")
    manifests = [(tmp_path / count / "a.json").read_text() for count in ("9", "10")]
    assert manifests[0] != manifests[1], "a score says of how many images"


@pytest.mark.parametrize("power", [1, 3, 5])
def test_an_attack_that_was_cut_stops_at_the_same_image(files, precise, watched, tmp_path, power):
    perturb(files, tmp_path / "whole", *precise)
    watched |= {"power": len(watched["done"]) + power}
    with pytest.raises(PowerCut):
        perturb(files, tmp_path, *precise, "--batch-size", "3")
    watched |= {"searched": [], "power": np.inf}
    perturb(files, tmp_path, *precise, "--batch-size", "3")
    assert held(tmp_path) == held(tmp_path / "whole")
    assert_same_results(tmp_path, tmp_path / "whole")


def test_an_attack_cut_while_its_arrays_are_cut_is_published_the_same(
    files, precise, watched, tmp_path, monkeypatch
):
    perturb(files, tmp_path / "whole", *precise)
    resize, cuts = zarr.Array.resize, []

    def cut(array, shape):
        cuts.append(shape)
        if len(cuts) == 4:
            raise PowerCut
        resize(array, shape)

    with monkeypatch.context() as patch:
        patch.setattr(zarr.Array, "resize", cut)
        with pytest.raises(PowerCut):
            perturb(files, tmp_path, *precise)
    watched |= {"searched": []}
    perturb(files, tmp_path, *precise)
    assert watched["searched"] == []
    assert content(tmp_path) == content(tmp_path / "whole")


def test_scores_count_what_was_spared_in_their_status_and_not_as_excluded(files, precise, tmp_path):
    perturb(files, tmp_path, *precise)
    rows, images = score(files, tmp_path)
    n = len(held(tmp_path))
    valued = rows[rows["value"].notna()]
    assert len(valued) > 10 and set(valued["status"]) == {f"ok, stopped after {n} of 10 images"}
    assert (rows["n"] + rows["n_excluded"] == n).all()
    spared = images.set_index("stimulus_id").loc[DRAWN[n:]]
    assert set(spared["reason"]) == {protocol.SPARED}
    assert spared[["norm", "clean_correct", "rho", "floor"]].isna().all(axis=None)
    attacked = images.set_index("stimulus_id").loc[DRAWN[:n]]
    assert attacked["clean_correct"].notna().all() and not attacked["reason"].eq(protocol.SPARED).any()


def test_a_precision_that_no_ten_images_reach_attacks_all(files, whole, precise, tmp_path):
    store = perturb(files, tmp_path, "--precision", "0.001")
    assert held(tmp_path) == DRAWN and attack_store.spared(store) == []
    rows, _ = score(files, tmp_path)
    expected, _ = score(files, whole)
    assert set(rows["status"]) == {"ok"}
    np.testing.assert_allclose(rows["value"], expected["value"], rtol=1e-3, atol=1e-3)


# --- resuming ---


class PowerCut(Exception):
    """Stands for a kill, in the same process."""


#: Options of an attack whose images end at different moments, if it has little patience.
FEW = ["--budget", "24", "--batch-size", "5"]


def lose_patience(patch):
    patch.setattr(minimum_norm, "PATIENCE", 1)
    patch.setattr(descent, "COURSE", 3)
    patch.setattr(minimum_norm, "COURSE", 99)  # no other start


@pytest.fixture
def impatient(monkeypatch):
    """Make the images of a batch end one by one, as they do with a larger network and budget."""
    lose_patience(monkeypatch)


@pytest.fixture(scope="module")
def uninterrupted(files, tmp_path_factory):
    """Folder of an impatient run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        lose_patience(patch)
        perturb(files, folder, *FEW)
    return folder


@pytest.fixture
def watched(monkeypatch):
    """Record which rows are searched and done, and cut the power once `watched["power"]` are done."""
    seen = {"searched": [], "done": [], "power": np.inf}
    searcher = search.searcher

    def watching(*arguments):
        within = searcher(*arguments)

        def watch(budget, rows, finished):
            def count(index, found):
                finished(index, found)
                seen["done"] += rows[index].tolist()
                if len(seen["done"]) >= seen["power"]:
                    raise PowerCut

            seen["searched"] += rows.tolist()
            within(budget, rows, count)

        return watch

    monkeypatch.setattr(search, "searcher", watching)
    return seen


def content(folder: Path) -> list[bytes]:
    store = stores.open_store(folder / "a.zarr")
    return [(folder / "a.json").read_bytes(), stores.values(store, "norm").tobytes()]


def assert_same_results(folder: Path, expected: Path):
    """Compare results of searches in other batches: sums over images may be rounded differently."""
    got, wanted = (stores.open_store(path / "a.zarr") for path in (folder, expected))
    assert json.loads((folder / "a.json").read_text())["arrays"].keys() == dict(wanted.members()).keys()
    for name in attack_store.PER_IMAGE:
        if not name.endswith("evaluations"):
            np.testing.assert_allclose(stores.values(got, name), stores.values(wanted, name), rtol=1e-4)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("power", [1, 3, 8])
def test_an_attack_cut_within_a_batch_resumes_with_the_images_it_lacks(
    files, uninterrupted, watched, tmp_path, power
):
    watched["power"] = power
    with pytest.raises(PowerCut):
        perturb(files, tmp_path, *FEW)
    held = sorted(watched["done"])
    assert stored(tmp_path) == held and len(held) % 5, "cut within a batch"
    assert not (tmp_path / "a.zarr").exists() and not (tmp_path / "a.json").exists()
    watched |= {"searched": [], "power": np.inf}
    perturb(files, tmp_path, *FEW)
    assert watched["searched"] == np.setdiff1d(np.arange(10), held).tolist()
    assert sorted(watched["done"]) == list(range(10))
    assert_same_results(tmp_path, uninterrupted)


@pytest.mark.usefixtures("impatient")
def test_an_attack_cut_before_publishing_searches_nothing_again(
    files, uninterrupted, watched, tmp_path, monkeypatch
):
    def cut(*_):
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(stores, "publish", cut)
        with pytest.raises(PowerCut):
            perturb(files, tmp_path, *FEW)
    perturb(files, tmp_path, *FEW, "--batch-size", "3")
    assert watched["searched"] == list(range(10))
    assert content(tmp_path) == content(uninterrupted)


@pytest.mark.usefixtures("impatient")
def test_a_killed_attack_resumes_with_the_same_norms(files, uninterrupted, tmp_path):
    import torch

    torch.set_num_threads(1)
    process = multiprocessing.get_context("fork").Process(
        target=cli.main, args=(perturb_arguments(files, tmp_path, *FEW),)
    )
    process.start()
    while process.is_alive() and len(stored(tmp_path)) < 2:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(stored(tmp_path)) >= 2 and not (tmp_path / "a.json").exists()
    perturb(files, tmp_path, *FEW)
    assert_same_results(tmp_path, uninterrupted)


def stored(folder: Path) -> list[int]:
    """Rows that the partial store says it holds."""
    try:
        done = zarr.open_array(folder / "a.zarr.partial" / attack_store.DONE, mode="r")
    except FileNotFoundError:
        return []
    return np.flatnonzero(done[:]).tolist()


# --- superclass ---


def test_superclass_perturbations_turn_animals_into_other_things_or_back(files, tmp_path):
    perturb(files, tmp_path, "--target", "superclass")
    rows, images = score(files, tmp_path, "--target", "superclass")
    label, hit = pd.read_csv(files["table"][1])["label"], images["success"]
    assert hit.all(), "the two labels that the model does not give are of the right superclass"
    assert ((images["adversarial_label"] < N_ANIMALS) != (label < N_ANIMALS))[hit].all()
    assert set(rows["benchmark"]) == {"attacks/clicks/superclass"}


def test_scores_of_another_target_than_the_stored_one_are_refused(files, whole, capsys):
    with pytest.raises(SystemExit):
        score(files, whole, "--target", "superclass")
    assert "target: 'label' is not --target superclass" in capsys.readouterr().err


def test_superclasses_are_imagenet_s(files, tmp_path, capsys):
    card = json.loads(Path(files["model"][1]).read_text()) | {"num_classes": 10}
    (tmp_path / "card.json").write_text(json.dumps(card))
    changed = files | {"model": ["--card", str(tmp_path / "card.json"), *files["model"][2:]]}
    with pytest.raises(SystemExit):
        perturb(changed, tmp_path, "--target", "superclass")
    assert "card.json: num_classes: 10 are not ImageNet's 1000" in capsys.readouterr().err
    assert not (tmp_path / "a.zarr.partial").exists()


def flow(folder: Path, ending: str) -> tuple[str, dict]:
    """Gather the synthetic study, whose attacks' benchmark ends so, and return its score table and trend."""
    table = synthetic_scores.score_table().replace({"benchmark": {ATTACKED: ATTACKED + ending}})
    of_attacks = table["benchmark"].str.startswith(ATTACKED)
    gone = table["status"] == synthetic_scores.FAILED  # a failed job leaves no file
    for measure, rows in (("attacks", of_attacks & ~gone), ("accuracy", table["metric"] == "top1")):
        for model, own in table[rows].groupby("model"):
            tables.write_table(folder / measure / str(model) / "photographs.csv", own)
    sheet = synthetic_scores.model_sheet()
    sheet.to_csv(folder / "models.tsv", sep="\t", index=False)
    facts = {"weights": "random", "source": "0", "label_space": "imagenet-1k"}
    models = {row["model"]: row | facts for row in sheet.to_dict("records")}
    benchmarks = [
        Benchmark(measure, "photographs", simulated=measure == "attacks")
        for measure in ("accuracy", "attacks")
    ]
    tables.write_table(folder / "s.csv", gather(folder, models, benchmarks, folder / "logs"))
    found = ["--scores", str(folder / "s.csv"), "--models", str(folder / "models.tsv"), "--bootstrap", "100"]
    cli.main(["trend", *found, "--output", str(folder / "trend.json")])
    return str(folder / "s.csv"), json.loads((folder / "trend.json").read_text())


def test_superclass_scores_reach_trend_figures_and_report_as_those_of_labels_do(tmp_path):
    _, of_labels = flow(tmp_path / "label", "")
    scored, trend = flow(tmp_path / "superclass", "/superclass")
    named = json.dumps(of_labels["panels"]).replace(ATTACKED, f"{ATTACKED}/superclass")
    for panel, expected in zip(trend["panels"], json.loads(named), strict=True):
        if panel["benchmark"].startswith("attacks/"):
            assert len(panel["points"]) == 11 and panel["trend"]
            assert panel["subtitle"] == "photographs superclass"
            assert panel == expected | {"subtitle": panel["subtitle"]}
    path, output = str(tmp_path / "superclass/trend.json"), tmp_path / "figures"
    cli.main(["figures", "--trend", path, "--output-dir", str(output), "--measures-dir", str(output)])
    for measure in ("adversarial_alignment", "perturbation_tolerance"):
        assert (output / f"{measure}_photographs_superclass.svg").exists()
    own = ["--directory", str(tmp_path), "--scores", scored, "--output"]
    cli.main(["report", "study", "--trend", path, *own, str(tmp_path / "all.html")])
    cli.main(["report", "model", "--model", "tf_efficientnet_lite0", *own, str(tmp_path / "one.html")])
    everything, one = ((tmp_path / f"{page}.html").read_text() for page in ("all", "one"))
    assert "Perturbation tolerance, photographs superclass" in everything
    assert "Adversarial alignment, photographs superclass" in everything
    assert one.count(f'scope="row">{ATTACKED}/superclass') == 2


# --- curve ---


def test_the_curve_equals_stored_attacks_of_its_budgets_and_never_rises(files, whole, tmp_path):
    command = [
        "attacks",
        "curve",
        *files["model"],
        "--pixels",
        files["pixels"][1],
        *files["table"],
        *files["maps"],
    ]
    cli.main([*command, "--budgets", "12", "14", "30", "--output", str(tmp_path / "curve.csv")])
    curve = pd.read_csv(tmp_path / "curve.csv").set_index("budget")
    assert curve.index.tolist() == [12, 14, 30] and (curve["n"] == 8).all()
    assert (np.diff(curve["perturbation_tolerance_median"]) <= 0).all()
    rows, _ = score(files, whole)
    stored = rows.set_index(["metric", "convention"])["value"]
    got = curve.loc[14]
    assert got["perturbation_tolerance_median"] == pytest.approx(
        stored["perturbation_tolerance_median", "l2"], rel=1e-4
    )
    assert got["adversarial_alignment rho"] == pytest.approx(stored["adversarial_alignment", "rho"], abs=1e-3)


def test_the_curve_and_the_stage_have_the_same_floor_and_ceiling(files, whole, tmp_path):
    command = ["attacks", "curve", *files["model"], "--pixels", files["pixels"][1], *files["table"]]
    output = ["--batch-size", "2", "--budgets", "14", "--output", str(tmp_path / "curve.csv")]
    cli.main([*command, *files["maps"], *output])
    curve = pd.read_csv(tmp_path / "curve.csv").loc[0]
    rows, _ = score(files, whole)
    stored = rows[rows["metric"] == alignment.HEADLINE].set_index("convention")["value"]
    for convention in ("rho", "rho/ceiling", "rho/attainable", "floor_corrected"):
        found = curve[f"adversarial_alignment {convention}"]
        assert found == pytest.approx(stored[convention], abs=1e-6)


def test_results_of_curve_are_those_of_its_version(files, tmp_path):
    words = [*files["model"], "--pixels", files["pixels"][1], *files["table"], *files["maps"]]
    words += ["--count", "4", "--batch-size", "4", "--budgets", "12", "16"]
    cli.main(["attacks", "curve", *words, "--output", str(tmp_path / "curve.csv")])
    found = pd.read_csv(tmp_path / "curve.csv").round({"perturbation_tolerance_median": 1})
    aligned = [name for name in found if name.startswith("adversarial_alignment")]
    golden.check("attacks", "curve", found.round(dict.fromkeys(aligned, 2)).to_dict("list"))
