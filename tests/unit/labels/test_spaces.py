"""Claims about label spaces: a head is read as what it is declared to be, or gives a reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from PIL import Image
from timm.data.imagenet_info import _NUM_CLASSES_TO_SUBSET

from visalign import cli
from visalign.errors import InputError
from visalign.io import stores
from visalign.io.files import read_json, write_json
from visalign.io.scores import read_scores
from visalign.labels import spaces as label_spaces
from visalign.zoo import layers, network

LISTS = Path(timm.__file__).parent / "data/_info"
#: timm's own files of indices: of the outputs of a head that stand for the classes of a label space.
TIMMS = {
    "imagenet22k_to_12k": (21841, "imagenet-12k"),
    "imagenet21k_goog_to_12k": (21843, "imagenet-12k"),
    "imagenet22k_ms_to_12k": (21842, "imagenet-12k"),
    "imagenet21k_goog_to_22k": (21843, "imagenet-22k"),
    "imagenet22k_ms_to_22k": (21842, "imagenet-22k"),
    "imagenet_a": (1000, "imagenet-a"),
    "imagenet_r": (1000, "imagenet-r"),
    "mini_imagenet": (1000, "mini-imagenet"),
}


def card(outputs: int, label_space: str) -> dict:
    return {"num_classes": outputs, "label_space": label_space}


def test_sizes_are_those_of_timms_lists():
    for name, (size, _) in label_spaces.SPACES.items():
        synsets = label_spaces.synsets(name)
        assert len(synsets) == len(set(synsets)) == size == label_spaces.size(name)
    assert {size: name for size, name in label_spaces.HEADS.items() if size != 1001} == _NUM_CLASSES_TO_SUBSET


def test_what_a_head_lacks_is_what_timms_lists_lack():
    for head, spaces in label_spaces.LACKING.items():
        for space, lacking in spaces.items():
            if head != label_spaces.BACKGROUND:
                missing = set(label_spaces.synsets(space)) - set(label_spaces.synsets(head))
                assert len(missing) == lacking, (head, space)


@pytest.mark.parametrize("name", TIMMS)
def test_class_maps_are_timms_own(name):
    theirs = [int(line) for line in (LISTS / f"{name}_indices.txt").read_text().split()]
    assert label_spaces.indices(card(*TIMMS[name])) == theirs


def test_a_background_class_is_the_first_output():
    assert label_spaces.indices(card(1001, "imagenet-1k")) == list(range(1, 1001))


@pytest.mark.parametrize("space", ["none", "imagenet-1k", "scenes-8", "my own"])
def test_a_plain_head_is_used_as_it_is(space):
    assert label_spaces.indices(card(1000, space)) is None
    assert label_spaces.misfit(1000, space) is None
    assert label_spaces.provenance(card(1000, space)) == {}


@pytest.mark.parametrize(
    ("outputs", "space", "reason"),
    [
        (512, "imagenet-1k", "the head has 512 outputs, label space imagenet-1k has 1000 classes"),
        (10, "imagenet-1k", "the head has 10 outputs, label space imagenet-1k has 1000 classes"),
        (21841, "imagenet-1k", "1000 classes, 1 of which are not among the outputs of imagenet-22k"),
        (21843, "imagenet-1k", "1000 classes, 1 of which are not among the outputs of imagenet-21k-goog"),
        (11821, "imagenet-1k", "1000 classes, 7 of which are not among the outputs of imagenet-12k"),
        (11221, "imagenet-1k", "1000 classes, 9 of which are not among the outputs of imagenet-21k-miil"),
        (21841, "imagenet-21k", "the head has 21841 outputs, label space imagenet-21k has 21843 classes"),
        (1000, "imagenet-12k", "the head has 1000 outputs, label space imagenet-12k has 11821 classes"),
        (0, "imagenet-1k", "the network has no head"),
        (0, "my own", "the network has no head"),
    ],
)
def test_a_head_of_another_size_has_a_reason(outputs, space, reason):
    assert reason in label_spaces.misfit(outputs, space)
    with pytest.raises(InputError, match=f"^card: num_classes: .*{reason}"):
        label_spaces.classes(card(outputs, space), "card")


@pytest.mark.parametrize(
    ("outputs", "space"), [(0, "none"), (512, "none"), (8, "scenes-8"), (None, "imagenet-1k")]
)
def test_nothing_is_known_against_other_heads(outputs, space):
    assert label_spaces.misfit(outputs, space) is None


# --- in the stages ---


@pytest.fixture(scope="module")
def headed(tmp_path_factory, tiny_model):
    """Make a tiny network with a head of so many outputs, random weights and card."""
    made = {}

    def make(outputs: int, label_space: str = "imagenet-1k"):
        if (outputs, label_space) not in made:
            folder = tmp_path_factory.mktemp("headed")
            torch.manual_seed(1)
            state = timm.create_model("test_resnet", num_classes=outputs).state_dict()
            torch.save(state, folder / "w.pth")
            config = tiny_model().facts["data_config"]
            arguments = ["--model", "headed", "--architecture", "test_resnet", "--weights", "file"]
            arguments += ["--source", folder / "w.pth", "--label-space", label_space]
            arguments += ["--data-config", json.dumps(config), "--output", folder / "m.safetensors"]
            cli.main(["models", "weights", *map(str, arguments), "--card", str(folder / "m.json")])
            made[outputs, label_space] = type(tiny_model())(
                str(folder / "m.json"), str(folder / "m.safetensors")
            )
        return made[outputs, label_space]

    return make


@pytest.fixture(scope="module")
def pixels(tmp_path_factory, write_pixels, noise_images) -> list[str]:
    return write_pixels(tmp_path_factory.mktemp("pixels"), noise_images[:4])


def table(folder: Path, labels: list[int]) -> str:
    ids = [f"s{i}" for i in range(4)]
    frame = pd.DataFrame({"stimulus_id": ids, "path": "x.png", "sha256": "0", "label": labels})
    frame.to_csv(folder / "t.csv", index=False)
    return str(folder / "t.csv")


def attributes(path: Path) -> dict:
    return dict(stores.open_store(path).attrs)


def accuracy(folder: Path, model, pixels: list[str], labels: list[int]) -> pd.DataFrame:
    store = ["--output", str(folder / "f.zarr"), "--manifest", str(folder / "f.json")]
    cli.main(["features", *model.arguments(), *pixels, "--logits-only", *store])
    store = ["--features", str(folder / "f.zarr"), "--features-manifest", str(folder / "f.json")]
    store += ["--label-space", "imagenet-1k"]
    scores = ["--table", table(folder, labels), "--output", str(folder / "a.csv")]
    cli.main(["accuracy", "--model", "m", "--dataset", "d", *store, *scores])
    return read_scores(folder / "a.csv").set_index("metric")


@pytest.mark.parametrize("outputs", [0, 10, 512, 21841])
def test_accuracy_of_a_head_of_another_size_has_no_value_and_the_reason(tmp_path, headed, pixels, outputs):
    rows = accuracy(tmp_path, headed(outputs), pixels, [1, 2, 3, 4])
    assert rows["value"].isna().all() and len(rows) == 2
    reason = label_spaces.misfit(outputs, "imagenet-1k")
    assert set(rows["status"]) == {reason}
    assert headed(outputs).facts["undefined"] == attributes(tmp_path / "f.zarr")["undefined"] == reason


@pytest.mark.parametrize("outputs", [1001, 21842])
def test_accuracy_is_of_the_classes_of_the_label_space_only(tmp_path, headed, pixels, noise_images, outputs):
    model = headed(outputs)
    plain = network.load(model.facts | {"label_space": "none"}, model.weights)
    config = model.facts["data_config"]
    with torch.inference_mode():
        raw = network.Normalised(plain, config)(torch.from_numpy(noise_images[:4]) / 255).numpy()
    assert raw.shape == (4, outputs)
    own = raw[:, label_spaces.indices(card(outputs, "imagenet-1k"))]
    rows = accuracy(tmp_path, model, pixels, own.argmax(1).tolist())
    assert rows["value"].to_dict() == {"top1": 1.0, "top5": 1.0} and set(rows["status"]) == {"ok"}
    logits = stores.values(stores.open_store(tmp_path / "f.zarr"), "logits")
    np.testing.assert_allclose(logits, own, rtol=1e-4, atol=1e-5)
    assert (
        model.facts["class_map"]
        == attributes(tmp_path / "f.zarr")["class_map"]
        == label_spaces.HEADS[outputs]
    )


def test_saliency_is_of_the_output_that_stands_for_the_label(headed, noise_images):
    model = headed(1001)
    config, images = model.facts["data_config"], torch.from_numpy(noise_images[:2]) / 255
    mapped, plain = (
        network.Normalised(network.load(facts, model.weights), config)
        for facts in (model.facts, model.facts | {"label_space": "none"})
    )
    found = network.gradient(mapped, images, torch.tensor([0, 999]))
    expected = network.gradient(plain, images, torch.tensor([1, 1000]))
    torch.testing.assert_close(found, expected)


def test_layers_are_recorded_as_without_a_class_map(headed):
    model = headed(1001)
    restricted = network.load(model.facts, model.weights)
    plain = network.load(model.facts | {"label_space": "none"}, model.weights)
    assert layers.layer_shapes(restricted, "auto", (64, 64)) == layers.layer_shapes(plain, "auto", (64, 64))
    assert restricted.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.parametrize("command", ["saliency", "attacks", "superclass"])
@pytest.mark.parametrize("outputs", [0, 10, 21841])
def test_a_head_of_another_size_stops_what_rests_on_labels(
    tmp_path, headed, pixels, capsys, command, outputs
):
    words = {
        "saliency": ["saliency"],
        "attacks": ["attacks", "perturb"],
        "superclass": ["attacks", "perturb", "--target", "superclass"],
    }[command]
    files = ["--table", table(tmp_path, [1, 2, 3, 4]), "--output", str(tmp_path / "o.zarr")]
    with pytest.raises(SystemExit) as stop:
        cli.main(
            [*words, *headed(outputs).arguments(), *pixels, *files, "--manifest", str(tmp_path / "o.json")]
        )
    assert stop.value.code == 2
    assert "m.json: num_classes: " in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_the_command_on_folders_refuses_a_head_of_another_size(tmp_path, capsys, noise_images):
    for folder in ("images", "maps"):
        (tmp_path / folder).mkdir()
        for number, image in enumerate(noise_images[:2]):
            Image.fromarray(image[number]).save(tmp_path / folder / f"a{number}.png")
    (tmp_path / "labels.csv").write_text("name,label\na0.png,0\na1.png,1\n")
    torch.save(timm.create_model("test_resnet", num_classes=512).state_dict(), tmp_path / "w.pth")
    words = ["--model", "test_resnet", "--weights", str(tmp_path / "w.pth"), "--json"]
    for name in ("images", "maps"):
        words += [f"--{name}", str(tmp_path / name)]
    with pytest.raises(SystemExit) as stop:
        cli.main(["clickme", "folder", *words, "--labels", str(tmp_path / "labels.csv")])
    said = capsys.readouterr()
    assert stop.value.code == 2 and said.out == ""
    assert "num_classes: the head has 512 outputs, label space imagenet-1k has 1000 classes" in said.err


def test_attacks_answer_with_the_classes_of_the_label_space(tmp_path, headed, pixels, noise_images):
    model = headed(1001)
    net = network.Normalised(network.load(model.facts, model.weights), model.facts["data_config"])
    with torch.inference_mode():
        labels = net(torch.from_numpy(noise_images[:4]) / 255).argmax(1).tolist()
    files = ["--table", table(tmp_path, labels), "--output", str(tmp_path / "o.zarr"), "--budget", "12"]
    cli.main(
        ["attacks", "perturb", *model.arguments(), *pixels, *files, "--manifest", str(tmp_path / "o.json")]
    )
    store = stores.open_store(tmp_path / "o.zarr")
    assert stores.values(store, "clean_correct").all()
    assert (stores.values(store, "adversarial_label") < 1000).all()
    assert attributes(tmp_path / "o.zarr")["class_map"] == "imagenet-1k-background"


def test_the_card_of_a_plain_head_says_nothing_of_class_maps(tiny_model):
    assert set(tiny_model().facts) == {
        "architecture", "weights", "source", "sha256", "parameters", "num_classes", "data_config", "model",
        "label_space",
    }  # fmt: skip


@pytest.mark.parametrize("outputs", [10, 1001])
def test_weights_are_shared_by_models_of_other_label_spaces(tmp_path, headed, outputs):
    words = ["--model", "other", "--label-space", "my own", "--card", str(tmp_path / "c.json")]
    cli.main(["models", "card", "--weights-card", headed(outputs).card, *words])
    assert not set(read_json(tmp_path / "c.json")) & set(label_spaces.READ_AS)


def test_revelation_asks_for_imagenet(tmp_path, headed, capsys):
    write_json(tmp_path / "c.json", headed(1001).facts | {"label_space": "scenes-8"})
    with pytest.raises(InputError, match=r"c\.json: label_space: scenes-8 is not imagenet-1k"):
        label_spaces.check_imagenet(read_json(tmp_path / "c.json"), tmp_path / "c.json")
    label_spaces.check_imagenet(headed(1001).facts, "card")
