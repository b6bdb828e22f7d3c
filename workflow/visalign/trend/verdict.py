"""What a panel's numbers say in plain words, never stronger than the numbers.

An interval that includes 0 is no evidence of a relation, in either direction, and where models are alike
within families no direction is claimed with fewer than ``MIN_FAMILIES``. The two sides of the envelope's
changepoint are described, not tested: it was chosen as the highest model. A decline beyond a place is claimed
where the test of decline rejects and the slope beyond the fitted changepoint is below 0 with its interval.
The mean score and the upper envelope may decline without each other, so each has its sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from visalign.measures.wording import decimal, listing
from visalign.trend.roles import of_counts
from visalign.trend.segmented import MIN_FAMILIES

#: A test rejects at this p.
LEVEL = 0.05


def bounds(numbers: Mapping[str, Any], name: str, digits: int = 2, *, sign: bool = False) -> str:
    """Return the 95 % interval ``name_low``, ``name_high`` as text."""
    low, high = (decimal(numbers[f"{name}_{side}"], digits, sign=sign) for side in ("low", "high"))
    return f"{low} to {high}"


def interval_of(rho: Mapping[str, Any]) -> str:
    """Return which interval of a correlation to judge by: over families where models are alike within them.

    '' where these are too few for one.
    """
    if rho.get("family_ci_low") is not None:
        return "family_ci"
    return "ci" if rho.get("n_families") in (None, rho["n"]) else ""


def of_correlation(rho: Mapping[str, Any], where: str) -> str:
    """Say what Spearman's ρ and its interval allow to say.

    Parameters
    ----------
    rho : mapping
        value, ci_low, ci_high, n; family_ci_low and family_ci_high, by which it is judged where models are
        alike within families; n_families.
    where : str
        Which models, to begin the sentence with.
    """
    if rho["value"] is None:
        return f"{where} (n = {rho['n']}): too few models, or all equal, for a correlation."
    start = f"{where} (n = {rho['n']}): ρ = {decimal(rho['value'], sign=True)}"
    judged = interval_of(rho)
    if not judged:
        return (
            f"{start}. Models are alike within their {rho['n_families']} families: no direction is claimed, "
            f"that takes {MIN_FAMILIES} families."
        )
    if rho["ci_low"] is None:
        return f"{start}, without an interval: nothing can be said."
    over = " over families" if judged == "family_ci" else ""
    start = f"{start}, 95 % interval{over} {bounds(rho, judged, sign=True)}."
    if rho[f"{judged}_low"] > 0:
        return f"{start} Models with higher accuracy tend to score higher."
    if rho[f"{judged}_high"] < 0:
        return f"{start} Models with higher accuracy tend to score lower."
    return f"{start} The interval includes 0: no evidence of a relation in either direction."


def of_p(test: Mapping[str, Any]) -> tuple[float, str]:
    """Return the p that decides, corrected for the number of panels where that is known, and its text."""

    def text(p: float) -> str:
        return f"= {decimal(p, 3)}" if p >= 0.001 else "< 0.001"

    p, corrected = test["p"], test.get("p_adjusted")
    if corrected is None or test.get("n_panels", 2) == 1:
        return p, f"p {text(p)}"
    many = f" for {test['n_panels']} panels" if "n_panels" in test else ""
    return corrected, f"p {text(p)}, {text(corrected).removeprefix('= ')} corrected{many}"


def of_trend(trend: Mapping[str, Any]) -> str:
    """Say whether the mean score, and the upper envelope, decline with accuracy, as far as their tests go.

    Parameters
    ----------
    trend : mapping
        spearman, segmented, decline and envelope_decline, as ``association.describe`` finds them.
    """
    return f"{of_mean(trend)} {of_envelope(trend['envelope_decline'])}"


def of_mean(trend: Mapping[str, Any]) -> str:
    """Say whether the mean score declines, and beyond which accuracy."""
    test, pieces = trend["decline"], trend["segmented"]
    if test["p"] is None:
        return f"The mean score is not tested for a decline: {test['reason']}."
    p, told = of_p(test)
    if p > LEVEL:
        rho = trend["spearman"]["overall"]
        judged, least = interval_of(rho), test.get("smallest_detectable")
        rises = judged and (rho[f"{judged}_low"] or 0) > 0
        power = (
            f"a fall of {decimal(least, 1)} residual SDs over the upper third of the models would have been "
            "found in 80 % of such studies"
            if least is not None
            else "no fall would have been found in 80 % of such studies"
        )
        return (
            f"{'Rises with accuracy; no' if rises else 'No'} evidence of decline of the mean score (test of "
            f"decline: {told}), which is not evidence that there is none: {power}."
        )
    if pieces is None:
        return f"The mean score declines with accuracy (test of decline: {told}); where cannot be fitted."
    level = f"{'about ' if pieces['coverage'] < 0.95 else ''}{pieces['coverage'] * 100:.0f} %"
    place = f"x = {decimal(pieces['changepoint'])} ({level} {bounds(pieces, 'changepoint')})"

    def slope(side: str) -> str:
        name = f"slope_{side}"
        return f"slope {decimal(pieces[name], 3)}, {level} {bounds(pieces, name, 3)}"

    def sign(side: str) -> str:
        if pieces[f"slope_{side}_low"] > 0:
            return "is above 0"
        return "is below 0" if pieces[f"slope_{side}_high"] < 0 else "may be 0"

    below, beyond = sign("below"), sign("beyond")
    if beyond == "is below 0":
        start = {"is above 0": "rises, then declines", "is below 0": "declines below and"}.get(
            below, "declines"
        )
        return f"The mean score {start} beyond {place}: {slope('beyond')}; test of decline: {told}."
    if below == "is below 0":
        then = (
            f"rises beyond: {slope('beyond')}" if beyond == "is above 0" else f"beyond it {slope('beyond')}"
        )
        return f"The mean score falls below {place}: {slope('below')}; {then}; test of decline: {told}."
    return (
        f"The mean score declines somewhere (test of decline: {told}), but where is uncertain: at the fitted "
        f"changepoint {place} the slope below {below} ({slope('below')}), that beyond {beyond} "
        f"({slope('beyond')})."
    )


def of_envelope(test: Mapping[str, Any]) -> str:
    """Say whether the upper envelope, a quantile of the score given accuracy, declines."""
    name = f"upper envelope ({test['tau']:g} quantile)"
    if test["p"] is None:
        return f"The {name} is not tested for a decline: {test['reason']}."
    p, told = of_p(test)
    if p > LEVEL:
        return f"No evidence of decline of the {name}; test of its decline: {told}."
    return f"The {name} declines somewhere; test of its decline: {told}."


def of_changepoint(panel: Mapping[str, Any]) -> str:
    """Describe the envelope's changepoint, and say what it is not."""
    peak = panel["trend"]["changepoint"]
    beyond = sum(point["x"] > peak["x"] for point in panel["points"])
    place = f"{peak['model']} (accuracy {decimal(peak['x'])}, score {decimal(peak['y'], 3)})"
    if not beyond:
        return (
            f"The upper envelope is highest at {place}, and no model is more accurate: "
            "nothing can be said beyond it."
        )
    models = "1 model is" if beyond == 1 else f"{beyond} models are"
    return (
        f"The upper envelope is highest at {place}; {models} more accurate. Any set of points has a highest "
        "one: this is a description, not a test."
    )


def of_line(line: Mapping[str, Any] | None, name: str) -> str:
    """Give the equation of a published line."""
    if line is None:
        return f"{name} line: none, no envelope point on that side."
    slope, intercept = decimal(line["slope"], 3), decimal(line["intercept"], 3, sign=True)
    equation = f"{name} line: y = {slope} x {intercept} ({line['rule']})"
    any_has = "; any set of points has a line from its highest point on" if name == "Falling" else ""
    return f"{equation}{any_has}."


def of_panel(panel: Mapping[str, Any]) -> list[str]:
    """Return the sentences of one panel.

    Parameters
    ----------
    panel : mapping
        As the trend stage writes it.
    """
    sentences = [f"{of_counts(panel)}."]
    if panel["trend"] is None:
        return [*sentences, f"No trend is given: {panel['reason']}."]
    rho, split = panel["trend"]["spearman"], decimal(panel["trend"]["changepoint"]["x"])
    sentences += [panel["trend"]["verdict"]] if "verdict" in panel["trend"] else []
    sentences += [
        of_correlation(rho["overall"], "All models"),
        of_changepoint(panel),
        of_correlation(rho["below"], f"Accuracy below {split}"),
        of_correlation(rho["above"], f"Accuracy above {split}"),
    ]
    sentences += [panel["sides"]] if panel["sides"] else []
    sentences += [of_correlation(part, f"Family {family}") for family, part in rho["by_family"].items()]
    return [
        *sentences,
        of_line(panel["trend"]["rising"], "Rising"),
        of_line(panel["trend"]["falling"], "Falling"),
    ]


def of_simulation(benchmarks: Mapping[str, bool]) -> list[str]:
    """Say which benchmarks rest on simulated data, and what that means.

    Parameters
    ----------
    benchmarks : mapping of str to bool
        Name of a measure -> whether its data were simulated.
    """
    simulated = [name for name, is_simulated in benchmarks.items() if is_simulated]
    if not simulated:
        return ["No score of this report is marked as simulated."]
    real = [name for name, is_simulated in benchmarks.items() if not is_simulated]
    sentences = [
        f"Part of the data is simulated: {listing(simulated)}. Such scores show that the pipeline works "
        "and recovers what was planted. They say nothing about brains or people.",
    ]
    return [*sentences, f"Not simulated: {listing(real)}."] if real else sentences
