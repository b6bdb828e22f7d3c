"""Rows of the sheet of trained models: their recipes, and the rows of the model sheet that they make."""

from __future__ import annotations

from typing import Any

from visalign.errors import InputError, collected, raise_any
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


def complete(row: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Return a row with the config's value of every recipe key that it leaves empty."""
    defaults = {key: value for key, value in config["train"].items() if key not in OF_ALL}
    recipe = defaults | {"seed": config["seed"]} | row
    if "stimuli" not in row and "share" not in row:
        recipe["share"] = 1.0
    return recipe


def unequal_pairs(recipes: dict[str, dict[str, Any]], where: str) -> list[str]:
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
    trained: dict[str, dict[str, Any]],
    models: dict[str, dict[str, Any]],
    stimuli: dict[str, dict[str, Any]],
    maps: dict[str, dict[str, Any]],
    where: str,
) -> dict[str, dict[str, Any]]:
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
    found: dict[str, dict[str, Any]] = {}
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
    row: dict[str, Any],
    *,
    known: dict[str, dict[str, Any]],
    trained: dict[str, dict[str, Any]],
    stimuli: dict[str, dict[str, Any]],
    maps: dict[str, dict[str, Any]],
    where: str,
) -> dict[str, Any]:
    """Model sheet row of one trained model; `known` are the models before it. See `model_rows`."""
    if name in known:
        raise InputError(f"{where}: model: {name!r} is a row of the model sheet too")
    references = (("base", known), ("maps", maps), ("validation", maps), ("stimuli", stimuli))
    for column, rows in references:
        if column in row and row[column] not in rows:
            raise InputError(
                f"{where}: {name}: {column}: {row[column]!r} is unknown (known: {', '.join(rows)})"
            )
    if row.get("baseline", name) not in known | trained:
        raise InputError(f"{where}: {name}: baseline: {row['baseline']!r} is unknown")
    sets = [maps[row[column]]["stimuli"] for column in ("maps", "validation") if column in row]
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
    inherited = {key: base[key] for key in INHERITED if key in base}
    own = {key: row[key] for key in ("family", "role", "input_size", "baseline") if key in row}
    made = {"model": name, "architecture": base["architecture"], "weights": "train", "source": row["base"]}
    return made | inherited | own | {"label_space": spaces[sets[0]]}
