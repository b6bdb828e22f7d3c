"""Size: how large a model is, as if that were worth a panel."""

from __future__ import annotations

from visalign.measures.measure import Facts, Headline, Measure, Metric, Results


def paragraph(study: Facts, results: Results) -> str:
    """Describe the measure."""
    return (
        f"**Size.** Decimal logarithm of the parameters of each model ({len(results.recordings)} recording)."
    )


MEASURE = Measure(
    name="size",
    title="Size",
    summary="how large a model is",
    over="recordings",
    labelled=False,
    needs=("recordings",),
    metrics=(Metric("log_parameters", "decimal logarithm of the parameters; n models"),),
    headlines=(
        Headline(
            panel="size",
            title="Size of the model",
            metric="log_parameters",
            convention="log10",
            label="log₁₀ parameters",
            raw="log10",
        ),
    ),
    reason_metrics=("log_parameters",),
    methods=paragraph,
)
