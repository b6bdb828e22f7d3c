"""What a panel's numbers say in plain words, never stronger than the numbers.

An interval that includes 0 is no evidence of a relation, in either direction. The two sides of the envelope's
changepoint are described, not tested: it was chosen as the highest model. A decline is claimed where the test
of decline rejects and the slope beyond the fitted changepoint is below 0 with its interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

#: A test rejects at this p.
LEVEL = 0.05


def decimal(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """Return a number as text, with a true minus sign; '–' for none."""
    if value is None or value != value:
        return "–"
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")


def bounds(numbers: Mapping[str, Any], name: str, digits: int = 2, *, sign: bool = False) -> str:
    """Return the 95 % interval ``name_low``, ``name_high`` as text."""
    low, high = (decimal(numbers[f"{name}_{side}"], digits, sign=sign) for side in ("low", "high"))
    return f"{low} to {high}"


def interval_of(rho: Mapping[str, Any]) -> str:
    """Return which interval of a correlation to judge by: over families where there is one."""
    return "ci" if rho.get("family_ci_low") is None else "family_ci"


def of_correlation(rho: Mapping[str, Any], where: str) -> str:
    """Say what Spearman's ρ and its interval allow to say.

    Parameters
    ----------
    rho : mapping
        value, ci_low, ci_high, n; family_ci_low and family_ci_high, by which it is judged where they are.
    where : str
        Which models, to begin the sentence with.
    """
    if rho["value"] is None:
        return f"{where} (n = {rho['n']}): too few models, or all equal, for a correlation."
    start = f"{where} (n = {rho['n']}): ρ = {decimal(rho['value'], sign=True)}"
    if rho["ci_low"] is None:
        return f"{start}, without an interval: nothing can be said."
    judged = interval_of(rho)
    over = " over families" if judged == "family_ci" else ""
    start = f"{start}, 95 % interval{over} {bounds(rho, judged, sign=True)}."
    if rho[f"{judged}_low"] > 0:
        return f"{start} Models with higher accuracy tend to score higher."
    if rho[f"{judged}_high"] < 0:
        return f"{start} Models with higher accuracy tend to score lower."
    return f"{start} The interval includes 0: no evidence of a relation in either direction."


def of_trend(trend: Mapping[str, Any]) -> str:
    """Say whether scores decline with accuracy, and beyond which, as far as the test of decline goes.

    Parameters
    ----------
    trend : mapping
        spearman, segmented and decline, as ``association.describe`` finds them.
    """
    test, pieces = trend["decline"], trend["segmented"]
    if test["p"] is None:
        return f"Not tested for a decline: {test['reason']}."
    p = f"p = {decimal(test['p'], 3)}" if test["p"] >= 0.001 else "p < 0.001"
    if test["p"] > LEVEL:
        rho = trend["spearman"]["overall"]
        rises = (rho[f"{interval_of(rho)}_low"] or 0) > 0
        return (
            f"{'Rises with accuracy; no' if rises else 'No'} evidence of decline (test of decline: {p}), "
            "which is not evidence that there is none."
        )
    if pieces is None:
        return f"Declines with accuracy (test of decline: {p}); where it begins cannot be fitted."
    place = f"x = {decimal(pieces['changepoint'])} (95 % {bounds(pieces, 'changepoint')})"
    slope = f"slope {decimal(pieces['slope_beyond'], 3)}, 95 % {bounds(pieces, 'slope_beyond', 3)}"
    if pieces["slope_beyond_high"] >= 0:
        return (
            f"Declines somewhere (test of decline: {p}), but where is uncertain: the slope beyond the fitted "
            f"changepoint {place} may be 0 ({slope})."
        )
    if pieces["slope_below_low"] > 0:
        start = "Rises, then declines"
    else:
        start = "Declines below and" if pieces["slope_below_high"] < 0 else "Declines"
    return f"{start} beyond {place}: {slope}; test of decline: {p}."


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
    return f"{name} line: y = {slope} x {intercept} ({line['rule']})."


def of_panel(panel: Mapping[str, Any]) -> list[str]:
    """Return the sentences of one panel.

    Parameters
    ----------
    panel : mapping
        As the trend stage writes it.
    """
    total = panel["n"] + len(panel["excluded"])
    sentences = [f"{panel['n']} of {total} models have both an accuracy and a score."]
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


def of_regions(regions: Iterable[str]) -> str:
    """Name the predictivity of neurons by the regions that were recorded; '' is an unknown one."""
    return f"{enumeration(sorted(set(filter(None, regions)))) or 'Neural'} predictivity"


def enumeration(names: Iterable[str]) -> str:
    """Join names with commas, and the last one with "and"."""
    *others, last = list(names) or [""]
    return f"{', '.join(others)} and {last}" if others else last


def listing(names: Iterable[str]) -> str:
    """Join names, which may hold commas, with semicolons."""
    return "; ".join(names)
