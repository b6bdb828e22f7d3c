"""Stage tolerances: perturbation tolerances of all models of a map set, in one frame and on the same images.

The stage attacks sees one model at a time: an L2 norm grows with the input, and every model has images of
its own. Here norms are root mean squares per input value (L2 / √d), and the tables of all models are read
together, for two conventions of ``perturbation_tolerance``: ``rms/image_effects``, the median of what image
effects leave (`image_effects`), and ``rms/common_images``, the median over the images that every model names
correctly.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from visalign.attacks import image_effects, masking
from visalign.attacks.image_effects import Sizes
from visalign.errors import InputError
from visalign.io.files import inputs_hash
from visalign.io.scores import score_row, write_scores
from visalign.io.tables import read_table
from visalign.stats import bootstrap
from visalign.study.options import at_least

VERSIONS = {"tolerances": 1}
EXAMPLES = """\
  python -m visalign tolerances --directory results/attacks --dataset clickme --models lite0 lite1 lite2 \\
      --output results/tolerances/clickme.csv
"""
#: Fewer images than these that all models name correctly are too few for a score.
MIN_COMMON = 20
CONVENTIONS = ("rms/image_effects", "rms/common_images")
#: Columns of a per-image table of the stage attacks that are read.
COLUMNS = ("stimulus_id", "rms", "clean_correct", *masking.SIGNS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign tolerances``."""
    parser.add_argument(
        "--directory", required=True, help="holds MODEL/DATASET_images.csv of the stage attacks"
    )
    parser.add_argument("--dataset", required=True, help="name of the map set")
    parser.add_argument("--models", nargs="+", required=True, help="models whose tables are read")
    parser.add_argument(
        "--target", choices=["label", "superclass"], default="label", help="what had to change"
    )
    parser.add_argument("--bootstrap", type=at_least(1), default=2000, help="bootstrap draws over images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", required=True, help="score rows to write (CSV)")


def read(path: Path) -> pd.DataFrame:
    """Read the per-image table of one model."""
    table = read_table(path, COLUMNS, dtype={"stimulus_id": str, "clean_correct": str})
    table = table[list(COLUMNS)]
    for column in ("success", "gradient_vanished", "reproduced"):
        if table[column].dtype != bool:
            raise InputError(f"{path}: column {column!r}: not all True or False")
    return table.assign(clean_correct=table["clean_correct"] == "True")


def gather(tables: dict[str, pd.DataFrame], where: str) -> tuple[Sizes, dict[str, str]]:
    """Sizes of all models on all images, and why some models take no part.

    Returns
    -------
    (sizes, reasons) : Sizes, dict of str
        Rows of `sizes` are models in the order of `tables`; those with a reason have no sizes.
    """
    ids = next(iter(tables.values()))["stimulus_id"]
    log, censored = np.full((len(tables), len(ids)), np.nan), np.zeros((len(tables), len(ids)), bool)
    reasons = {}
    for row, (model, table) in enumerate(tables.items()):
        if list(table["stimulus_id"]) != list(ids):
            raise InputError(
                f"{where}: {model}: stimulus_id: other stimuli than those of {next(iter(tables))}"
            )
        clean, success = table["clean_correct"].to_numpy(), table["success"].to_numpy()
        attacked = {name: table[name].to_numpy()[clean] for name in masking.SIGNS}
        if not clean.any():
            reasons[model] = "no clean-correct image to attack"
        elif reason := masking.reason(attacked):
            reasons[model] = reason
        elif not success.any():
            reasons[model] = f"undefined: {clean.sum()} of {clean.sum()} censored"
        else:
            log[row, success] = np.log(table["rms"].to_numpy()[success])
            censored[row] = clean & ~success
    return Sizes(log, censored), reasons


def entries(
    sizes: Sizes, models: list[str], reasons: dict[str, str], *, seed: int, draws: int
) -> Iterator[dict[str, Any]]:
    """Yield score entries of every model under both conventions.

    Parameters
    ----------
    sizes : Sizes
        Root mean squares, rows as `models`.
    reasons : dict of str
        Why a model takes no part.
    """
    used = image_effects.connected(sizes.found)
    # an image that one model alone names correctly tells nothing of how models differ
    shared = sizes.found[used].sum(axis=0) > 1
    kept = sizes.of(used, shared)
    common = kept.attacked.all(axis=0)
    few = f"{common.sum()} images common to all {used.sum()} models, fewer than {MIN_COMMON}"
    if used.any():
        values, sample = image_effects.tolerances(kept), image_effects.draws(kept, seed, draws)
    at = 0
    for row, model in enumerate(models):
        for which, convention in enumerate(CONVENTIONS):
            n = int(kept.attacked[at, common if which else slice(None)].sum()) if used[row] else 0
            n_excluded = int(sizes.attacked[row].sum()) - n
            entry = {
                "model": model,
                "convention": convention,
                "value": None,
                "n": n,
                "n_excluded": n_excluded,
            }
            if not used[row]:
                yield entry | {"status": reasons.get(model, "shares no image with the other models")}
                continue
            too_few = which == 1 and n < MIN_COMMON
            yield entry | (
                {"status": few} if too_few else summary(values[which, at], sample[which, :, at], n)
            )
        at += used[row]


def summary(log: float, sample: np.ndarray, n: int) -> dict[str, Any]:
    """Value and interval of a model from log sizes; bounds that a censored image decides are None."""
    if np.isinf(log):
        return {"status": "undefined: at least half of the images censored"}
    low, high = np.exp(bootstrap.expanded_interval(sample, n))
    return {"value": float(np.exp(log)), "ci_low": known(low), "ci_high": known(high)}


def known(bound: float) -> float | None:
    """Return a bound, or None where there is none."""
    return float(bound) if np.isfinite(bound) else None


def run(args: argparse.Namespace) -> None:
    """Write the score rows of all models of one map set."""
    paths = {model: Path(args.directory) / model / f"{args.dataset}_images.csv" for model in args.models}
    sizes, reasons = gather({model: read(path) for model, path in paths.items()}, args.directory)
    common = {
        "benchmark": f"attacks/{args.dataset}" + (f"/{args.target}" if args.target != "label" else ""),
        "metric": "perturbation_tolerance",
        "simulated": False,  # the images are real whatever the maps are
        "seed": args.seed,
        "version": VERSIONS["tolerances"],
        "inputs_hash": inputs_hash(*paths.values()),
    }
    found = entries(sizes, args.models, reasons, seed=args.seed, draws=args.bootstrap)
    write_scores(args.output, [score_row(**common, **entry) for entry in found])
