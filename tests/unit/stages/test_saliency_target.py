"""Claims about the class whose gradient saliency is: the label of an image, or the model's answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from visalign import cli
from visalign.io import stores
from visalign.zoo import network, saliency

LABELS = [0, 999, 5, 5, 17, 3, 2, 1, 0, 8]


@pytest.fixture(scope="module")
def pixels(tmp_path_factory, write_pixels, noise_images) -> list[str]:
    return write_pixels(tmp_path_factory.mktemp("pixels"), noise_images)


def arguments(folder: Path, model, pixels: list[str], labels: list | None, *more: str) -> list[str]:
    table = pd.DataFrame({"stimulus_id": [f"s{i}" for i in range(10)], "path": "x.png", "sha256": "0"})
    if labels is not None:
        table["label"] = labels
    folder.mkdir(exist_ok=True)
    table.to_csv(folder / "t.csv", index=False)
    output = ["--output", str(folder / "s.zarr"), "--manifest", str(folder / "s.json")]
    table_option = ["--table", str(folder / "t.csv"), "--batch-size", "4"]
    return ["saliency", *model.arguments(), *pixels, *table_option, *more, *output]


def run(folder: Path, model, pixels: list[str], labels: list | None, *more: str):
    cli.main(arguments(folder, model, pixels, labels, *more))
    return stores.open_store(folder / "s.zarr")


def answers_of(model, noise_images: np.ndarray) -> list[int]:
    """Largest output of a network in one batch, by NumPy."""
    network_ = network.Normalised(network.load(model.facts, model.weights), model.facts["data_config"])
    with torch.no_grad():
        return network_(torch.from_numpy(noise_images) / 255).numpy().argmax(axis=1).tolist()


@pytest.mark.parametrize("labels", [None, [""] * 10])
@pytest.mark.parametrize("target", ["predicted", "label_or_predicted"])
def test_without_labels_saliency_is_of_the_class_that_the_model_answers(
    tmp_path, tiny_model, pixels, noise_images, labels, target
):
    model = tiny_model()
    store = run(tmp_path / "answered", model, pixels, labels, "--target", target)
    answers = answers_of(model, noise_images)
    assert store[saliency.PREDICTED][:].tolist() == answers and store.attrs["target"] == "predicted"
    labelled = run(tmp_path / "labelled", model, pixels, answers)
    for name in saliency.REDUCTIONS:
        np.testing.assert_array_equal(store[name][:], labelled[name][:])


def test_predicted_does_not_look_at_labels_and_label_or_predicted_prefers_them(
    tmp_path, tiny_model, pixels, noise_images
):
    model = tiny_model()
    answers = answers_of(model, noise_images)
    assert answers != LABELS
    for target, expected in (("predicted", answers), ("label_or_predicted", LABELS), ("label", LABELS)):
        store = run(tmp_path / target, model, pixels, LABELS, "--target", target)
        plain = run(tmp_path / "plain", model, pixels, expected)
        for name in saliency.REDUCTIONS:
            np.testing.assert_array_equal(store[name][:], plain[name][:])
        assert (saliency.PREDICTED in store) == ("target" in store.attrs) == (target == "predicted")


def test_a_store_of_labels_is_what_it_was_before_targets(tmp_path, tiny_model, pixels):
    """Manifest and identity are unchanged, so that no finished study runs it anew."""
    model = tiny_model()
    plain = run(tmp_path / "plain", model, pixels, LABELS)
    assert set(plain.array_keys()) == {"stimulus_id", *saliency.REDUCTIONS}
    run(tmp_path / "label", model, pixels, LABELS, "--target", "label")
    assert (tmp_path / "plain/s.json").read_bytes() == (tmp_path / "label/s.json").read_bytes()
    predicted = run(tmp_path / "predicted", model, pixels, LABELS, "--target", "predicted")
    assert set(predicted.array_keys()) == {"stimulus_id", *saliency.REDUCTIONS, saliency.PREDICTED}


def test_unlabelled_images_are_refused_where_labels_are_meant(tmp_path, tiny_model, pixels, refused):
    *_, error = refused(*arguments(tmp_path, tiny_model(), pixels, None))
    assert (
        "t.csv: label: no image has one: --target predicted takes the class that the model answers" in error
    )


def test_some_labels_are_not_filled_up_with_answers(tmp_path, tiny_model, pixels, refused):
    labels = [3, ""] * 5
    *_, error = refused(*arguments(tmp_path, tiny_model(), pixels, labels, "--target", "label_or_predicted"))
    assert "t.csv: label: nan of 's1' is not in 0..999" in error


def test_a_killed_run_resumes_with_the_answers_that_it_lacks(tmp_path, tiny_model, pixels, monkeypatch):
    model = tiny_model()
    whole = run(tmp_path / "whole", model, pixels, None, "--target", "predicted")
    answers, batches = saliency.answers, []

    def killed(net, batch):
        if len(batches) == 2:
            raise KeyboardInterrupt
        batches.append(len(batch))
        return answers(net, batch)

    monkeypatch.setattr(saliency, "answers", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", model, pixels, None, "--target", "predicted")
    monkeypatch.setattr(saliency, "answers", lambda *args: batches.append(len(args[1])) or answers(*args))
    resumed = run(tmp_path / "killed", model, pixels, None, "--target", "predicted")
    assert batches == [4, 4, 2]
    for name in (*saliency.REDUCTIONS, saliency.PREDICTED):
        np.testing.assert_array_equal(resumed[name][:], whole[name][:])


def test_a_network_without_a_head_answers_no_class(tmp_path, tiny_model, pixels, refused):
    model = tiny_model()
    words = arguments(tmp_path, model, pixels, None, "--target", "predicted")
    card = Path(words[words.index("--card") + 1])
    facts = json.loads(card.read_text()) | {"num_classes": 0, "label_space": "none"}
    (tmp_path / "headless.json").write_text(json.dumps(facts))
    words[words.index("--card") + 1] = str(tmp_path / "headless.json")
    *_, error = refused(*words)
    assert "headless.json: num_classes: 0: a network without a head answers no class" in error
