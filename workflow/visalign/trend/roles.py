"""What a model is in a study: one of the models that are asked about, or one that is only shown beside them.

Untrained controls, adversarially trained networks and fine-tuned arms differ from the others in more than
accuracy; in one statistic with them they make or hide a trend.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from visalign.trend.answer import Model, Panel
from visalign.zoo import low_level

#: Role -> what one model, and what several, are called.
ROLES = {
    "model": ("model", "models"),
    "control": ("control", "controls"),
    "adversarial": ("adversarially trained", "adversarially trained"),
    "arm": ("arm", "arms"),
}


def role_of(row: Mapping[str, object]) -> str:
    """Return the role of a row of the model sheet, whose cells may be empty: its own, or what it is.

    Networks with random weights and low-level models are controls, trained models that have a baseline arms.
    """
    if row.get("role"):
        return str(row["role"])
    if row.get("weights") in ("random", low_level.WEIGHTS):
        return "control"
    return "arm" if row.get("weights") == "train" and row.get("baseline") else "model"


def enumerated(roles: Iterable[str]) -> str:
    """Count roles in words: ``3 controls, 1 arm``."""
    counts = Counter(roles)
    return ", ".join(
        f"{counts[role]} {words[counts[role] > 1]}" for role, words in ROLES.items() if counts[role]
    )


def of_counts(panel: Panel) -> str:
    """Say how many models of a panel are in the statistics, how many only shown and as what, and excluded."""
    if by_model := panel["by_model"]:
        what = enumerated(str(model.get("role", "model")) for model in by_model)
        return f"n = {len(by_model)} with a score ({what}); {len(panel['excluded'])} excluded"
    others: list[Model] = [*panel["shown_only"], *panel["reference_lines"]]
    parts = [f"n = {panel['n']} models in the statistics"]
    if others:
        parts.append(f"{len(others)} shown only ({enumerated(other['role'] for other in others)})")
    return "; ".join([*parts, f"{len(panel['excluded'])} excluded"])
