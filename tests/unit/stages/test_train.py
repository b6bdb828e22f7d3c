"""Claims about training: resumed, split over processes and written, it is the same training."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import golden
import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import studies
import timm
import torch
import yaml
from PIL import Image
from scipy.stats import spearmanr
from torch import nn

from visalign import cli
from visalign.io.files import read_json
from visalign.stimuli import transforms
from visalign.stimuli.scenes import SHAPES
from visalign.train import harmonizer, loop, start
from visalign.train.images import Batch
from visalign.zoo import network

STEPS, BATCH, TRANSFORM = 8, 8, "64x64-squash-1-bilinear"
NORM = ("running_mean", "running_var", "num_batches_tracked")
#: Runs a command and kills it, as the kernel does, where a function is called for the nth time.
KILLED = """
import importlib, os, signal, sys
from visalign import cli
module, name, last, *arguments = sys.argv[1:]
module, calls = importlib.import_module(module), iter(range(1, int(last)))
original = getattr(module, name)
def killing(*values, **more):
    if next(calls, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*values, **more)
setattr(module, name, killing)
cli.main(arguments)
"""


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    """32 scenes with their maps and pixels, and 16 other scenes."""
    folder = tmp_path_factory.mktemp("scenes")
    for name, count, seed in (("scenes", 32, 0), ("others", 16, 9)):
        files = ["--images", folder / name, "--table", folder / f"{name}.csv"]
        run("stimuli", "--name", name, "--source", "scenes", "--count", count, "--seed", seed, *files)
    maps = ["--output", folder / "maps.npz", "--maps-card", folder / "maps.json"]
    masks = ["--reader", "masks", "--path", folder / "scenes.csv", "--ceiling", 1]
    run("maps", "read", "--name", "scenes", *masks, *maps)
    pixels = ["--output", folder / "pixels.zarr", "--manifest", folder / "pixels.json"]
    run("preprocess", "--table", folder / "scenes.csv", "--transform", TRANSFORM, *pixels)
    return folder


def run(*arguments: object) -> None:
    cli.main([str(argument) for argument in arguments])


@pytest.fixture
def command(scenes, tiny_model) -> Callable[..., list[str]]:
    """Arguments that train a model into a folder, all images with a map unless told otherwise."""

    def arguments(folder: Path, architecture: str = "test_resnet", **options: object) -> list[str]:
        base = tiny_model(architecture)
        every = {
            "model": "tiny+trained", "card": base.card, "weights": base.weights, "label-space": "scenes-8",
            "mapped": scenes / "scenes.csv", "maps": scenes / "maps.npz", "share": 1, "steps": STEPS,
            "batch-size": BATCH, "workers": 2, "checkpoint-every": 3, "evaluate-every": 4,
            "output": folder / "trained.safetensors", "trained-card": folder / "trained.json",
            "metrics": folder / "metrics.csv",
        }  # fmt: skip
        every |= {name.replace("_", "-"): value for name, value in options.items()}
        return [
            "train",
            "fit",
            *(str(word) for name, value in every.items() for word in (f"--{name}", value)),
        ]

    return arguments


@pytest.fixture
def mixed(scenes) -> dict[str, object]:
    """Options that add images without maps."""
    return {"stimuli": scenes / "others.csv"}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "trained.safetensors")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def metrics(folder: Path) -> list[dict[str, float]]:
    with (folder / "metrics.csv").open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def base_model(arguments: list[str]) -> nn.Module:
    """The model that a training starts from."""
    args = cli.build_parser("train").parse_args(arguments)
    made = {"label_space": args.label_space, "input_size": args.input_size, "seed": args.seed}
    return start.start(read_json(args.card), args.weights, classes=len(SHAPES), **made)[0]


def seen(monkeypatch) -> list[Batch]:
    """Batches of the trainings from now on."""
    found: list[Batch] = []
    original = loop.on_device

    def recorded(fabric, batches) -> Iterator[Batch]:
        for batch in original(fabric, batches):
            found.append(batch)
            yield batch

    monkeypatch.setattr(loop, "on_device", recorded)
    return found


def started(monkeypatch) -> list[nn.Module]:
    """Models of the trainings from now on, which are trained in place."""
    found: list[nn.Module] = []
    original = start.start

    def begun(*args: object, **more: object) -> tuple[nn.Module, dict]:
        model, data_config = original(*args, **more)
        found.append(model)
        return model, data_config

    monkeypatch.setattr(start, "start", begun)
    return found


def interrupt(monkeypatch, arguments: list[str], step: int) -> None:
    """Run a command up to a step that it does not finish."""
    steps = iter(range(step))

    def norm(model: nn.Module) -> float:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return original(model)

    original = loop.gradient_norm
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "gradient_norm", norm)
        cli.main(arguments)


# --- killed and resumed ---

#: Moments of a kill: a function and its nth call, the steps that a second run does, what is written already.
MOMENTS = {
    "between checkpoints": (("visalign.train.loop", "gradient_norm", "5"), 5, set()),
    "a checkpoint is written but not in its place": (("os", "replace", "3"), 5, set()),
    "all is written but the card": (
        ("visalign.stages.train", "write_json", "1"), 0, {"trained.safetensors", "metrics.csv"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_training_resumes_bit_identical(tmp_path, command, monkeypatch, moment):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    cli.main(command(whole))
    call, remaining, written = MOMENTS[moment]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.run([sys.executable, "-c", KILLED, *call, *command(killed)], env=environment)
    assert process.returncode == -signal.SIGKILL
    assert {path.name for path in killed.iterdir()} == written | {"trained.safetensors.partial"}
    assert all((killed / name).read_bytes() == (whole / name).read_bytes() for name in written)
    steps = seen(monkeypatch)
    cli.main(command(killed))
    assert len(steps) == remaining
    assert files(killed) == files(whole) and set(files(whole)) == {
        "trained.safetensors",
        "trained.json",
        "metrics.csv",
    }


def test_adamw_with_dropout_and_stochastic_depth_resumes_bit_identical(tmp_path, command, monkeypatch):
    settings = {"optimiser": "adamw", "learning_rate": 0.01, "schedule": "cosine", "decay": 0.05}
    cli.main(command(tmp_path / "without", "test_vit", **settings))
    create = timm.create_model
    monkeypatch.setattr(
        network.timm,
        "create_model",
        lambda *args, **more: create(*args, drop_rate=0.3, drop_path_rate=0.3, **more),
    )
    cli.main(command(tmp_path / "whole", "test_vit", **settings))
    interrupt(monkeypatch, command(tmp_path / "stopped", "test_vit", **settings), 5)
    cli.main(command(tmp_path / "stopped", "test_vit", **settings))
    assert files(tmp_path / "stopped") == files(tmp_path / "whole")
    assert files(tmp_path / "without") != files(tmp_path / "whole")


@pytest.mark.parametrize("other", [{"learning_rate": 0.05}, {"steps": 10}], ids=str)
def test_a_checkpoint_of_another_recipe_is_not_used(tmp_path, command, monkeypatch, other):
    interrupt(monkeypatch, command(tmp_path / "changed"), 5)
    for folder in ("changed", "fresh"):
        cli.main(command(tmp_path / folder, **other))
    assert files(tmp_path / "changed") == files(tmp_path / "fresh")


# --- several processes ---


@pytest.mark.slow
@pytest.mark.parametrize(("supervision", "share"), [("harmonizer", 0.125), ("gala", 0.375)])
def test_two_processes_train_the_weights_of_one(tmp_path, command, mixed, supervision, share):
    """Float32 sums over the batch are taken in another order; weights are of order 1, their steps of 0.1.

    Of one mapped image the second process has none, of three it has one and the first has two.
    """
    settings = mixed | {"supervision": supervision, "share": share, "batch_norm": "frozen"}
    cli.main(command(tmp_path / "one", **settings))
    subprocess.run(
        [sys.executable, "-m", "visalign", *command(tmp_path / "two", devices=2, **settings)], check=True
    )
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=1e-6)
    for row, other in zip(metrics(tmp_path / "one"), metrics(tmp_path / "two"), strict=True):
        assert other == pytest.approx(row, rel=1e-4)


def test_a_batch_that_cannot_be_shared_evenly_is_refused(tmp_path, command, capsys):
    with pytest.raises(SystemExit):
        cli.main(command(tmp_path, batch_size=7, devices=2))
    assert "--batch-size: 7 is not a multiple of --devices 2" in capsys.readouterr().err


# --- what is written ---


@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit", "test_efficientnet"])
@pytest.mark.parametrize("supervision", ["none", "harmonizer", "gala"])
def test_the_written_model_is_the_trained_one(
    tmp_path, command, mixed, monkeypatch, architecture, supervision
):
    models = started(monkeypatch)
    arguments = command(tmp_path, architecture, supervision=supervision, share=0.5, steps=3, **mixed)
    cli.main(arguments)
    card, images = read_json(tmp_path / "trained.json"), torch.rand(4, 3, 64, 64)
    loaded = network.load(card, tmp_path / "trained.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(loaded(images), models[0](images), rtol=1e-4, atol=1e-5)
    base, trained = base_model(arguments).state_dict(), weights(tmp_path)
    assert base.keys() == trained.keys()
    filters = [name for name, tensor in base.items() if tensor.ndim > 1]
    assert not [name for name in filters if torch.equal(base[name], trained[name])]
    expected = {
        "cross_entropy",
        "weight_decay",
        "total",
        "accuracy",
        "gradient_norm",
        "learning_rate",
        "step",
    }
    assert set(metrics(tmp_path)[-1]) == expected | {supervision} - {"none"}
    assert card["metrics"] == metrics(tmp_path)[-1]


def test_the_head_is_kept_where_label_spaces_agree(tmp_path, command, tiny_model):
    cli.main(command(tmp_path, label_space="imagenet-1k", steps=1, learning_rate=1e-12))
    base, trained = safetensors.torch.load_file(tiny_model().weights), weights(tmp_path)
    assert base.keys() == trained.keys() and read_json(tmp_path / "trained.json")["num_classes"] == 1000
    torch.testing.assert_close(trained["fc.weight"], base["fc.weight"], rtol=0, atol=1e-9)


def test_the_head_is_new_and_drawn_by_the_seed_where_label_spaces_differ(tmp_path, command):
    settings = {"steps": 1, "learning_rate": 1e-12}
    for seed in (0, 1):
        cli.main(command(tmp_path / str(seed), seed=seed, **settings))
    zero, one = weights(tmp_path / "0"), weights(tmp_path / "1")
    assert zero["fc.weight"].shape == (8, 96) and zero["fc.bias"].shape == (8,)
    assert read_json(tmp_path / "0" / "trained.json")["num_classes"] == 8
    assert not torch.allclose(zero["fc.weight"], one["fc.weight"])
    torch.testing.assert_close(zero["conv1.0.weight"], one["conv1.0.weight"], rtol=0, atol=1e-9)


def test_a_trained_model_is_a_base_like_any_other(tmp_path, command):
    cli.main(command(tmp_path / "first", "test_vit", steps=1))
    first, card = tmp_path / "first", tmp_path / "card.json"
    named = ["--model", "tiny+trained", "--label-space", "scenes-8", "--card", card]
    run("models", "card", "--weights-card", first / "trained.json", *named)
    again = {"card": card, "weights": first / "trained.safetensors", "steps": 1, "learning_rate": 1e-12}
    cli.main(command(tmp_path / "second", **again))
    second = read_json(tmp_path / "second" / "trained.json")
    assert second["source"] == "tiny+trained"
    assert second["base_sha256"] == read_json(first / "trained.json")["sha256"]
    for name, tensor in weights(tmp_path / "second").items():
        torch.testing.assert_close(tensor, weights(first)[name], rtol=0, atol=1e-9)


def test_an_input_size_of_its_own_is_trained_at_and_written(tmp_path, command, monkeypatch):
    steps = seen(monkeypatch)
    cli.main(command(tmp_path, input_size=48, steps=1))
    assert steps[0].images.shape == (BATCH, 3, 48, 48)
    assert read_json(tmp_path / "trained.json")["data_config"]["input_size"] == [3, 48, 48]


# --- arms ---


def test_at_weight_zero_a_harmonizer_is_the_baseline(tmp_path, command):
    cli.main(command(tmp_path / "zero", weight=0))
    cli.main(command(tmp_path / "none", supervision="none"))
    zero, none = files(tmp_path / "zero"), files(tmp_path / "none")
    assert (
        zero["trained.safetensors"] == none["trained.safetensors"]
        and zero["metrics.csv"] == none["metrics.csv"]
    )


def test_arms_see_the_same_batches(tmp_path, command, mixed, monkeypatch):
    batches = {}
    for supervision in ("none", "harmonizer", "gala"):
        with monkeypatch.context() as patch:
            batches[supervision] = seen(patch)
            cli.main(command(tmp_path / supervision, supervision=supervision, share=0.5, steps=3, **mixed))
    for none, *others in zip(*batches.values(), strict=True):
        assert all(torch.equal(a, b) for other in others for a, b in zip(none, other, strict=True))


def test_the_same_seed_trains_the_same_bits_and_another_does_not(tmp_path, command):
    for folder, seed in (("one", 0), ("again", 0), ("other", 1)):
        cli.main(command(tmp_path / folder, seed=seed, workers=1 + (folder == "again")))
    assert files(tmp_path / "one") == files(tmp_path / "again")
    assert weights(tmp_path / "one")["fc.weight"].ne(weights(tmp_path / "other")["fc.weight"]).any()


def test_supervision_lowers_the_harmonizer_loss_of_what_it_trains_on(tmp_path, command, monkeypatch):
    models, batches, losses = started(monkeypatch), seen(monkeypatch), {}
    options = {"optimiser": "adamw", "learning_rate": 0.003, "schedule": "cosine", "smallest_crop": 1}
    for arm in ("none", "harmonizer"):
        cli.main(command(tmp_path / arm, "test_vit", supervision=arm, weight=10, steps=30, **options))
        losses[arm] = harmonizer_loss(models[-1], batches[0])
    before = harmonizer_loss(base_model(command(tmp_path, "test_vit")), batches[0])
    assert losses["harmonizer"] < 0.8 * min(losses["none"], before)


def harmonizer_loss(model: nn.Module, batch: Batch) -> float:
    images = (batch.images / 255 - 0.5) / 0.5  # the mean and std of timm's test models
    return harmonizer.objective(model.eval(), images, *batch[1:], weight=1.0, smoothing=0.1, decay=1e-5)[
        "harmonizer"
    ].item()


# --- recipes ---


def test_adamw_has_no_decay_in_its_loss(tmp_path, command):
    cli.main(command(tmp_path, optimiser="adamw", learning_rate=0.001, steps=1, decay=0.1))
    assert metrics(tmp_path)[0]["weight_decay"] == 0


@pytest.mark.parametrize("batch_norm", ["frozen", "batch"])
def test_frozen_batch_norm_leaves_its_statistics_and_trains_its_parameters(tmp_path, command, batch_norm):
    arguments = command(tmp_path, batch_norm=batch_norm, supervision="gala", steps=2)
    cli.main(arguments)
    base, trained = base_model(arguments).state_dict(), weights(tmp_path)
    statistics = [name for name in base if name.endswith(NORM)]
    assert statistics and all(
        torch.equal(base[n], trained[n]) == (batch_norm == "frozen") for n in statistics
    )
    assert not torch.equal(base["conv1.1.weight"], trained["conv1.1.weight"])


# --- metrics ---


def test_validation_images_that_are_trained_on_are_counted(tmp_path, command, scenes, capsys):
    validation = {"validation": scenes / "scenes.csv", "validation_maps": scenes / "maps.npz"}
    validation |= {"validation_pixels": scenes / "pixels.zarr", "transform": TRANSFORM}
    cli.main(command(tmp_path, steps=1, **validation))
    n = len((scenes / "scenes.csv").read_text().splitlines()) - 1
    assert (
        f"scenes.csv: {n} of its images are trained on, so its metrics are no test" in capsys.readouterr().out
    )


def apart(folder: Path, scenes: Path, scored: list[Path]) -> Path:
    tables = ["--trained", str(scenes / "scenes.csv"), "--scored", *map(str, scored)]
    cli.main(["train", "apart", "--model", "m", *tables, "--output", str(folder / "apart.json")])
    return folder / "apart.json"


def test_an_image_that_is_trained_and_scored_is_refused_under_whatever_name(tmp_path, scenes, capsys):
    trained, scored = pd.read_csv(scenes / "scenes.csv"), pd.read_csv(scenes / "others.csv")
    leaked = trained.iloc[2:4].assign(stimulus_id=["x0", "x1"])
    pd.concat([scored, leaked]).to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(SystemExit):
        apart(tmp_path, scenes, [scenes / "others.csv", tmp_path / "test.csv"])
    said, first = capsys.readouterr().err, trained["stimulus_id"][2]
    assert f"scenes.csv: sha256: 2 of its {len(trained)} images are in {tmp_path / 'test.csv'} too" in said
    assert f"the first {first!r} ('x0' there): m would be trained and scored" in said
    assert not (tmp_path / "apart.json").exists()


@pytest.mark.parametrize("scored", [[], ["others.csv"]])
def test_images_of_their_own_may_be_scored(tmp_path, scenes, scored):
    written = read_json(apart(tmp_path, scenes, [scenes / name for name in scored]))
    assert written["scored"] == [str(scenes / name) for name in scored]


def test_validation_metrics_equal_accuracy_and_scipy_s_spearman(tmp_path, command, scenes):
    table, maps = scenes / "scenes.csv", np.load(scenes / "maps.npz")["map"]
    validation = {"validation": table, "validation_maps": scenes / "maps.npz", "transform": TRANSFORM}
    cli.main(command(tmp_path, **validation, validation_pixels=scenes / "pixels.zarr"))
    with table.open() as file:
        rows = list(csv.DictReader(file))
    card = read_json(tmp_path / "trained.json")
    model, transform = (
        network.load(card, tmp_path / "trained.safetensors"),
        transforms.Transform.from_key(TRANSFORM),
    )
    correct, rho = [], []
    for row, human in zip(rows, maps, strict=True):
        pixels = torch.from_numpy(transform.apply(Image.open(scenes / row["path"])) / np.float32(255))
        image = ((pixels - 0.5) / 0.5)[None].requires_grad_()  # the mean and std of timm's test models
        logits = model(image)[0]
        (gradient,) = torch.autograd.grad(logits[int(row["label"])], image)
        correct.append(int(logits.argmax()) == int(row["label"]))
        rho.append(spearmanr(gradient[0].abs().amax(0).flatten(), human.ravel()).statistic)
    last = metrics(tmp_path)[-1]
    assert card["data_config"]["mean"] == card["data_config"]["std"] == [0.5] * 3
    assert last["validation_accuracy"] == np.mean(correct)
    assert last["validation_alignment"] == pytest.approx(np.mean(rho), abs=1e-5)


def test_alignment_that_is_undefined_is_empty_in_the_card(tmp_path, command, scenes):
    """No map of the validation images is defined: known only when the training is over."""
    with np.load(scenes / "maps.npz") as archive:
        np.savez(tmp_path / "blank.npz", **dict(archive) | {"map": np.zeros_like(archive["map"])})
    validation = {"validation": scenes / "scenes.csv", "validation_maps": tmp_path / "blank.npz"}
    validation |= {"validation_pixels": scenes / "pixels.zarr", "transform": TRANSFORM}
    cli.main(command(tmp_path, steps=1, **validation))
    assert read_json(tmp_path / "trained.json")["metrics"]["validation_alignment"] is None


def test_watching_does_not_change_the_training(tmp_path, command, scenes):
    validation = {"validation": scenes / "scenes.csv", "validation_maps": scenes / "maps.npz"}
    validation |= {"validation_pixels": scenes / "pixels.zarr", "transform": TRANSFORM}
    cli.main(command(tmp_path / "watched", evaluate_every=1, **validation))
    cli.main(command(tmp_path / "not"))
    assert (
        files(tmp_path / "watched")["trained.safetensors"] == files(tmp_path / "not")["trained.safetensors"]
    )


# --- golden values ---


def test_results_of_train_fit_and_evaluate_are_those_of_their_versions(tmp_path, command, scenes):
    validation = {"validation": scenes / "scenes.csv", "validation_maps": scenes / "maps.npz"}
    validation |= {"validation_pixels": scenes / "pixels.zarr", "transform": TRANSFORM}
    cli.main(command(tmp_path, steps=2, evaluate_every=1, learning_rate=0.001, **validation))
    card = read_json(tmp_path / "trained.json")
    kept = ("architecture", "weights", "source", "parameters", "num_classes", "data_config", "recipe")
    golden.check("train", "fit", {"metrics": metrics(tmp_path)} | {name: card[name] for name in kept})
    files = [
        "--table",
        scenes / "scenes.csv",
        "--pixels",
        scenes / "pixels.zarr",
        "--maps",
        scenes / "maps.npz",
    ]
    model = ["--card", tmp_path / "trained.json", "--weights", tmp_path / "trained.safetensors"]
    run("train", "evaluate", *model, *files, "--transform", TRANSFORM, "--output", tmp_path / "m.csv")
    measured = pd.read_csv(tmp_path / "m.csv")
    # Which class wins is no number that is stable between machines.
    found = {"columns": list(measured), "stimulus_id": measured["stimulus_id"].tolist()}
    means = measured[["alignment", "harmonizer_loss"]].abs().mean().to_dict()
    golden.check("train", "evaluate", found | means)


def test_results_of_train_apart_are_those_of_its_version(tmp_path, scenes):
    written = read_json(apart(tmp_path, scenes, [scenes / "others.csv"]))
    names = {key: [Path(path).name for path in written[key]] for key in ("trained", "scored")}
    golden.check("train", "apart", written | names)


def test_results_of_train_rows_are_those_of_its_version(tmp_path, monkeypatch, known_models):
    monkeypatch.chdir(tmp_path)
    known_models(studies.DATA_CONFIG)
    Path("study.yaml").write_text(yaml.safe_dump(studies.write(studies.TRAINED)))
    run("train", "rows", "--config", "study.yaml", "--output", "rows.tsv")
    rows = pd.read_csv("rows.tsv", sep="\t", dtype=str, keep_default_na=False)
    golden.check("train", "rows", rows.to_dict("list"))


# --- what goes wrong ---


def test_a_loss_that_is_not_finite_ends_the_training_and_its_batch_is_kept(
    tmp_path, command, mixed, refused, monkeypatch
):
    steps = seen(monkeypatch)
    error = refused(*command(tmp_path, learning_rate=1e30, share=0.5, **mixed))[-1]
    (saved,) = (tmp_path / "trained.safetensors.partial").glob("*.safetensors")
    assert saved.name == "not_finite_step_1_process_0.safetensors"
    assert "error: step 1: " in error and str(saved) in error and "cross_entropy nan" in error
    batch = steps[1]
    kept = safetensors.torch.load_file(saved)
    assert kept.keys() == batch._asdict().keys()
    assert all(torch.equal(kept[name], part) for name, part in batch._asdict().items())
    assert {path.name for path in tmp_path.iterdir()} == {"trained.safetensors.partial"}


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("", "scenes.csv: label: not every image has one"),
        ("-1", "label: -1 of 'scenes-000000' is not in 0..7"),
    ],
)
def test_a_label_that_is_missing_or_impossible_is_refused(tmp_path, command, scenes, capsys, column, reason):
    changed = tmp_path / "scenes.csv"
    lines = (scenes / "scenes.csv").read_text().replace("scenes/", f"{scenes}/scenes/").splitlines()
    cells = lines[1].split(",")
    changed.write_text("\n".join([lines[0], ",".join([*cells[:2], column, *cells[3:]]), *lines[2:]]) + "\n")
    with pytest.raises(SystemExit):
        cli.main(command(tmp_path / "out", mapped=changed))
    assert reason in capsys.readouterr().err


def test_a_validation_label_beyond_the_model_s_outputs_is_refused(tmp_path, command, scenes, capsys):
    other = tmp_path / "validation.csv"
    text = (scenes / "scenes.csv").read_text().replace("scenes/", f"{scenes}/scenes/")
    other.write_text(text.replace(",7,bar,", ",8,bar,"))
    validation = {"validation_maps": scenes / "maps.npz", "transform": TRANSFORM}
    with pytest.raises(SystemExit):
        cli.main(command(tmp_path, validation=other, validation_pixels=scenes / "pixels.zarr", **validation))
    assert "validation.csv: label: 8 of 'scenes-000007' is not in 0..7" in capsys.readouterr().err
