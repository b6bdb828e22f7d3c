"""What the methods section says of accuracy against alignment."""

from __future__ import annotations

from collections.abc import Mapping

from visalign.measures import ACCURACIES
from visalign.study import axis
from visalign.study.study import Study
from visalign.trend import association, envelope_decline, segmented
from visalign.trend.roles import enumerated, role_of
from visalign.trend.verdict import LEVEL


def of_trend(study: Study) -> str:
    """Describe the statistics of accuracy against alignment: of which models, of what, and how corrected."""
    x = axis.of_study(study)
    if not (x["accuracy"] or x["axis"]):
        return "**Trend.** There is no accuracy in this study, so scores are shown by model, without a trend."
    return " ".join(f"**Trend.** {of_models(study)} {of_relation()} {of_tests(study)}".split())


def of_models(study: Study) -> str:
    """Say what the x axis is, and which models enter the statistics."""
    settings = study.config["trend"]
    added = {model: facts for table in study.added for model, facts in table.models.items()}
    rows: dict[str, Mapping[str, object]] = {**added, **study.models}
    roles = [role_of(row) for row in rows.values()]
    entered = enumerated(role for role in roles if role in settings["roles"]) or "no model"
    others = enumerated(role for role in roles if role not in settings["roles"])
    shown = f"; only shown: {others}" if others else ""
    x = axis.of_study(study)
    name = x["axis"] or ("published " if axis.published(study) else "") + ACCURACIES[x["metric"]]
    return f"The x axis is {name}. The statistics are of {entered}{shown}."


def of_relation() -> str:
    """Describe correlations, regressions and shapes."""
    return f"""With at least {association.MIN_POINTS} models: Spearman's ρ over all of them and on both sides
    of the upper envelope's highest model, with intervals over models and over families of models, by which a
    direction is claimed (that takes {segmented.MIN_FAMILIES} families, unless no two models are of one);
    Spearman's partial ρ and standardised coefficients given the number of parameters, the side of the input
    and the class of training data, as far as these are known and vary, and a power law of parameters, with
    intervals over families; the published envelope and its lines, as a description; a two-piece linear
    regression with intervals of a bootstrap clustered by family that searches the changepoint anew in every
    draw; and BIC and cross-validated error (families left out) of a line, of rise then plateau and of two
    pieces, as a description."""


def of_tests(study: Study) -> str:
    """Describe the two tests of decline, and how their p values are adjusted."""
    settings = study.config["trend"]
    few, many = envelope_decline.TAU_OF_FEW, envelope_decline.TAU_OF_MANY
    alone = (
        f", but for {settings['confirmatory']}, the confirmatory panel" if settings["confirmatory"] else ""
    )
    return f"""Two tests ask for a decline (level {LEVEL}), calibrated by the same bootstrap: one that the
    mean score nowhere declines, one that its upper envelope nowhere does, the {few:g} quantile given accuracy
    ({many:g} from {envelope_decline.MANY} models on). They take {segmented.MIN_FAMILIES} families. Their p
    values are adjusted for the number of panels of a figure in which each test was made (Holm 1979){alone}.
    {settings["bootstrap"]} draws, seed {study.config["seed"]}."""
