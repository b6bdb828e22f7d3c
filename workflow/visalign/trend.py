"""Accuracy against alignment: one panel a headline measure, and the same statistics on any table.

The statistics of one cloud of models are ``visalign.association``; here they meet the score table of the
pipeline, or two columns of a user's table. Columns ``parameters`` and ``training_data`` of the model sheet or
of the user's table are used where they are.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from visalign import tables, verdict
from visalign.association import describe, too_few
from visalign.errors import InputError
from visalign.fitted_curve import fitted_curve
from visalign.joined import inner_join, numeric, read, read_pairs, without
from visalign.overlays import read_overlay

VERSION = 5

EXAMPLES = """\
  python -m visalign trend scores_per_model.csv --x top1 --y it_pls --label model
  python -m visalign trend neural.csv --join accuracy.csv --on model_name=model --x top1 --y score --json
  python -m visalign trend models.csv --x top1 --y tolerance --exclude training=adversarial
  python -m visalign trend --scores results/scores.csv --models config/models/embedded.tsv \\
      --accuracy accuracy/photographs --output results/trend.json
"""


@dataclass(frozen=True)
class Headline:
    """The one metric and convention by which a measure enters the accuracy-versus-alignment figure."""

    measure: str
    stage: str
    title: str
    metric: str
    convention: str
    label: str


CORRECTED = "(ρ − floor) / (A − F / A)"
#: The measures of the combined figure, in panel order.
HEADLINES = (
    Headline("neural", "neural", "Neural predictivity", "pls", "r2/c", "explained variance r²/c"),
    Headline("clickme", "clickme", "ClickMe alignment", "spearman", "floor_corrected", CORRECTED),
    Headline(
        *("adversarial_alignment", "attacks", "Adversarial alignment"),
        *("adversarial_alignment", "floor_corrected", CORRECTED),
    ),
    Headline(
        *("perturbation_tolerance", "attacks", "Perturbation tolerance"),
        *("perturbation_tolerance", "l2", "mean smallest L2 norm"),
    ),
)
MEASURES = tuple(headline.measure for headline in HEADLINES)


def select(scores: pd.DataFrame, benchmark: str, metric: str, convention: str) -> dict[str, dict[str, Any]]:
    """Return model -> score row of one benchmark, metric and convention.

    A model without such a row may have one that says why: of the dataset instead of its region and window
    (the model failed before they were read), without a convention, or of another metric. That row then
    stands in, without a value.
    """
    here = scores[[f"{benchmark}/".startswith(f"{name}/") for name in scores["benchmark"]]]
    of_metric = here[here["metric"] == metric]
    exact = of_metric[(of_metric["convention"] == convention) & (of_metric["benchmark"] == benchmark)]
    twice = exact["model"][exact["model"].duplicated()]
    if len(twice):
        where = f"{benchmark} {metric} {convention}"
        raise InputError(f"score table: model {twice.iloc[0]!r} has two rows of {where}")
    elsewhere = of_metric[of_metric["status"] == "ok"].assign(status=f"no {convention} value")
    failed = here[here["status"] != "ok"]
    reasons = pd.concat([elsewhere, failed, failed[failed["metric"] == metric]]).assign(value=np.nan)
    return {str(row["model"]): dict(row) for part in (reasons, exact) for _, row in part.iterrows()}


def missing(row: dict[str, Any] | None) -> str:
    """Return why a score row has no value, or '' when it has one."""
    if row is None:
        return "no row in the score table"
    if np.isfinite(row["value"]):  # its status may say more, such as how many images are censored
        return ""
    return "no finite value" if row["status"] == "ok" else str(row["status"])


def number(value: Any) -> float | None:
    """Return a float, or None for what JSON cannot hold."""
    return float(value) if value is not None and np.isfinite(value) else None


def is_true(values: Iterable[Any]) -> bool:
    """Return whether any value of a CSV's True/False column is true."""
    return any(str(value).lower() == "true" for value in values)


def coordinates(x: dict[str, Any], y: dict[str, Any]) -> dict[str, float | None]:
    """Return the values and intervals of two score rows as a point."""
    return {
        f"{axis}{bound}": number(row[column])
        for axis, row in (("x", x), ("y", y))
        for bound, column in (("", "value"), ("_low", "ci_low"), ("_high", "ci_high"))
    }


def gather(
    sheet: pd.DataFrame, x_rows: dict[str, dict], y_rows: dict[str, dict], names: tuple[str, str]
) -> tuple[list[dict], list[dict]]:
    """Return (points, excluded models with their reasons), in the order of the model sheet."""
    points, excluded = [], []
    baselines = sheet.get("baseline", pd.Series("", sheet.index))
    for model, family, baseline in zip(sheet["model"], sheet["family"], baselines, strict=True):
        x, y = x_rows.get(model), y_rows.get(model)
        reasons = (missing(x), missing(y))
        entry = {"model": model, "family": family} | ({"baseline": baseline} if baseline else {})
        if x is not None and y is not None and not any(reasons):
            points.append(entry | coordinates(x, y))
        elif reasons[0] == reasons[1]:
            excluded.append(entry | {"reason": reasons[0]})
        else:
            named = [f"{name}: {why}" for name, why in zip(names, reasons, strict=True) if why]
            excluded.append(entry | {"reason": "; ".join(named)})
    unlisted = [model for model in y_rows if model not in set(sheet["model"])]
    excluded += [{"model": model, "family": "", "reason": "not in the model sheet"} for model in unlisted]
    return points, excluded


def covariates(table: pd.DataFrame, file: str) -> dict[str, Any]:
    """Return the columns ``parameters`` and ``training_data``, where a table has them, for ``describe``."""
    found: dict[str, Any] = {}
    if "parameters" in table.columns:
        found["parameters"] = numeric(table.replace("", np.nan), "parameters", file)
        for wrong in found["parameters"][found["parameters"] <= 0]:
            raise InputError(f"{file}: column 'parameters': {wrong:g} is not positive")
    if "training_data" in table.columns:
        found["training_data"] = table["training_data"].fillna("").astype(str).to_numpy(dtype=object)
    return found


def covariates_of_pairs(args: argparse.Namespace) -> dict[str, Any]:
    """Return the covariates of the rows that ``read_pairs`` keeps, in its order."""
    table = inner_join(args.table, args.join, args.on)[0] if args.join else read(args.table)
    kept = without(table, args.exclude, args.table)
    used = np.isfinite([numeric(kept, name, args.table) for name in (args.x, args.y)]).all(axis=0)
    return covariates(kept.iloc[np.flatnonzero(used)], args.table)


def source(benchmark: str, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return where the values of an axis come from: benchmark, simulated, stage versions and seeds."""
    table = pd.DataFrame(list(rows), columns=["simulated", "version", "seed"])
    numbers = {field: sorted({int(n) for n in table[field].dropna()}) for field in ("version", "seed")}
    return {
        "benchmark": benchmark,
        "simulated": is_true(table["simulated"]),
        "versions": numbers["version"],
        "seeds": numbers["seed"],
    }


def in_order(benchmark: str) -> list[str | int]:
    """Return a sorting key by which numbers count as such: the window 51-90 comes before 131-170."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", benchmark)]


def benchmarks(scores: pd.DataFrame, headline: Headline) -> list[str]:
    """Return the benchmarks that have a headline's metric, sorted; [''] where there is none.

    A benchmark above another (``neural/DATASET`` of a model that failed before regions and windows were
    read, above ``neural/DATASET/IT/70-170/whole_image``) is not one of its own.
    """
    of_stage = scores[scores["benchmark"].str.split("/").str[0] == headline.stage]
    with_metric = of_stage[of_stage["metric"] == headline.metric]
    names = sorted(set((with_metric if len(with_metric) else of_stage)["benchmark"]), key=in_order)
    return [n for n in names if not any(other.startswith(f"{n}/") for other in names)] or [""]


def scaled(scores: pd.DataFrame, headline: Headline, benchmark: str) -> Headline:
    """Return a headline in the convention of a benchmark: r where no score is divided by a reliability."""
    rows = scores[(scores["benchmark"] == benchmark) & (scores["metric"] == headline.metric)]
    found = set(rows["convention"])
    if headline.stage == "neural" and headline.convention not in found and "r" in found:
        return replace(headline, convention="r", label="Pearson r (reliability not known)")
    return headline


def title(headline: Headline, benchmark: str) -> str:
    """Return the title of a panel: of neurons, the predictivity of the regions that were recorded."""
    if headline.stage != "neural":
        return headline.title
    return verdict.of_regions("".join(benchmark.split("/")[2:3]).split("+"))


def panel(
    scores: pd.DataFrame,
    sheet: pd.DataFrame,
    headline: Headline,
    benchmark: str,
    accuracy: tuple[str, str],
    *,
    overlay: dict[str, Any] | None,
    seed: int,
    draws: int,
) -> dict[str, Any]:
    """Return one panel: points, excluded models, and the trend where there are points enough.

    `overlay`, published points of the measure, is handed on as it is.
    """
    headline = scaled(scores, headline, benchmark)
    x_rows = select(scores, *accuracy, "proportion")
    y_rows = select(scores, benchmark, headline.metric, headline.convention)
    points, excluded = gather(sheet, x_rows, y_rows, (f"{accuracy[0]} {accuracy[1]}", headline.metric))
    place = " ".join(benchmark.split("/")[1:]).replace("_", " ")
    reason = too_few(len(points))
    trend = None
    if not reason:
        x, y = (np.array([point[axis] for point in points]) for axis in "xy")
        names, families = ([point[field] for point in points] for field in ("model", "family"))
        rows = sheet.set_index("model").loc[names]
        given: dict[str, Any] = {c: rows[c].to_numpy() for c in ("parameters", "training_data") if c in rows}
        trend = describe(x, y, names, families, **given, seed=seed, draws=draws)
        trend["fitted_curve"] = fitted_curve(x, y, families, seed=seed, draws=draws)
    sources = [source(accuracy[0], x_rows.values()), source(benchmark, y_rows.values())]
    return {
        "measure": headline.measure,
        "title": title(headline, benchmark),
        "subtitle": place,
        "benchmark": benchmark,
        "metric": headline.metric,
        "convention": headline.convention,
        "simulated": any(axis["simulated"] for axis in sources),
        "sources": sources,
        "x_label": f"{accuracy[1].replace('top', 'top-')} accuracy, {accuracy[0].split('/', 1)[-1]}",
        "y_label": f"{title(headline, benchmark)}: {headline.label}",
        "n": len(points),
        "points": points,
        "excluded": excluded,
        "overlay": overlay,
        "trend": trend,
        "reason": reason,
    }


def panels(
    scores: pd.DataFrame,
    sheet: pd.DataFrame,
    accuracy: tuple[str, str],
    overlays: dict[str, dict[str, Any]],
    *,
    seed: int,
    draws: int,
) -> list[dict[str, Any]]:
    """Return the panels of all headline measures: each has at least one, with or without values."""

    def of(headline: Headline, benchmark: str) -> dict[str, Any]:
        overlay = overlays.get(headline.measure)
        return panel(scores, sheet, headline, benchmark, accuracy, overlay=overlay, seed=seed, draws=draws)

    return [of(headline, benchmark) for headline in HEADLINES for benchmark in benchmarks(scores, headline)]


def run_pipeline(args: argparse.Namespace) -> None:
    """Write the panels of a score table as JSON."""
    scores = tables.read_scores(args.scores)
    sheet = tables.read_table(args.models, required=("model",), dtype=str, keep_default_na=False)
    if "family" not in sheet:
        sheet["family"] = ""  # each model is one of its own
    for path, table in ((args.scores, scores), (args.models, sheet)):
        if table.empty:
            raise InputError(f"{path}: no rows")
        table["model"] = tables.words(table, "model", path)
    for model in sheet["model"][sheet["model"].duplicated()]:
        raise InputError(f"{args.models}: model {model!r} has two rows")
    sheet = sheet.assign(**covariates(sheet, args.models))
    overlays = read_overlay(args.overlay, MEASURES) if args.overlay else {}
    accuracy = (args.accuracy, args.metric)
    tables.write_json(
        args.output,
        {
            "version": VERSION,
            "seed": args.seed,
            "bootstrap": args.bootstrap,
            "confidence": 0.95,
            "accuracy": {"benchmark": args.accuracy, "metric": args.metric, "convention": "proportion"},
            "inputs_hash": tables.inputs_hash(args.scores, args.models),
            "panels": panels(scores, sheet, accuracy, overlays, seed=args.seed, draws=args.bootstrap),
        },
    )


def of_table(args: argparse.Namespace) -> dict[str, Any]:
    """Return the trend of two columns of any table, with what was left out of it."""
    pairs = read_pairs(
        args.table,
        args.x,
        args.y,
        join=args.join,
        on=args.on,
        label=args.label,
        family=args.family,
        exclude=args.exclude,
    )
    anchor = None
    if args.anchor:
        if args.anchor not in pairs.names:
            raise InputError(f"--anchor {args.anchor!r}: no such point among the {len(pairs.names)} used")
        anchor = pairs.names.index(args.anchor)
    reason, given = too_few(len(pairs.x)), covariates_of_pairs(args)
    try:
        found = (
            None
            if reason
            else describe(
                pairs.x,
                pairs.y,
                pairs.names,
                pairs.families,
                **given,
                seed=args.seed,
                draws=args.bootstrap,
                anchor=anchor,
            )
        )
    except ValueError as error:
        raise InputError(f"--anchor {args.anchor!r}: {error}") from None
    columns = (pairs.names, pairs.families, pairs.x.tolist(), pairs.y.tolist())
    return {
        "x": args.x,
        "y": args.y,
        "n": len(pairs.x),
        "n_unmatched": pairs.n_unmatched,
        "n_missing": pairs.n_missing,
        "n_excluded": pairs.n_excluded,
        "points": [{"model": m, "family": f, "x": x, "y": y} for m, f, x, y in zip(*columns, strict=True)],
        "trend": found,
        "reason": reason,
    }


def interval_text(estimate: dict[str, Any], name: str) -> str:
    """Return the interval ``name_low``, ``name_high`` as text, '' where there is none."""
    low, high = estimate[f"{name}_low"], estimate[f"{name}_high"]
    return "" if low is None else f" [{low:+.3f}, {high:+.3f}]"


def correlation_text(part: dict[str, Any]) -> str:
    """Return a correlation with its intervals as text."""
    if part["value"] is None:
        return f"too few points or constant (n = {part['n']})"
    by_family = interval_text(part, "family_ci")
    by_family = by_family and f", over families{by_family}"
    return f"{part['value']:+.3f}{interval_text(part, 'ci')}{by_family} (n = {part['n']})"


def estimate_text(estimate: dict[str, Any]) -> str:
    """Return a number with its interval over families as text."""
    value = "undefined" if estimate["value"] is None else f"{estimate['value']:+.3f}"
    return value + interval_text(estimate, "family_ci")


def pieces_text(trend: dict[str, Any]) -> list[str]:
    """Return the regressions of a trend as lines to read."""
    lines = []
    pieces = trend["segmented"]
    if pieces:
        parts = [
            f"{name.replace('_', ' ')} {pieces[name]:.4g}{interval_text(pieces, name)}"
            for name in ("changepoint", "slope_below", "slope_beyond")
        ]
        lines.append("two-piece regression: " + ", ".join(parts))
    for shape, fit in (trend["shapes"] or {}).items():
        bic = "none (perfect fit)" if fit["bic"] is None else f"{fit['bic']:.1f}"
        error = "none (one family)" if fit["cv_rmse"] is None else f"{fit['cv_rmse']:.4g}"
        lines.append(f"{shape}: BIC {bic}, cross-validated error {error} (descriptive)")
    if trend["adjusted"]:
        partial = estimate_text(trend["adjusted"]["partial"])
        lines.append(f"Spearman's rho given the covariates: {partial} (n = {trend['adjusted']['n']})")
        betas = trend["adjusted"]["betas"].items()
        lines += [f"standardised coefficient, {name}: {estimate_text(beta)}" for name, beta in betas]
    if trend["power_law"]:
        law = trend["power_law"]
        lines.append(f"power law of parameters: exponent {estimate_text(law['exponent'])} (n = {law['n']})")
    return lines


def as_text(answer: dict[str, Any]) -> str:
    """Return the trend of a table as lines to read."""
    lines = [
        f"{answer['y']} against {answer['x']}: n = {answer['n']}",
        f"left out: {answer['n_missing']} rows with an empty or not finite value, "
        f"{answer['n_unmatched']} without a partner in the joined table, "
        f"{answer['n_excluded']} excluded on request",
    ]
    trend = answer["trend"]
    if trend is None:
        points = [f"  {p['model']}: {p['x']:g}, {p['y']:g}" for p in answer["points"]]
        return "\n".join([*lines, f"no trend: {answer['reason']}", *points])
    lines.append(trend["verdict"])
    for name, key in (("Spearman's rho", "spearman"), ("Pearson's r", "pearson")):
        parts = [(part, trend[key][part]) for part in ("overall", "below", "above")]
        parts += [(f"family {family}", part) for family, part in trend[key]["by_family"].items()]
        lines += [f"{name}, {where}: {correlation_text(part)}" for where, part in parts]
    peak = trend["changepoint"]
    place = f"{peak['model']}, {peak['x']:.4g}, {peak['y']:.4g}"
    lines.append(f"changepoint (the highest point; any data has one): {place}")
    for name in ("rising", "falling"):
        drawn = trend[name]
        equation = f"y = {drawn['slope']:.3f} x {drawn['intercept']:+.3f} ({drawn['rule']})" if drawn else ""
        lines.append(f"{name} line: {equation or 'none, no point on that side'}")
    lines.append("envelope: " + ", ".join(point["model"] for point in trend["envelope"]))
    return "\n".join(lines + pieces_text(trend))


def run_table(args: argparse.Namespace) -> None:
    """Print the trend of two columns of any table."""
    answer = of_table(args)
    print(json.dumps(answer, indent=1, allow_nan=False, ensure_ascii=False) if args.json else as_text(answer))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of both uses: any table, and the pipeline's score table."""
    table = parser.add_argument_group("any table (answer on standard output)")
    option = table.add_argument
    option("table", nargs="?", metavar="TABLE", help="CSV or TSV, one row a model")
    option("--x", metavar="COL", help="column of the accuracies")
    option("--y", metavar="COL", help="column of the alignments")
    option("--join", metavar="OTHER", help="second table; only rows in both are used")
    option("--on", metavar="LEFT[=RIGHT]", help="columns that match the rows of the two tables")
    option("--label", metavar="COL", help="column that names the points (default: the key, or model)")
    option("--family", metavar="COL", help="column of model families: intervals over them")
    option("--exclude", metavar="COL=VALUE", action="append", default=[], help="leave rows out; repeatable")
    option("--anchor", metavar="MODEL", help="draw the falling line to this point instead")
    option("--json", action="store_true", help="print JSON instead of text")
    pipeline = parser.add_argument_group("score table of the pipeline (answer in a file)")
    option = pipeline.add_argument
    option("--scores", metavar="CSV", help="score table of every model and measure")
    option("--models", metavar="TSV", help="model sheet (columns model, family)")
    option("--accuracy", default="accuracy/photographs", metavar="BENCHMARK", help="x axis (%(default)s)")
    option("--metric", default="top1", help="metric of the x axis (%(default)s)")
    option("--overlay", type=json.loads, metavar="JSON",
           help="published points to show: {table, model, x, y: {measure: column}}")  # fmt: skip
    option("--output", type=Path, metavar="JSON", help="panels, for figures and report")
    both = parser.add_argument_group("both uses")
    both.add_argument("--seed", type=int, default=0, help="seed of the bootstrap (%(default)s)")
    both.add_argument("--bootstrap", type=int, default=2000, metavar="DRAWS", help="draws (%(default)s)")


def run(args: argparse.Namespace) -> None:
    """Run on a table, or on the pipeline's score table."""
    if args.bootstrap < 1:
        raise InputError(f"--bootstrap {args.bootstrap}: give at least 1")
    needed = ("x", "y") if args.table else ("scores", "models", "output")
    for name in needed:
        if getattr(args, name) is None:
            other = "" if args.table else " (or give a TABLE with --x and --y)"
            raise InputError(f"--{name} is missing{other}")
    if args.table and args.scores:
        raise InputError(f"give either a table ({args.table}) or --scores ({args.scores}), not both")
    (run_table if args.table else run_pipeline)(args)
