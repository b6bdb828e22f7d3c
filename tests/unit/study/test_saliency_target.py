"""Claims about studies whose saliency is of the class that a model answers: which scores need labels."""

from __future__ import annotations

import pytest
from studies import DATA_CONFIG, SMALL, load, write

from visalign.measures.score_table import Benchmark
from visalign.study.study import Study

MAPS = SMALL["maps"] + "osie\ttfrecord\t*.tfrecords\tplain\n"  # of a set without label space
MISMATCH = "label space none of plain is not the model's imagenet-1k"


@pytest.fixture
def study(tmp_path, monkeypatch, known_models):
    monkeypatch.chdir(tmp_path)
    known_models(DATA_CONFIG)

    def load_with(target: str | None) -> Study:
        settings = {"saliency": {"target": target}} if target else {}
        return load(write(SMALL | {"maps": MAPS}) | settings)

    return load_with


def entry(study: Study, measure: str, dataset: str) -> Benchmark:
    found = [e for e in study.describe_benchmarks() if (e["measure"], e["dataset"]) == (measure, dataset)]
    return Benchmark.of(found[0])


@pytest.mark.parametrize(
    ("target", "unlabelled", "labelled"),
    [
        (None, MISMATCH, "label space imagenet-1k of photographs is not the model's scenes-8"),
        ("label", MISMATCH, "label space imagenet-1k of photographs is not the model's scenes-8"),
        ("label_or_predicted", None, "label space imagenet-1k of photographs is not the model's scenes-8"),
        ("predicted", None, None),
    ],
)
def test_saliency_of_the_answer_needs_no_labels(study, target, unlabelled, labelled):
    loaded = study(target)
    assert loaded.undefined("clickme", "a", "plain") == unlabelled
    assert loaded.undefined("clickme", "c", "photographs") == labelled
    assert loaded.undefined("clickme", "a", "photographs") is None
    assert loaded.undefined("attacks", "a", "plain") == MISMATCH  # an answer that could be wrong
    # The score table gives the same reasons without the study.
    for model, dataset, stimuli in (("a", "osie", "plain"), ("c", "clickme", "photographs")):
        told = entry(loaded, "clickme", dataset).why_undefined(loaded.models[model])
        assert (told is None) == (loaded.undefined("clickme", model, stimuli) is None)


def test_a_head_that_cannot_be_read_has_no_score_of_its_answer_either(tmp_path, monkeypatch, known_models):
    monkeypatch.chdir(tmp_path)
    known_models(DATA_CONFIG, num_classes=512)
    loaded = load(write(SMALL | {"maps": MAPS}) | {"saliency": {"target": "predicted"}})
    reason = loaded.undefined("clickme", "a", "plain")
    assert reason == loaded.misfits()["a"]
    assert entry(loaded, "clickme", "osie").why_undefined(loaded.models["a"], reason) == reason
