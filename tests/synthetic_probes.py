"""Score rows of probes with the layout of a real run: tasks above their floor and at it, pixels, people."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import synthetic_scores
from score_rows import score_row

from visalign.io.scores import SCORE_COLUMNS

#: Task -> images, accuracy of a model that is right in no and in all photographs, whether people answered.
TASKS = {
    "depth": (120, 0.2, 0.95, True),
    "vpt-basic": (120, 0.5, 0.52, True),
    "pathfinder/all": (96, 0.5, 0.55, True),
    "pathfinder/3": (48, 0.5, 0.58, False),
    "pathfinder/6": (48, 0.5, 0.5, False),
    "cluttered-letters": (48, 0.48, 0.6, False),
    "svrt-01": (48, 0.5, 0.75, False),
    "svrt-04": (48, 0.6, 1.0, False),
    "svrt-15": (48, 0.5, 0.7, False),
    "svrt-22": (48, 0.5, 0.66, False),
}


def rows(tasks: Iterable[str] = TASKS, *, simulated_people: bool = True, seed: int = 1) -> pd.DataFrame:
    """Return the rows of all models of the synthetic study."""
    rng = np.random.default_rng(seed)
    table = synthetic_scores.score_table()
    top1 = table[table["metric"] == "top1"].set_index("model")["value"]
    found = []
    for model, accuracy in top1.items():
        for task in tasks:
            n, low, high, people = TASKS[task]
            share = rng.binomial(n, low + (high - low) * (accuracy if accuracy == accuracy else 0.5)) / n
            error = 1.96 * np.sqrt(share * (1 - share) / n)
            about = {
                "model": model,
                "benchmark": f"probes/tasks/{task}",
                "convention": "proportion",
                "n": n,
                "seed": 0,
                "version": 2,
            }
            own = {"ci_low": share - error, "ci_high": share + error, "floor": 0.5, "layer": "pre_logits"}
            spread = 0.98 / np.sqrt(n)
            found += [
                score_row(metric="probe_accuracy", value=share, **about, **own),
                score_row(
                    metric="permuted_accuracy",
                    value=0.5 + rng.normal(0, 0.003),
                    ci_low=0.5 - spread,
                    ci_high=0.5 + spread,
                    **about,
                ),
                score_row(metric="pixel_accuracy", value=0.5 + (0.06 if task == "svrt-22" else 0), **about),
                score_row(
                    metric="statistics_accuracy", value=0.52 + (0.2 if task == "svrt-04" else 0), **about
                ),
            ]
            if people:
                found.append(
                    score_row(metric="people_accuracy", value=0.9, simulated=simulated_people, **about)
                )
    return pd.DataFrame(found, columns=list(SCORE_COLUMNS))


def with_probes(**settings: object) -> pd.DataFrame:
    """Return the score table of the synthetic study, and its probes."""
    return pd.concat([synthetic_scores.score_table(), rows(**settings)], ignore_index=True)
