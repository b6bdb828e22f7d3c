"""What a trend says in numbers, for the terminal and for the report."""

from __future__ import annotations

import numpy as np

from visalign.trend.answer import Adjusted, Correlation, Estimate, TableTrend, Trend

SHAPES = {"linear": "a line", "plateau": "rise, then plateau", "segmented": "two pieces"}


def interval_text(low: float | None, high: float | None) -> str:
    """Return an interval as text, '' where there is none."""
    return "" if low is None or high is None else f" [{low:+.3f}, {high:+.3f}]"


def correlation_text(part: Correlation) -> str:
    """Return a correlation with its intervals as text."""
    if part["value"] is None:
        return f"too few points or constant (n = {part['n']})"
    by_family = interval_text(part["family_ci_low"], part["family_ci_high"])
    by_family = by_family and f", over families{by_family}"
    by_model = interval_text(part["ci_low"], part["ci_high"])
    return f"{part['value']:+.3f}{by_model}{by_family} (n = {part['n']})"


def estimate_text(estimate: Estimate) -> str:
    """Return a number with its interval over families as text."""
    value = "undefined" if estimate["value"] is None else f"{estimate['value']:+.3f}"
    return value + interval_text(estimate["family_ci_low"], estimate["family_ci_high"])


def covariate_names(adjusted: Adjusted) -> str:
    """Name the covariates of ``adjusted``, the classes of training data together."""
    names = [name.split(":")[0] for name in adjusted["betas"] if name != "accuracy"]
    return ", ".join(dict.fromkeys(names))


def further(trend: Trend) -> list[tuple[str, str, int | None]]:
    """Return what stands beside correlations and tests: name, value with 95 % interval over families, n.

    Parameters
    ----------
    trend : mapping
        As ``association.describe`` finds it.
    """
    rows: list[tuple[str, str, int | None]] = []
    if adjusted := trend["adjusted"]:
        name = f"Spearman's ρ given {covariate_names(adjusted)}"
        rows.append((name, estimate_text(adjusted["partial"]), adjusted["n"]))
        for beta, found in adjusted["betas"].items():
            rows.append((f"standardised coefficient, {beta}", estimate_text(found), adjusted["n"]))
    if law := trend["power_law"]:
        rows.append(("power law of parameters, exponent", estimate_text(law["exponent"]), law["n"]))
    for shape, fit in (trend["shapes"] or {}).items():
        bic = "none (perfect fit)" if fit["bic"] is None else f"{fit['bic']:.1f}"
        error = "none (one family)" if fit["cv_rmse"] is None else f"{fit['cv_rmse']:.4g}"
        rows.append((f"{SHAPES[shape]} (descriptive)", f"BIC {bic}, cross-validated error {error}", None))
    return rows


def of_sides(sides: np.ndarray, trend: Trend | None) -> str:
    """Say that input sides differ, and what accuracy says given them; '' where they do not.

    Parameters
    ----------
    sides : ndarray, shape (n,)
        Side of each model's input in pixels, NaN where unknown.
    trend : mapping, optional
        The trend of the same models.
    """
    known = sides[np.isfinite(sides)]
    if len(np.unique(known)) < 2:
        return ""
    some = ", where known" if len(known) < len(sides) else ""
    start = f"Input sides differ ({known.min():.0f} to {known.max():.0f} pixels{some})"
    adjusted = trend and trend["adjusted"]
    if not adjusted or "log side" not in adjusted["betas"]:
        return f"{start}, which no statistic allows for."
    partial = estimate_text(adjusted["partial"]).replace("-", "−")
    return f"{start}; ρ given {covariate_names(adjusted)} = {partial}."


def as_text(answer: TableTrend) -> str:
    """Return the trend of a table as lines to read."""
    lines = [
        f"{answer['y']} against {answer['x']}: n = {answer['n']}",
        f"left out: {answer['n_missing']} rows with an empty or not finite value, "
        f"{answer['n_unmatched']} without a partner in the joined table, "
        f"{answer['n_excluded']} excluded on request",
    ]
    trend = answer["trend"]
    if trend is None:
        points = [f"  {p['model']}: {p['x']:g}, {p['y']:g}" for p in answer["points"]]
        return "\n".join([*lines, f"no trend: {answer['reason']}", *points])
    lines.append(trend["verdict"])
    for name, found in (("Spearman's rho", trend["spearman"]), ("Pearson's r", trend["pearson"])):
        parts = [("overall", found["overall"]), ("below", found["below"]), ("above", found["above"])]
        parts += [(f"family {family}", part) for family, part in found["by_family"].items()]
        lines += [f"{name}, {where}: {correlation_text(part)}" for where, part in parts]
    peak = trend["changepoint"]
    place = f"{peak['model']}, {peak['x']:.4g}, {peak['y']:.4g}"
    lines.append(f"changepoint (the highest point; any data has one): {place}")
    for name, drawn in (("rising", trend["rising"]), ("falling", trend["falling"])):
        equation = f"y = {drawn['slope']:.3f} x {drawn['intercept']:+.3f} ({drawn['rule']})" if drawn else ""
        lines.append(f"{name} line: {equation or 'none, no point on that side'}")
    lines.append("envelope: " + ", ".join(point["model"] for point in trend["envelope"]))
    if pieces := trend["segmented"]:
        numbers = [
            f"{name.replace('_', ' ')} {pieces[name]:.4g}"
            f"{interval_text(pieces[f'{name}_low'], pieces[f'{name}_high'])}"
            for name in ("changepoint", "slope_below", "slope_beyond")
        ]
        lines.append("two-piece regression: " + ", ".join(numbers))
    for name, value, n in further(trend):
        lines.append(f"{name}: {value}" + (f" (n = {n})" if n is not None else ""))
    return "\n".join(lines)
