"""Accuracy against alignment: one panel a headline measure, and the same statistics on any table.

The statistics of one cloud of models are in `trend.association`; here they meet the score table of the
pipeline, or two columns of a user's table. Columns ``parameters``, ``training_data`` and ``input_size`` of
the model sheet or of the user's table are used where they are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from visalign.errors import InputError
from visalign.io import tables
from visalign.io.files import inputs_hash, write_json
from visalign.io.scores import read_scores
from visalign.trend import multiplicity, text, verdict
from visalign.trend import panel as headlines
from visalign.trend.association import describe, too_few
from visalign.trend.columns import inner_join, numeric, read, read_pairs, without
from visalign.trend.fitted_curve import fitted_curve
from visalign.trend.overlay import on_axes, read_overlay
from visalign.trend.panel import ACCURACIES, HEADLINES, MEASURES, Headline
from visalign.trend.roles import ROLES, role_of

VERSIONS = {"trend": 6}

EXAMPLES = """\
  python -m visalign trend scores_per_model.csv --x top1 --y it_pls --label model
  python -m visalign trend neural.csv --join accuracy.csv --on model_name=model --x top1 --y score --json
  python -m visalign trend models.csv --x top1 --y tolerance --exclude training=adversarial
  python -m visalign trend --scores results/scores.csv --models config/models/embedded.tsv \\
      --accuracy accuracy/photographs --output results/trend.json
"""


def number(value: Any) -> float | None:
    """Return a float, or None for what JSON cannot hold."""
    return float(value) if value is not None and np.isfinite(value) else None


def is_true(values: Iterable[Any]) -> bool:
    """Return whether any value of a CSV's True/False column is true."""
    return any(str(value).lower() == "true" for value in values)


def coordinates(**rows: dict[str, Any]) -> dict[str, float | None]:
    """Return the values and intervals of score rows, by the axis of each, as a point."""
    return {
        f"{axis}{bound}": number(row[column])
        for axis, row in rows.items()
        for bound, column in (("", "value"), ("_low", "ci_low"), ("_high", "ci_high"))
    }


def gather(
    sheet: pd.DataFrame,
    x_rows: Mapping[str, dict],
    y_rows: Mapping[str, dict],
    names: tuple[str, str],
    roles: Sequence[str],
) -> dict[str, list[dict[str, Any]]]:
    """Return what a panel shows, each in the order of the model sheet.

    Returns
    -------
    dict
        ``points``: the models of the statistics. ``shown_only``: points of models of other roles.
        ``reference_lines``: controls that have a score and cannot have an accuracy. ``excluded``: the others,
        with their reasons.
    """
    found: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("points", "shown_only", "reference_lines", "excluded")
    }
    for row in ({str(name): cell for name, cell in row.items()} for row in sheet.to_dict("records")):
        model, role = row["model"], role_of(row)
        entry = {"model": model, "family": row["family"], "role": role}
        entry |= {"baseline": row["baseline"]} if row.get("baseline") else {}
        x, y = x_rows.get(model), y_rows.get(model)
        reasons = (headlines.missing(x), headlines.missing(y))
        if x is not None and y is not None and not any(reasons):
            found["points" if role in roles else "shown_only"].append(entry | coordinates(x=x, y=y))
        elif role == "control" and y is not None and not reasons[1]:
            found["reference_lines"].append(entry | coordinates(y=y))
        elif reasons[0] == reasons[1]:
            found["excluded"].append(entry | {"reason": reasons[0]})
        else:
            named = [f"{name}: {why}" for name, why in zip(names, reasons, strict=True) if why]
            found["excluded"].append(entry | {"reason": "; ".join(named)})
    unlisted = [model for model in y_rows if model not in set(sheet["model"])]
    found["excluded"] += [{"model": m, "family": "", "reason": "not in the model sheet"} for m in unlisted]
    return found


def covariates(table: pd.DataFrame, file: str) -> dict[str, Any]:
    """Return the covariates that a table has, as ``describe`` takes them; sides are its ``input_size``."""
    found: dict[str, Any] = {}
    for column, name in (("parameters", "parameters"), ("input_size", "sides")):
        if column in table.columns:
            found[name] = numeric(table.replace("", np.nan), column, file)
            for wrong in found[name][found[name] <= 0]:
                raise InputError(f"{file}: column {column!r}: {wrong:g} is not positive")
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


@dataclass(frozen=True)
class Settings:
    """What every panel of a study is made with."""

    accuracy: tuple[str, str]  # benchmark and metric of the x axis
    roles: Sequence[str]  # of the models that the statistics are of
    seed: int
    draws: int


def described(points: list[dict[str, Any]], rows: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    """Return the trend of points, with the covariates of their rows of the model sheet, and its curve."""
    x, y = (np.array([point[axis] for point in points]) for axis in "xy")
    names, families = ([point[field] for point in points] for field in ("model", "family"))
    drawn: dict[str, Any] = {"seed": settings.seed, "draws": settings.draws}
    columns = ("parameters", "training_data", "sides")
    given: dict[str, Any] = {name: rows[name].to_numpy() for name in columns if name in rows}
    trend = describe(x, y, names, families, **given, **drawn)
    return trend | {"fitted_curve": fitted_curve(x, y, families, **drawn)}


def panel(
    scores: pd.DataFrame,
    sheet: pd.DataFrame,
    headline: Headline,
    benchmark: str,
    overlay: dict[str, Any] | None,
    settings: Settings,
) -> dict[str, Any]:
    """Return one panel: its models, by what they are to it, and the trend where there are points enough.

    Parameters
    ----------
    sheet : DataFrame
        model, family, and what `covariates` makes of it.
    overlay : dict, optional
        Published points of the measure, to be shown.
    """
    headline = headlines.scaled(scores, headline, benchmark)
    x_benchmark, x_metric = settings.accuracy
    x_rows = headlines.select(scores, *settings.accuracy, "proportion")
    y_rows = headlines.select(scores, benchmark, headline.metric, headline.convention)
    found = gather(sheet, x_rows, y_rows, (f"{x_benchmark} {x_metric}", headline.metric), settings.roles)
    points = found["points"]
    rows = sheet.set_index("model").loc[[point["model"] for point in points]]
    reason = too_few(len(points))
    trend = None if reason else described(points, rows, settings)
    sources = [source(x_benchmark, x_rows.values()), source(benchmark, y_rows.values())]
    title = headlines.title(headline, benchmark)
    return {
        "measure": headline.measure,
        "title": title,
        "subtitle": " ".join(benchmark.split("/")[1:]).replace("_", " "),
        "benchmark": benchmark,
        "metric": headline.metric,
        "convention": headline.convention,
        "simulated": any(axis["simulated"] for axis in sources),
        "sources": sources,
        "x_label": f"{ACCURACIES[x_metric]}, {x_benchmark.split('/', 1)[-1]}",
        "y_label": f"{title}: {headline.label}",
        "n": len(points),
        **found,
        "overlay": overlay and on_axes(overlay, x_metric, headline.convention),
        "trend": trend,
        "reason": reason,
        "sides": text.of_sides(rows["sides"].to_numpy(), trend) if "sides" in rows else "",
    }


def panels(
    scores: pd.DataFrame,
    sheet: pd.DataFrame,
    overlays: Mapping[str, dict[str, Any]],
    settings: Settings,
    confirmatory: str | None = None,
) -> list[dict[str, Any]]:
    """Return the panels of all headline measures: each has at least one, with or without values."""
    found = [
        panel(scores, sheet, headline, benchmark, overlays.get(headline.measure), settings)
        for headline in HEADLINES
        for benchmark in headlines.benchmarks(scores, headline)
    ]
    multiplicity.adjust(found, confirmatory)
    for trend in (panel["trend"] for panel in found if panel["trend"]):
        trend["verdict"] = verdict.of_trend(trend)  # of adjusted p, which take all panels
    return found


def run_pipeline(args: argparse.Namespace) -> None:
    """Write the panels of a score table as JSON."""
    scores = read_scores(args.scores)
    sheet = tables.read_table(args.models, required=("model",), dtype=str, keep_default_na=False).fillna("")
    if "family" not in sheet:
        sheet["family"] = ""  # each model is one of its own
    for path, table in ((args.scores, scores), (args.models, sheet)):
        if table.empty:
            raise InputError(f"{path}: no rows")
        table["model"] = tables.words(table, "model", path)
    for model in sheet["model"][sheet["model"].duplicated()]:
        raise InputError(f"{args.models}: model {model!r} has two rows")
    if args.accuracy not in set(scores["benchmark"]):
        there = sorted(name for name in set(scores["benchmark"]) if name.startswith("accuracy/"))
        raise InputError(
            f"{args.scores}: no row of the x axis, {args.accuracy!r} (there: {', '.join(there)})"
        )
    if args.sides:
        sheet["input_size"] = [str(args.sides.get(model, "")) for model in sheet["model"]]
    sheet = sheet.assign(**covariates(sheet, args.models))
    overlays = read_overlay(args.overlay, MEASURES) if args.overlay else {}
    settings = Settings((args.accuracy, args.metric), args.roles, args.seed, args.bootstrap)
    write_json(
        args.output,
        {
            "version": VERSIONS["trend"],
            "seed": args.seed,
            "bootstrap": args.bootstrap,
            "confidence": 0.95,
            "accuracy": {"benchmark": args.accuracy, "metric": args.metric, "convention": "proportion"},
            "roles": args.roles,
            "inputs_hash": inputs_hash(args.scores, args.models),
            "panels": panels(scores, sheet, overlays, settings, args.confirmatory),
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


def run_table(args: argparse.Namespace) -> None:
    """Print the trend of two columns of any table."""
    answer = of_table(args)
    print(
        json.dumps(answer, indent=1, allow_nan=False, ensure_ascii=False)
        if args.json
        else text.as_text(answer)
    )


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
    option("--metric", choices=ACCURACIES, default="top1", help="metric of the x axis (%(default)s)")
    option("--roles", nargs="+", choices=ROLES, default=["model"],
           help="roles of the models that enter the statistics; others are only shown (model)")  # fmt: skip
    option(
        "--sides", type=json.loads, metavar="JSON", help="input side of each model in pixels: {model: side}"
    )
    option("--confirmatory", metavar="BENCHMARK", help="the one panel whose p values are not adjusted")
    option("--overlay", type=json.loads, metavar="JSON",
           help="published points to show: trend.overlay of the config")  # fmt: skip
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
