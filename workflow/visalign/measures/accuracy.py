"""Accuracy: how often a model names what an image shows."""

from __future__ import annotations

from visalign.measures.measure import Cost, Facts, Measure, Metric, Results
from visalign.measures.wording import span


def paragraph(study: Facts, results: Results) -> str:
    """Describe the x axis."""
    name = study.config["accuracy"]["stimuli"][0]
    rows = results.scores[results.scores["benchmark"] == f"accuracy/{name}"]
    counts = rows["n"].dropna()
    n = f" (n = {span(counts)} images)" if len(counts) else ""
    return f"**Accuracy.** Top-1 and top-5 accuracy on {name}{n}, with 95 % Wilson intervals."


MEASURE = Measure(
    name="accuracy",
    title="Accuracy",
    summary="top-1 and top-5 accuracy from logits",
    over="stimuli",
    labelled=True,
    needs=("features",),
    metrics=(
        Metric(
            "top1",
            "fraction of images whose label is the largest output; n images",
            title="top-1 accuracy",
        ),
        Metric(
            "top5",
            "fraction of images whose label is among the five largest outputs; n images",
            title="top-5 accuracy",
        ),
        Metric(
            "multi_label_acc",
            "largest output among the classes that people found, mean over classes; n images",
            title="multi-label accuracy",
        ),
    ),
    reason_metrics=("top1",),
    costs=(Cost("accuracy", work=lambda sizes, model, stimuli: sizes.images(stimuli)),),
    methods=paragraph,
)
