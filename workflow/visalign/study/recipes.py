"""Rows of the sheet of trained models: their recipes, and the rows of the model sheet that they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from visalign.errors import InputError, collected, raise_any, unknown
from visalign.io.rows import MapsRow, ModelRow, RecipeRow, StimuliRow
from visalign.study.config import Config
from visalign.zoo import low_level

#: Keys of the config's train section that are no part of a row's recipe.
OF_ALL = ("sheet", "precision", "devices", "workers", "checkpoint_every", "evaluate_every")
#: What a trained model takes from its base where its own row does not say.
INHERITED = (
    "family",
    "layers",
    "training_data",
    "parameters",
    "crop_pct",
    "crop_mode",
    "interpolation",
    "input_size",
)
#: What a trained model and its baseline need not share.
OF_ARM = ("model", "baseline", "family", "role", "validation", "supervision", "weight")


def complete(row: RecipeRow, config: Config) -> RecipeRow:
    """Return a row with the config's value of every recipe key that it leaves empty."""
    defaults = {key: value for key, value in config["train"].items() if key not in OF_ALL}
    recipe = cast(RecipeRow, {**defaults, "seed": config["seed"], **row})
    if "stimuli" not in row and "share" not in row:
        recipe["share"] = 1.0
    return recipe


def unequal_pairs(recipes: dict[str, RecipeRow], where: str) -> list[str]:
    """Faults of complete recipes whose baseline is of another one, a line each."""
    faults = []
    for name, own in recipes.items():
        other = recipes.get(own.get("baseline", ""), own)
        apart = [key for key in sorted(own | other) if own.get(key) != other.get(key)]
        values = [f"{key} {own.get(key)}, not {other.get(key)}" for key in apart if key not in OF_ARM]
        if values:
            faults.append(
                f"{where}: {name}: baseline: {own['baseline']} is of another recipe: {'; '.join(values)}"
            )
    return faults


def model_rows(
    trained: dict[str, RecipeRow],
    models: dict[str, ModelRow],
    stimuli: dict[str, StimuliRow],
    maps: dict[str, MapsRow],
    where: str,
) -> dict[str, ModelRow]:
    """Model sheet rows of the trained models; their weights are ``train`` and their source is the base.

    Parameters
    ----------
    trained, models, stimuli, maps : dict
        Rows of the sheets.
    where : str
        Name of the sheet of trained models.

    Raises
    ------
    InputError
        A name that is taken or unknown, images without labels, or labels of two kinds.
    """
    found: dict[str, ModelRow] = {}
    faults: list[str] = []
    for name, row in trained.items():
        with collected(faults):
            found[name] = model_row(
                name, row, known=models | found, trained=trained, stimuli=stimuli, maps=maps, where=where
            )
    raise_any(faults)
    return found


def model_row(
    name: str,
    row: RecipeRow,
    *,
    known: dict[str, ModelRow],
    trained: dict[str, RecipeRow],
    stimuli: dict[str, StimuliRow],
    maps: dict[str, MapsRow],
    where: str,
) -> ModelRow:
    """Model sheet row of one trained model; `known` are the models before it. See `model_rows`."""
    if name in known:
        raise InputError(f"{where}: model: {name!r} is a row of the model sheet too")
    references: dict[str, Mapping[str, object]]
    references = {"base": known, "maps": maps, "validation": maps, "stimuli": stimuli}
    for column, rows in references.items():
        if column in row and row.get(column) not in rows:
            raise InputError(f"{where}: {name}: {column}: {unknown(row.get(column), rows)}")
    if row.get("baseline", name) not in known | trained:
        raise InputError(f"{where}: {name}: baseline: {row['baseline']!r} is unknown")
    sets = [maps[row["maps"]]["stimuli"]]
    sets += [maps[row["validation"]]["stimuli"]] if "validation" in row else []
    sets += [row["stimuli"]] if "stimuli" in row else []
    for one in sets:
        if one not in stimuli:
            raise InputError(f"{where}: {name}: its maps are of stimuli {one!r}, which are unknown")
    spaces = {one: stimuli[one].get("label_space", "none") for one in sets}
    if len(set(spaces.values())) > 1 or "none" in spaces.values():
        listed = ", ".join(f"{one}: {space}" for one, space in spaces.items())
        raise InputError(f"{where}: {name}: label spaces of its images must be one ({listed})")
    base = known[row["base"]]
    if base["weights"] == low_level.WEIGHTS:
        raise InputError(f"{where}: {name}: base: {row['base']!r} is a low-level model, which has no weights")
    inherited = {key: base.get(key) for key in INHERITED if key in base}
    own = {key: row.get(key) for key in ("family", "role", "input_size", "baseline") if key in row}
    made = {"model": name, "architecture": base["architecture"], "weights": "train", "source": row["base"]}
    return cast(ModelRow, made | inherited | own | {"label_space": spaces[sets[0]]})
