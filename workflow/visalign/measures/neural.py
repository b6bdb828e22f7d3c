"""Neural predictivity: how well features predict, or resemble, the responses of neurons."""

from __future__ import annotations

from visalign import comparisons
from visalign.measures.measure import Cost, Facts, Headline, Measure, Metric, Results, Scale, Sizes
from visalign.measures.wording import of_regions


def scored(sizes: Sizes, model: str, recording: str) -> float:
    """Work of the scores on a recording: rows², for each time window and way to compare."""
    row, ways = sizes.study.recordings[recording], sizes.study.config["neural"]["metrics"]
    windows = row.get("windows", "").count(",") + 1
    return windows * len(ways) * sizes.rows(row["stimuli"], sizes.study.protocol(recording)) ** 2


def regions(benchmark: str) -> list[str]:
    """Regions of a benchmark, neural/RECORDING/REGION+REGION/…"""
    return "".join(benchmark.split("/")[2:3]).split("+")


def paragraph(study: Facts, results: Results) -> str:
    """Describe the comparison of features with neural responses."""
    from visalign.measures.neural_methods import of_neural

    return of_neural(study, results.recordings, results.scores["status"])


MEASURE = Measure(
    name="neural",
    title="Neural predictivity",
    summary="predict neural responses from features",
    over="recordings",
    labelled=False,
    needs=("gram", "recordings"),
    metrics=tuple(Metric(name, meaning) for name, meaning in comparisons.metrics().items()),
    headlines=(
        Headline(
            panel="neural",
            title="Neural predictivity",
            metric="pls",
            convention="r2/c",
            label="explained variance r²/c",
            raw="r",
            otherwise=Scale("r", "Pearson r (reliability not known)"),
            title_of=lambda benchmark: of_regions(regions(benchmark)),
        ),
        # Of dissimilarity matrices, which have no neurons to predict, or where no prediction was asked for.
        Headline(
            panel="rsa",
            title="Neural similarity",
            metric="rsa",
            convention="raw/ceiling",
            label="representational similarity, raw/ceiling",
            raw="raw",
            otherwise=Scale("raw", "representational similarity"),
            title_of=lambda benchmark: of_regions(regions(benchmark), "similarity"),
            without="pls",
        ),
    ),
    reason_metrics=("pls",),
    low_level="features",
    of_training={"it_predictivity": ("pls", "r2/c")},
    costs=(Cost("neural", work=scored),),
    methods=paragraph,
)
