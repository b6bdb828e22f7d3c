"""Stage scores: every score of the study in one tidy table, each a value or the reason why not."""

from __future__ import annotations

import argparse
import glob
import itertools
import json
from pathlib import Path
from typing import Any

import pandas as pd

from visalign.errors import InputError
from visalign.io.files import write_atomic
from visalign.io.scores import SCORE_COLUMNS, read_scores, score_row
from visalign.io.sheets import read_sheet
from visalign.io.tables import write_table
from visalign.study.study import label_mismatch, select
from visalign.zoo import low_level
from visalign.zoo.weights import weights_id

VERSIONS = {"scores": 1}
EXAMPLES = """\
  python -m visalign scores --directory results --sheet config/models/embedded.tsv --benchmarks \\
      '[{"measure": "accuracy", "dataset": "photographs", "label_space": "imagenet-1k"}]' \\
      --output results/scores.csv --parquet results/scores.parquet
"""
#: Every metric of the score table: what it is, and what its `n` counts.
METRICS = {
    "top1": "fraction of images whose label is the largest output; n images",
    "top5": "fraction of images whose label is among the five largest outputs; n images",
    "multi_label_acc": "largest output among the classes that people found, mean over classes; n images",
    "pls": "held-out correlation of PLS predictions, layer chosen on inner splits; n neuroids",
    "ridge": "the same of ridge predictions, a penalty a neuroid by leaving out images; n neuroids",
    "cka": "linear CKA (unbiased) of features and responses, layer chosen on other stimuli; n neuroids",
    "rsa": "correlation of both dissimilarity matrices, layer chosen on other stimuli; n neuroids",
    **{
        f"{metric}_{variant}": meaning
        for metric in ("pls", "ridge", "cka", "rsa")
        for variant, meaning in (
            ("layer", "the same for one layer"),
            ("nested", "the same, layer chosen on inner splits"),
            ("published", "the same, layer chosen on the reported stimuli: optimistic"),
            ("optimism", "published less nested"),
            ("reliable", "the same over reliable neuroids only, divided by their own ceiling; n of these"),
            ("attainable", "what a perfect model of that layer would score with these trials; n neuroids"),
            ("map", "rank correlation of site-mean predicted and measured maps; n images"),
            ("map_quarter", "the same with half the positions a side"),
        )
        if metric in ("pls", "ridge") or variant in ("layer", "nested", "published", "optimism")
    },
    "spearman": "rank correlation of saliency with human maps; n images",
    "spearman_4": "the same of maps averaged over blocks of 4 × 4 pixels",
    "spearman_16": "the same of maps averaged over blocks of 16 × 16 pixels",
    "spearman_abs_mean": "spearman of |mean gradient over channels| instead of the largest |gradient|",
    "spearman_abs_mean_4": "the same of maps averaged over blocks of 4 × 4 pixels",
    "spearman_abs_mean_16": "the same of maps averaged over blocks of 16 × 16 pixels",
    "top10_iou": "intersection over union of the top tenths of saliency and human map; n images",
    "top10_dice": "Dice coefficient of the same; n images",
    "revelation_auc": "accuracy, animal or not, over the log share of revealed pixels; n images",
    "revelation_mse": "mean squared difference of that curve from people's; n images",
    "revelation_area": "area between that curve and people's; n images",
    "perturbation_tolerance": "smallest L2 perturbation, [0, 1] pixels; l2: the mean, rms: median, compared "
    "with that of other models on the same images; n images",
    "perturbation_tolerance_median": "median of the same; censored images are larger than any tried norm",
    "perturbation_tolerance_q10": "first decile of the same",
    "perturbation_tolerance_q90": "last decile of the same",
    "perturbation_tolerance_per_sqrt_dimension": "mean of the same over √(input values)",
    "attack_gradient_evaluations": "median gradient evaluations of an attacked image; n images",
    "attack_gradient_evaluations_q95": "their 95th percentile",
    "attack_forward_evaluations": "median forward passes without gradient of an attacked image; n images",
    "attack_forward_evaluations_q95": "their 95th percentile",
    "adversarial_alignment": "rank correlation of |perturbation| (L2 over channels) with human maps",
    "adversarial_alignment_mean": "the same of |mean over channels|",
    "adversarial_alignment_max": "the same of |max over channels|",
}
#: Headline metric of each measure, used in rows that only give a reason.
HEADLINE = {
    "accuracy": ("top1",),
    "neural": ("pls",),
    "clickme": ("spearman",),
    "attacks": ("perturbation_tolerance", "adversarial_alignment"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign scores``."""
    parser.add_argument("--directory", required=True, help="holds MEASURE/MODEL/DATASET.csv")
    parser.add_argument("--sheet", required=True, help="model sheet (TSV)")
    parser.add_argument("--select", nargs="+", default=["*"], help="shell patterns of model names")
    parser.add_argument(
        "--benchmarks",
        required=True,
        type=json.loads,
        help="JSON list of {measure, dataset, label_space, simulated, reason}; a reason means: no scores",
    )
    parser.add_argument("--heads", type=json.loads, default={},
                        help="JSON: model -> why its head has no scores that rest on labels")  # fmt: skip
    parser.add_argument("--logs", default="logs", help="folder of logs, searched for why a score is missing")
    parser.add_argument("--output", required=True, help="table to write (CSV)")
    parser.add_argument("--parquet", required=True, help="the same as parquet")


def empty_rows(model: str, benchmark: dict[str, Any], reason: str) -> list[dict[str, Any]]:
    """Rows without a value, one a headline metric of the measure."""
    return [
        score_row(
            model=model,
            benchmark=f"{benchmark['measure']}/{benchmark['dataset']}",
            metric=metric,
            value=None,
            status=reason,
            simulated=bool(benchmark.get("simulated")) and metric != "perturbation_tolerance",
        )
        for metric in HEADLINE[benchmark["measure"]]
    ]


def failure(logs: Path, *names: str) -> str:
    """Which stage failed and why: the last line of the newest log with an error.

    Parameters
    ----------
    logs : Path
        Holds STAGE/NAME.log and STAGE/NAME/*.log.
    *names : str
        What the missing score needed: model, weights, dataset.
    """
    errors = []
    patterns = [f"*/{glob.escape(name)}{end}" for name in names for end in (".log", "/*.log")]
    for file in (file for pattern in patterns for file in logs.glob(pattern)):
        lines = file.read_text(errors="replace").replace("\r", "\n").strip().splitlines()
        if lines and ("error: " in lines[-1] or any(line.startswith("Traceback") for line in lines)):
            errors.append((file.stat().st_mtime, f"{file.relative_to(logs).parts[0]}: {lines[-1]}"))
    return max(errors)[1] if errors else "no error in its logs: interrupted, or not run"


def why_undefined(benchmark: dict[str, Any], row: dict[str, Any], head: str | None = None) -> str | None:
    """Why the model of a row has no score on a benchmark, known before any job, or None.

    `head` is why its head has none that rest on labels. See `study.Study.undefined`.
    """
    if benchmark.get("reason"):
        return str(benchmark["reason"])
    if row["weights"] == low_level.WEIGHTS:
        return low_level.undefined(row["architecture"], benchmark["measure"])
    if benchmark.get("label_space") is None:
        return None
    return label_mismatch(row["label_space"], benchmark["label_space"], benchmark["dataset"]) or head


def gather(
    directory: Path,
    models: dict[str, dict[str, Any]],
    benchmarks: list[dict[str, Any]],
    logs: Path,
    heads: dict[str, str] | None = None,
) -> pd.DataFrame:
    """Concatenate all score files; a pair without one becomes rows with the reason.

    Parameters
    ----------
    directory : Path
        Holds MEASURE/MODEL/DATASET.csv, and tolerances/DATASET.csv.
    models : dict
        Rows of the model sheet.
    benchmarks : list of dict
        ``measure``, ``dataset``, ``label_space`` (None where labels play no part), ``simulated``,
        ``reason`` (why no model has scores on it, or None).
    heads : dict of str, optional
        Models whose head has no scores that rest on labels, and why.
    """
    heads = heads or {}
    tables = []
    for (model, row), benchmark in itertools.product(models.items(), benchmarks):
        path = directory / benchmark["measure"] / model / f"{benchmark['dataset']}.csv"
        reason = why_undefined(benchmark, row, heads.get(model))
        if reason is None and path.exists():
            tables.append(read_scores(path))
            continue
        base = row["source"] if row["weights"] == "train" else weights_id(row)
        why = reason or f"failed: {failure(logs, model, base, benchmark['dataset'])}"
        tables.append(pd.DataFrame(empty_rows(model, benchmark, why), columns=list(SCORE_COLUMNS)))
    for benchmark in benchmarks:  # tolerances of all models on a map set are in one file
        path = directory / "tolerances" / f"{benchmark['dataset']}.csv"
        if benchmark["measure"] == "attacks" and path.exists():
            together = read_scores(path)
            scored = [m for m, row in models.items() if not why_undefined(benchmark, row, heads.get(m))]
            tables.append(together[together["model"].isin(scored)])
    scores = pd.concat([table.astype(object) for table in tables], ignore_index=True)
    unknown = set(scores["metric"]) - set(METRICS)
    if unknown:
        raise InputError(f"{directory}: metric: {sorted(unknown)[0]!r} is not a known metric")
    numbers = ["value", "ci_low", "ci_high", "n", "n_excluded", "floor", "ceiling", "seed", "version"]
    scores[numbers] = scores[numbers].apply(pd.to_numeric)
    scores["simulated"] = scores["simulated"].astype(bool)
    return scores


def run(args: argparse.Namespace) -> None:
    """Write the score table as CSV and parquet."""
    models = select(read_sheet(args.sheet, "models", "model"), args.select, args.sheet)
    scores = gather(Path(args.directory), models, args.benchmarks, Path(args.logs), args.heads)
    failed = sorted(set(scores["model"][scores["status"].str.startswith("failed")]))
    for model in failed:
        print(f"visalign scores: model {model} failed")
    text = scores.select_dtypes("object").columns
    parquet = scores.copy()
    parquet[text] = parquet[text].astype("string")
    write_atomic(args.parquet, parquet.to_parquet(index=False))
    write_table(args.output, scores)
