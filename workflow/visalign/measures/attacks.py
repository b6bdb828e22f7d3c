"""Adversarial perturbations: how small they are, and do they lie where people look?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from visalign.measures.measure import Cost, Facts, Headline, Measure, Metric, Passes, Results, Sizes, Void
from visalign.measures.wording import enumeration, listing, span

if TYPE_CHECKING:
    import pandas as pd

#: Target of the config -> what a perturbation changes.
CHANGES = {"label": "a correct answer", "superclass": "a correct answer from animate to inanimate, or back,"}

#: Passes forward without gradient for each gradient evaluation: the median of 15 networks at a budget of 20,
#: .75 to 1.55.
FORWARDS = 1.0


def searched(sizes: Sizes, model: str, stimuli: str) -> Passes:
    """Passes of the search for perturbations, if it uses up its budget on all images."""
    gradients = sizes.attacked(stimuli) * sizes.study.config["attacks"]["budget"]
    return Passes(forward=(1 + FORWARDS) * gradients, backward=gradients)


def stored(sizes: Sizes, model: str, stimuli: str) -> float:
    """Bytes of perturbations."""
    return sizes.attacked(stimuli) * sizes.pixels(model) * 3 * 2


def scored(sizes: Sizes, model: str, maps: str) -> float:
    """Work of comparing perturbations, or what stands for them, with maps."""
    return sizes.attacked(sizes.study.maps[maps]["stimuli"])


def paragraph(study: Facts, results: Results) -> str:
    """Describe perturbations, their size and their place."""
    settings = study.config["attacks"]
    images = (
        "all images"
        if settings["count"] is None
        else f"{settings['count']} images (seed {study.config['seed']})"
    )
    order = (
        "the same for all models"
        if settings["precision"] is None
        else "attacked in an order drawn once for all models until the geometric mean of a model's norms was "
        f"known to within {100 * settings['precision']:g} % (Student's 95 % interval of the mean log)"
    )
    evaluated = f"{settings['budget']} gradient evaluations per image{evaluations(results.scores)}"
    text = f"""**Adversarial perturbations.** For {images} of {listing(results.maps)}, {order},
    the smallest L2 perturbation that changes {CHANGES[settings["target"]]} was searched with at most
    {evaluated}, in pixels of [0, 1] at the model's input size, and verified as stored. Perturbation
    tolerance is the median over correctly classified images of the root mean square of the perturbation
    over all input values, with image effects removed (log size ~ model + image, fitted to all models
    together), so that input size and which images a model names correctly do not make it; the mean norm
    stands beside it. Neither has a value for networks whose gradients are masked or whose answers are
    random. Adversarial alignment is Spearman's ρ of the perturbation's L2 norm over channels with the
    human map, on the scale of ClickMe alignment. 95 % intervals: {settings["bootstrap"]} bootstrap draws
    over images."""
    return " ".join(text.split())


def evaluations(scores: pd.DataFrame) -> str:
    """Say how many evaluations attacks took, the medians of models; '' where that is not known."""
    told = [
        f"{span(values.round())} {name}"
        for metric, name in (("gradient", "gradient evaluations"), ("forward", "forward passes"))
        if len(values := scores.loc[scores["metric"] == f"attack_{metric}_evaluations", "value"].dropna())
    ]
    return f" (medians of models: {enumeration(told)})" if told else ""


def real(name: str, meaning: str) -> Metric:
    """Return a metric of perturbations alone, which rests on no map, simulated or not."""
    return Metric(name, meaning, simulated="never")


MEASURE = Measure(
    name="attacks",
    title="Adversarial perturbations",
    summary="minimum-norm adversarial perturbations, their size and place",
    over="maps",
    labelled=True,
    needs=("maps",),
    metrics=(
        real(
            "perturbation_tolerance",
            "smallest L2 perturbation, [0, 1] pixels; l2: the mean, rms: median, compared with that of other "
            "models on the same images; n images",
        ),
        real(
            "perturbation_tolerance_median",
            "median of the same; censored images are larger than any tried norm",
        ),
        real("perturbation_tolerance_q10", "first decile of the same"),
        real("perturbation_tolerance_q90", "last decile of the same"),
        real("perturbation_tolerance_per_sqrt_dimension", "mean of the same over √(input values)"),
        real("attack_gradient_evaluations", "median gradient evaluations of an attacked image; n images"),
        real("attack_gradient_evaluations_q95", "their 95th percentile"),
        real(
            "attack_forward_evaluations",
            "median forward passes without gradient of an attacked image; n images",
        ),
        real("attack_forward_evaluations_q95", "their 95th percentile"),
        Metric(
            "adversarial_alignment", "rank correlation of |perturbation| (L2 over channels) with human maps"
        ),
        Metric("adversarial_alignment_mean", "the same of |mean over channels|"),
        Metric("adversarial_alignment_max", "the same of |max over channels|"),
    ),
    headlines=(
        Headline(
            panel="adversarial_alignment",
            title="Adversarial alignment",
            metric="adversarial_alignment",
            convention="floor_corrected",
            label="(ρ − floor) / (A − F / A)",
            raw="rho",
        ),
        Headline(
            panel="perturbation_tolerance",
            title="Perturbation tolerance",
            metric="perturbation_tolerance",
            convention="rms/image_effects",
            label="RMS of the smallest perturbation, image effects removed",
            raw="l2",
            # Censored norms stand in it at norms that were tried and failed, however large those are.
            void=Void("censored", "a mean of norms that are not known"),
        ),
    ),
    reason_metrics=("perturbation_tolerance", "adversarial_alignment"),
    low_level="importance maps",
    across_models="tolerances",
    of_training={"perturbation_tolerance": ("perturbation_tolerance", "l2")},
    costs=(
        Cost("attacks_perturb", passes=searched, disk=stored),
        Cost("attacks_score", work=scored),
        Cost("attacks_control", work=scored),
    ),
    methods=paragraph,
)
