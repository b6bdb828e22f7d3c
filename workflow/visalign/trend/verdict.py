"""What a panel's numbers say in plain words, never stronger than the numbers.

An interval that includes 0 is no evidence of a relation, in either direction, and where models are alike
within families no direction is claimed with fewer than ``MIN_FAMILIES``. The two sides of the envelope's
changepoint are described, not tested: it was chosen as the highest model. A decline beyond a place is claimed
where the test of decline rejects and the slope beyond the fitted changepoint is below 0 with its interval.
The mean score and the upper envelope may decline without each other, so each has its sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from visalign.measures.wording import decimal, listing
from visalign.trend.answer import (
    Correlation,
    Decline,
    EnvelopeDecline,
    Equation,
    Panel,
    Point,
    Position,
    SpreadReliability,
    Trend,
)
from visalign.trend.roles import of_counts
from visalign.trend.segmented import MIN_FAMILIES

#: A test rejects at this p.
LEVEL = 0.05
#: What the x axis of a study is called, but for those that ask for another.
ACCURACY = "accuracy"


class Interval(NamedTuple):
    """A 95 % interval, and what it is over where that must be said; None where it is undefined."""

    low: float | None
    high: float | None
    over: str = ""


def bounds(low: float, high: float, digits: int = 2, *, sign: bool = False) -> str:
    """Return an interval as text."""
    return f"{decimal(low, digits, sign=sign)} to {decimal(high, digits, sign=sign)}"


def interval_of(rho: Correlation) -> Interval | None:
    """Return the interval of a correlation to judge by: over families where models are alike within them.

    None where these are too few for one.
    """
    if rho.get("family_ci_low") is not None:
        return Interval(rho["family_ci_low"], rho["family_ci_high"], " over families")
    return Interval(rho["ci_low"], rho["ci_high"]) if rho.get("n_families") in (None, rho["n"]) else None


def of_correlation(rho: Correlation, where: str, word: str = ACCURACY) -> str:
    """Say what Spearman's ρ and its interval allow to say.

    Parameters
    ----------
    rho : dict
        Judged by its interval over families where models are alike within these.
    where : str
        Which models, to begin the sentence with.
    word : str
        What the x axis is called.
    """
    if rho["value"] is None:
        return f"{where} (n = {rho['n']}): too few models, or all equal, for a correlation."
    start = f"{where} (n = {rho['n']}): ρ = {decimal(rho['value'], sign=True)}"
    judged = interval_of(rho)
    if judged is None:
        return (
            f"{start}. Models are alike within their {rho['n_families']} families: no direction is claimed, "
            f"that takes {MIN_FAMILIES} families."
        )
    low, high, over = judged
    if rho["ci_low"] is None or low is None or high is None:
        return f"{start}, without an interval: nothing can be said."
    start = f"{start}, 95 % interval{over} {bounds(low, high, sign=True)}."
    if low > 0:
        return f"{start} Models with higher {word} tend to score higher."
    if high < 0:
        return f"{start} Models with higher {word} tend to score lower."
    return f"{start} The interval includes 0: no evidence of a relation in either direction."


def of_p(p: float, test: Decline) -> tuple[float, str]:
    """Return the p of a test that decides, corrected for the number of panels where known, and its text."""

    def text(p: float) -> str:
        return f"= {decimal(p, 3)}" if p >= 0.001 else "< 0.001"

    corrected = test.get("p_adjusted")
    if corrected is None or test.get("n_panels", 2) == 1:
        return p, f"p {text(p)}"
    many = f" for {test['n_panels']} panels" if "n_panels" in test else ""
    return corrected, f"p {text(p)}, {text(corrected).removeprefix('= ')} corrected{many}"


def of_trend(trend: Trend, word: str = ACCURACY) -> str:
    """Say whether the mean score, and the upper envelope, decline with x, as far as their tests go.

    Parameters
    ----------
    trend : mapping
        spearman, segmented, decline and envelope_decline, as ``association.describe`` finds them.
    word : str
        What the x axis is called.
    """
    return f"{of_mean(trend, word)} {of_envelope(trend['envelope_decline'])}"


def of_mean(trend: Trend, word: str = ACCURACY) -> str:
    """Say whether the mean score declines, and beyond which accuracy, or what else x is."""
    test, pieces = trend["decline"], trend["segmented"]
    if test["p"] is None:
        return f"The mean score is not tested for a decline: {test['reason']}."
    p, told = of_p(test["p"], test)
    if p > LEVEL:
        rho = trend["spearman"]["overall"]
        judged, least = interval_of(rho), test.get("smallest_detectable")
        rises = judged is not None and (judged.low or 0) > 0
        power = (
            f"a fall of {decimal(least, 1)} residual SDs over the upper third of the models would have been "
            "found in 80 % of such studies"
            if least is not None
            else "no fall would have been found in 80 % of such studies"
        )
        return (
            f"{f'Rises with {word}; no' if rises else 'No'} evidence of decline of the mean score (test of "
            f"decline: {told}), which is not evidence that there is none: {power}."
        )
    if pieces is None:
        return f"The mean score declines with {word} (test of decline: {told}); where cannot be fitted."
    level = f"{'about ' if pieces['coverage'] < 0.95 else ''}{pieces['coverage'] * 100:.0f} %"
    ends = bounds(pieces["changepoint_low"], pieces["changepoint_high"])
    place = f"x = {decimal(pieces['changepoint'])} ({level} {ends})"

    def slope(side: str) -> str:
        name = f"slope_{side}"
        ends = bounds(pieces[f"{name}_low"], pieces[f"{name}_high"], 3)
        return f"slope {decimal(pieces[name], 3)}, {level} {ends}"

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


def of_envelope(test: EnvelopeDecline) -> str:
    """Say whether the upper envelope, a quantile of the score given accuracy, declines."""
    name = f"upper envelope ({test['tau']:g} quantile)"
    if test["p"] is None:
        return f"The {name} is not tested for a decline: {test['reason']}."
    p, told = of_p(test["p"], test)
    if p > LEVEL:
        return f"No evidence of decline of the {name}; test of its decline: {told}."
    return f"The {name} declines somewhere; test of its decline: {told}."


def of_reliability(found: SpreadReliability | None, rho: Correlation) -> str:
    """Say how reliable the spread of scores is, and what that leaves of a correlation; '' where unknown."""
    if found is None or found["value"] is None:
        return ""
    least, most = found["units"]
    images = f"{least} to {most}" if least < most else f"{least}"
    start = (
        f"Reliability of the spread between the {found['n']} models: {decimal(found['value'])} (binomial "
        f"errors of {images} images a score)"
    )
    if found["attainable"] is None:
        return f"{start}: they differ no more than by such errors, and ρ says nothing."
    start += f": |ρ| of at most {decimal(found['attainable'])} can be expected with anything"
    if found["disattenuated"] is None or rho["value"] is None:
        return f"{start}."
    without = found["disattenuated"]
    size = "beyond 1 in size" if abs(without) > 1 else decimal(without, sign=True)
    return f"{start}; without these errors ρ would be {size}."


def of_changepoint(peak: Position, points: Iterable[Point], word: str = ACCURACY) -> str:
    """Describe the envelope's changepoint among the models, and say what it is not."""
    beyond = sum(point["x"] > peak["x"] for point in points)
    place = f"{peak['model']} ({word} {decimal(peak['x'])}, score {decimal(peak['y'], 3)})"
    if not beyond:
        return (
            f"The upper envelope is highest at {place}, and no model is {more_of(word)}: "
            "nothing can be said beyond it."
        )
    models = "1 model is" if beyond == 1 else f"{beyond} models are"
    return (
        f"The upper envelope is highest at {place}; {models} {more_of(word)}. Any set of points has a "
        "highest one: this is a description, not a test."
    )


def more_of(word: str) -> str:
    """Say that a model has more of what the x axis is."""
    return "more accurate" if word == ACCURACY else f"higher in {word}"


def of_line(line: Equation | None, name: str) -> str:
    """Give the equation of a published line."""
    if line is None:
        return f"{name} line: none, no envelope point on that side."
    slope, intercept = decimal(line["slope"], 3), decimal(line["intercept"], 3, sign=True)
    equation = f"{name} line: y = {slope} x {intercept} ({line['rule']})"
    any_has = "; any set of points has a line from its highest point on" if name == "Falling" else ""
    return f"{equation}{any_has}."


def of_panel(panel: Panel, word: str = ACCURACY) -> list[str]:
    """Return the sentences of one panel.

    Parameters
    ----------
    panel : mapping
        As the trend stage writes it.
    word : str
        What the x axis is called.
    """
    sentences, trend = [f"{of_counts(panel)}."], panel["trend"]
    if trend is None:
        return [*sentences, f"No trend is given: {panel['reason']}."]
    rho, split = trend["spearman"], decimal(trend["changepoint"]["x"])
    name = word[:1].upper() + word[1:]
    sentences += [trend["verdict"]] if "verdict" in trend else []
    sentences += [
        of_correlation(rho["overall"], "All models", word),
        *filter(None, [of_reliability(panel["reliability"], rho["overall"])]),
        of_changepoint(trend["changepoint"], panel["points"], word),
        of_correlation(rho["below"], f"{name} below {split}", word),
        of_correlation(rho["above"], f"{name} above {split}", word),
    ]
    sentences += [panel["sides"]] if panel["sides"] else []
    sentences += [of_correlation(part, f"Family {family}", word) for family, part in rho["by_family"].items()]
    return [
        *sentences,
        of_line(trend["rising"], "Rising"),
        of_line(trend["falling"], "Falling"),
    ]


def of_simulation(benchmarks: Mapping[str, bool]) -> list[str]:
    """Say which benchmarks rest on simulated data, and what that means; nothing where none does.

    Parameters
    ----------
    benchmarks : mapping of str to bool
        Name of a measure -> whether its data were simulated.
    """
    simulated = [name for name, is_simulated in benchmarks.items() if is_simulated]
    if not simulated:
        return []
    real = [name for name, is_simulated in benchmarks.items() if not is_simulated]
    sentences = [
        f"Part of the data is simulated: {listing(simulated)}. Such scores show that the pipeline works "
        "and recovers what was planted. They say nothing about brains or people.",
    ]
    return [*sentences, f"Not simulated: {listing(real)}."] if real else sentences
