"""Probes: what frozen features know of visual tasks beyond recognition."""

from __future__ import annotations

from visalign.measures.measure import (
    PEOPLE,
    Cost,
    Facts,
    Headline,
    Measure,
    Metric,
    Reference,
    Results,
    Sizes,
)
from visalign.measures.wording import enumeration


def probed(sizes: Sizes, model: str, probe: str) -> float:
    """Work of the probes of a model: an eigendecomposition of the trials a fold and draw."""
    row, settings = sizes.study.probes[probe], sizes.study.config["probes"]
    return settings["draws"] * settings["folds"] * sizes.images(row["stimuli"]) ** 3


def task_of(benchmark: str) -> str:
    """Task of a benchmark, probes/DATASET/TASK[/difficulty]."""
    return " ".join(benchmark.split("/")[2:])


#: Problems of the synthetic visual reasoning test that ask for sameness, as published (Kim et al. 2018).
SAMENESS = (1, 5, 7, 15, 16, 19, 20, 21, 22)


def is_sameness(task: str) -> bool | None:
    """Whether a task is a problem of sameness or of spatial relations; None of other tasks."""
    name, _, number = task.rpartition("-")
    return int(number) in SAMENESS if name == "svrt" and number.isdigit() else None


def title_of(benchmark: str) -> str:
    """Title of the panel of a benchmark: its task and, where there is one, its difficulty."""
    return f"Probe {task_of(benchmark)}"


def paragraph(study: Facts, results: Results) -> str:
    """Describe the probes."""
    settings, rows = study.config["probes"], results.scores
    if not study.probes:
        return ""
    rows = rows[rows["benchmark"].str.startswith("probes/") & rows["value"].notna()]
    tasks = sorted({benchmark.split("/")[2] for benchmark in rows["benchmark"]} - {"svrt"})
    people = rows["metric"].isin([metric.name for metric in OF_PEOPLE]) & rows["value"].notna()
    simulated = " (simulated)" if rows.loc[people, "simulated"].any() else ""
    answered = (
        f" Where people{simulated} answered the same images, people_accuracy is theirs, human_gap theirs "
        "less the model's, and error consistency Cohen's κ of which trials are right (Geirhos et al. 2020), "
        "median over people."
    )
    kinds = enumeration(sorted({row["classifier"] for row in study.probes.values()}))
    return (
        f"**Probes.** {len(tasks)} tasks: {enumeration(tasks)}. Linear probes ({kinds}) read the answer from "
        "frozen features; ridge has its penalty from exact leave-one-out (whole groups of images that are no "
        f"independent witnesses) on training trials. Without a split of their own, trials are divided into "
        f"{settings['folds']} folds that keep groups and pairs whole and labels balanced, "
        f"{settings['draws']} times. The floor is the mean accuracy after {settings['permutations']} "
        "permutations of training labels; the same probe on 28 × 28 pixels and on image statistics stands "
        f"beside it. 95 % intervals: {settings['bootstrap']} draws of test groups and of training draws "
        f"(seed {study.config['seed']}).{answered if people.any() else ''}"
    )


def of_model(name: str, meaning: str) -> Metric:
    """Return a metric of models and drawn images alone, which rests on no answers of people."""
    return Metric(name, meaning, simulated="never")


#: Metrics that rest on people's answers, simulated or not.
OF_PEOPLE = (
    Metric("people_accuracy", "people's accuracy on the images that they answered; n images"),
    Metric("human_gap", "people's accuracy less the model's on the same images; n images"),
    Metric("error_consistency", "Cohen's κ of which trials model and people get right; n images"),
)

MEASURE = Measure(
    name="probes",
    title="Probes",
    summary="probe frozen features for depth, perspective, contours, sameness and tilt",
    over="probes",
    labelled=False,
    needs=("features",),
    metrics=(
        of_model("probe_accuracy", "accuracy of the probe on held-out trials; n images"),
        of_model("probe_auc", "area under its ROC curve; n images"),
        of_model("curve_area", "mean accuracy over the logarithm of the number of training trials"),
        of_model("n80", "training trials at which the accuracy first reaches .80; n images"),
        of_model(
            "permuted_accuracy",
            "its mean with permuted labels; the interval holds 95 % of permutations; n images",
        ),
        of_model("pixel_accuracy", "accuracy of the same probe on 28 × 28 pixels; n images"),
        of_model("statistics_accuracy", "the same on image statistics; n images"),
        *OF_PEOPLE,
        of_model("threshold", "difficulty at which half of what is above chance is right; n images"),
        of_model("slope", "of the logistic function of difficulty; n images"),
        of_model("sd_gap", "accuracy on spatial tasks less that on same-different tasks; n tasks"),
        of_model("tilt_correlation", "Pearson r of the tilt illusion with people's; n cells"),
        of_model("tilt_slope", "slope of the regression of the illusion on people's; n cells"),
        of_model("tilt_repulsion", "mean illusion at 10° to 30°, degrees; n cells"),
        of_model("tilt_attraction", "mean illusion at 60° to 90°, degrees; n cells"),
        of_model("tilt_zero_crossing", "difference at which the illusion changes sign, degrees; n cells"),
        of_model("tilt_average_weight", "weight of the surround in a vector average; n cells"),
        of_model("decoder_error", "mean error of decoded orientation, degrees; n images"),
    ),
    headlines=(
        Headline(
            panel="probes",
            title="Probe",
            metric="probe_accuracy",
            convention="proportion",
            label="accuracy",
            raw="proportion",
            title_of=title_of,
            figure="probes",
            references=(
                Reference("permuted_accuracy", "permuted labels", band=True),
                Reference("pixel_accuracy", "pixels"),
                Reference("statistics_accuracy", "image statistics"),
                Reference("people_accuracy", PEOPLE),
            ),
            binomial=True,
        ),
        Headline(
            panel="tilt",
            title="Tilt illusion",
            metric="tilt_correlation",
            convention="r",
            label="correlation with people's tilt illusion",
            raw="r",
            figure="probes",
        ),
    ),
    reason_metrics=("probe_accuracy",),
    costs=(Cost("probes", work=probed),),
    methods=paragraph,
)
