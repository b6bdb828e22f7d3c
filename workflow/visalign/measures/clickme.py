"""ClickMe alignment: does a model look where people look?"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from visalign.measures.measure import Cost, Facts, Headline, Measure, Metric, Passes, Results, Sizes
from visalign.measures.wording import listing, of_maps

#: Levels of a revelation where the config names none.
LEVELS = 12
#: Target of saliency in the config -> of what the gradient is.
GRADIENT_OF = {
    "label": "the ground-truth class's logit",
    "predicted": "the logit of the class that the model answers",
    "label_or_predicted": "the ground-truth class's logit, or of that of the class that the model answers "
    "where images have no label",
}


def revealed(sizes: Sizes, model: str, maps: str) -> Passes:
    """Passes that show ever more of each image to a model."""
    settings = sizes.study.config["clickme"]["revelation"]
    images = min(settings["count"] or sys.maxsize, sizes.images(sizes.study.maps[maps]["stimuli"]))
    return Passes(forward=images * len(settings["levels"] or range(LEVELS)))


def scored(sizes: Sizes, model: str, maps: str) -> float:
    """Work of comparing maps."""
    return sizes.images(sizes.study.maps[maps]["stimuli"])


def fixations(results: Results) -> Iterator[str]:
    """Say of maps of fixations how they were made: they have no other blur."""
    for name, card in results.maps.items():
        if settings := card.get("settings"):
            unit = "degrees" if settings.get("pixels_per_degree") else "pixels"
            weighted = (
                "weighted by duration" if settings.get("weighting") == "duration" else "each counting 1"
            )
            first = "" if settings.get("first_fixation", True) else ", without the first of each person"
            yield (
                f"Those of {name} are fixations, {weighted}{first}, smoothed by a Gaussian of SD "
                f"{settings['sigma']:g} {unit} instead of that blur."
            )


def title(results: Results) -> str:
    """What the comparison is called: by what its maps are of."""
    from visalign.maps import readers

    titles = [readers.of(card["reader"]).title or MEASURE.title for card in results.maps.values()]
    return ", ".join(dict.fromkeys(titles)) or MEASURE.title


def paragraph(study: Facts, results: Results) -> str:
    """Describe the comparison of saliency with human maps."""
    from visalign.maps import agreement, processing

    settings, target = study.config["clickme"], study.config["saliency"].get("target") or "label"
    logs = [card for card in results.maps.values() if card.get("settings")]
    log = "a log of clicks or fixations" if logs else "a click log"
    before = [name for name, card in results.maps.items() if card.get("processed_before")]
    kept = f" (those of {listing(before)} had been before they were read)" if before else ""
    sentences = [
        f"**{title(results)}.** Importance maps: {of_maps(results.maps)}.",
        f"Each was resized to {processing.SIZE} × {processing.SIZE}, blurred ({len(processing.BLUR_TAPS)} × "
        f"{len(processing.BLUR_TAPS)} Gaussian, σ = {processing.BLUR_SIGMA:g}) and brought to the model's "
        f"input{kept}.",
        *fixations(results),
        f"Saliency is the largest absolute gradient over channels of {GRADIENT_OF[target]}. "
        "Alignment is Spearman's ρ over pixels, mean over images; the headline is (ρ − floor) / (A − F / A), "
        "0 for centre bias alone and 1 for what people would look at without noise (maps less centred than "
        "theirs may exceed 1). floor is the mean ρ with the maps of all other images, F that of people's "
        "maps of different images, A = √(2c / (1 + c)) the ρ that a map without noise attains (Spearman "
        f"1904), c the ceiling: with {log} the agreement of random halves of the participants in "
        f"{agreement.ITERATIONS} splits, within the crop of each model as F is; a declared one is of "
        "whole images. ρ / c, as published, may exceed 1, as c is of half the participants.",
        f"95 % intervals: {settings['bootstrap']} bootstrap draws over images (seed {study.config['seed']}), "
        "of which floors and ceilings are drawn anew; expanded percentiles (Hesterberg 2015).",
    ]
    return " ".join(sentences)


MEASURE = Measure(
    name="clickme",
    title="ClickMe alignment",
    summary="compare saliency with human importance maps",
    over="maps",
    labelled=True,
    needs=("saliency", "maps"),
    metrics=(
        Metric("spearman", "rank correlation of saliency with human maps; n images"),
        Metric("spearman_4", "the same of maps averaged over blocks of 4 × 4 pixels"),
        Metric("spearman_16", "the same of maps averaged over blocks of 16 × 16 pixels"),
        Metric(
            "spearman_abs_mean", "spearman of |mean gradient over channels| instead of the largest |gradient|"
        ),
        Metric("spearman_abs_mean_4", "the same of maps averaged over blocks of 4 × 4 pixels"),
        Metric("spearman_abs_mean_16", "the same of maps averaged over blocks of 16 × 16 pixels"),
        Metric("top10_iou", "intersection over union of the top tenths of saliency and human map; n images"),
        Metric("top10_dice", "Dice coefficient of the same; n images"),
        Metric("revelation_auc", "accuracy, animal or not, over the log share of revealed pixels; n images"),
        Metric("revelation_mse", "mean squared difference of that curve from people's; n images"),
        Metric("revelation_area", "area between that curve and people's; n images"),
    ),
    headlines=(
        Headline(
            panel="clickme",
            title="ClickMe alignment",
            metric="spearman",
            convention="floor_corrected",
            label="(ρ − floor) / (A − F / A)",
            raw="rho",
        ),
    ),
    reason_metrics=("spearman",),
    low_level="importance maps",
    costs=(Cost("clickme_score", work=scored), Cost("clickme_reveal", passes=revealed)),
    methods=paragraph,
)
