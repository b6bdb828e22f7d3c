"""A small score table and model sheet with the layout of a real run: 15 models, four measures, failures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from score_rows import score_row

from visalign.cli import main
from visalign.io import tables
from visalign.io.files import read_json
from visalign.io.scores import SCORE_COLUMNS
from visalign.stats import correlations

IT = "neural/scenes/IT/70-170/whole_image"
LAYERS = [f"blocks.{i}" for i in range(7)] + ["conv_head"]
FAILED = "weights file has wrong sha256"
UNDEFINED = "no correctly classified image to attack"


def model_sheet() -> pd.DataFrame:
    """Return three nets at four input sizes, and untrained, as controls: 15 models of two families a net."""
    rows = []
    for net in range(3):
        for suffix in ("", "_160", "_112", "_80", "_untrained"):
            rows.append(
                {
                    "model": f"tf_efficientnet_lite{net}{suffix}",
                    "architecture": f"tf_efficientnet_lite{net}",
                    "weights": "random" if "untrained" in suffix else "package",
                    "family": "untrained" if "untrained" in suffix else f"EfficientNet-Lite{net}",
                    "input_size": suffix.strip("_") if suffix[1:].isdigit() else "224",
                }
            )
    return pd.DataFrame(rows).astype(str)


def _rows(model: str, trained: bool, accuracy: float, rng: np.random.Generator) -> list[dict]:
    def score(benchmark: str, metric: str, convention: str, value: float | None, **more: object) -> dict:
        half = 0.03 + 0.02 * rng.random()
        bounds = {} if value is None else {"ci_low": value - half, "ci_high": value + half}
        common = {"n": 20, "simulated": True, "seed": 0, "version": 1, "inputs_hash": "0123456789abcdef"}
        return score_row(
            model=model,
            benchmark=benchmark,
            metric=metric,
            convention=convention,
            value=value,
            **(common | bounds | more),
        )

    it = (0.75 + 0.2 * accuracy if trained else 0.45) + 0.02 * rng.standard_normal()
    curve = it - 0.06 * np.abs(np.arange(len(LAYERS)) - 4)
    rows = [
        score(
            "accuracy/photographs",
            metric,
            "proportion",
            hits / 20,
            simulated=False,
            ci_low=correlations.wilson(hits, 20)[0],
            ci_high=correlations.wilson(hits, 20)[1],
        )
        for metric, hits in (("top1", round(20 * accuracy)), ("top5", min(20, round(20 * accuracy) + 2)))
    ]
    rows += [
        score(IT, "pls", "r2/c", it, floor=0.02, ceiling=0.8, layer="blocks.4", n_excluded=2),
        score(IT, "pls", "r", float(np.sqrt(it * 0.8)), floor=0.03, ceiling=0.894, layer="blocks.4"),
    ]
    rows += [score(IT, "pls_layer", "r2/c", v, layer=name) for v, name in zip(curve, LAYERS, strict=True)]
    rho = 0.35 - 0.3 * (accuracy - 0.5) ** 2 + 0.03 * rng.standard_normal()
    rows += [
        score("clickme/photographs", "spearman", "floor_corrected", rho, floor=0.0, ceiling=1.0),
        score("clickme/photographs", "spearman", "rho", 0.21 + rho * 0.45, floor=0.21, ceiling=0.66),
    ]
    attacked = trained and accuracy > 0.2
    status = {} if attacked else {"status": UNDEFINED}
    for metric, convention, value, real in (
        ("adversarial_alignment", "floor_corrected", 0.3 * rng.random(), False),
        ("perturbation_tolerance", "rms/image_effects", 0.05 + 0.1 * accuracy * rng.uniform(0.6, 1), True),
    ):
        value = value if attacked else None
        rows.append(score("attacks/photographs", metric, convention, value, simulated=not real, **status))
    return rows


def score_table(seed: int = 0) -> pd.DataFrame:
    """Return the score rows of all models; lite2_80 failed everywhere, untrained nets cannot be attacked."""
    rng = np.random.default_rng(seed)
    rows = []
    for model in model_sheet()["model"]:
        trained = "untrained" not in model
        size = int(model.rsplit("_", 1)[1]) if model.rsplit("_", 1)[1].isdigit() else 224
        accuracy = round(20 * (0.35 + 0.55 * (size / 224) ** 0.5 + 0.03 * rng.standard_normal())) / 20
        rows += _rows(model, trained, min(accuracy, 0.95) if trained else 0.0, rng)
    failed = "tf_efficientnet_lite2_80"
    for row in rows:
        if row["model"] == failed:
            row |= {"value": None, "ci_low": None, "ci_high": None, "status": FAILED}
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS))


def write_study(folder) -> tuple[str, str]:
    """Write score table and model sheet; return their paths."""
    scores, sheet = folder / "scores.csv", folder / "models.tsv"
    tables.write_table(scores, score_table())
    sheet.write_text(model_sheet().to_csv(sep="\t", index=False))
    return str(scores), str(sheet)


def panels_of(
    folder: Path, scores: pd.DataFrame, sheet: pd.DataFrame | None = None, *more: str
) -> list[dict]:
    """Return the panels that the stage trend makes of scores, and of a model sheet where one is given."""
    paths = write_study(folder)
    tables.write_table(paths[0], scores)
    if sheet is not None:
        sheet.to_csv(paths[1], sep="\t", index=False)
    argv = ["--scores", paths[0], "--models", paths[1], "--bootstrap", "100", *more]
    main(["trend", *argv, "--output", str(folder / "trend.json")])
    return read_json(folder / "trend.json")["panels"]
