"""What a trend holds, as the stage writes it for figures and report: statistics, panels and their models."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Position(TypedDict):
    """A model at its accuracy and score."""

    model: str
    x: float
    y: float


class Correlation(TypedDict):
    """A correlation with 95 % intervals over models and over families; None where undefined or of too few."""

    value: float | None
    ci_low: float | None
    ci_high: float | None
    family_ci_low: float | None
    family_ci_high: float | None
    n: int
    n_families: int


class Correlations(TypedDict):
    """A correlation over all models, below and above the changepoint, and within each family."""

    overall: Correlation
    below: Correlation
    above: Correlation
    by_family: dict[str, Correlation]


class Equation(TypedDict):
    """y = slope · x + intercept, and the rule it was drawn by."""

    slope: float
    intercept: float
    rule: str


#: The two-piece regression: each of ``segmented.PARAMETERS``, the same with ``_low`` and ``_high``, coverage.
Pieces = dict[str, float]


class Curve(TypedDict):
    """A curve to draw, with its band."""

    x: list[float]
    y: list[float]
    low: list[float]
    high: list[float]


class Decline(TypedDict):
    """A test of decline."""

    statistic: float | None
    p: float | None
    start: float | None  # beyond which the statistic is reached; None: the whole range
    reason: str  # why nothing can be tested, or ''
    p_adjusted: NotRequired[float]  # over panels, …
    n_panels: NotRequired[int]  # … of which there are so many


class MeanDecline(Decline):
    """The test of decline of the mean score."""

    n_effective_families: float | None
    smallest_detectable: float | None


class EnvelopeDecline(Decline):
    """The test of decline of the upper envelope, a quantile."""

    tau: float


class Shape(TypedDict):
    """How well a shape describes the models."""

    bic: float | None
    cv_rmse: float | None


class Estimate(TypedDict):
    """A number with its 95 % interval over families."""

    value: float | None
    family_ci_low: float | None
    family_ci_high: float | None


class Adjusted(TypedDict):
    """What accuracy says of the score beside covariates."""

    n: int
    partial: Estimate
    betas: dict[str, Estimate]  # accuracy, and each covariate


class PowerLaw(TypedDict):
    """Score = factor · parameters^exponent."""

    exponent: Estimate
    factor: Estimate
    n: int
    n_excluded: int


class Trend(TypedDict):
    """The trend of a cloud of models, see ``association.describe``."""

    spearman: Correlations
    pearson: Correlations
    envelope: list[Position]
    changepoint: Position
    rising: Equation | None
    beyond: list[Position]
    falling: Equation | None
    segmented: Pieces | None
    decline: MeanDecline
    envelope_decline: EnvelopeDecline
    shapes: dict[str, Shape] | None
    adjusted: Adjusted | None
    power_law: PowerLaw | None
    verdict: NotRequired[str]  # once all else is known
    fitted_curve: NotRequired[Curve | None]  # of panels


class TablePoint(Position):
    """A row of a user's table."""

    family: str


class TableTrend(TypedDict):
    """The trend of two columns of a table, with what was left out of it."""

    x: str
    y: str
    n: int
    n_unmatched: int
    n_missing: int
    n_excluded: int
    points: list[TablePoint]
    trend: Trend | None
    reason: str


class Model(TypedDict):
    """A model of a panel."""

    model: str
    family: str
    role: NotRequired[str]  # not of models without a row of the model sheet
    baseline: NotRequired[str]


class ReferenceLine(Model):
    """A control that has a score and cannot have an accuracy."""

    y: float
    y_low: float | None
    y_high: float | None


class Point(ReferenceLine):
    """A model with accuracy and score."""

    x: float
    x_low: float | None
    x_high: float | None


class Excluded(Model):
    """A model that a panel does not show."""

    reason: str


class Models(TypedDict):
    """The models of a panel, by what they are to it."""

    points: list[Point]  # of the statistics
    shown_only: list[Point]  # of other roles
    reference_lines: list[ReferenceLine]
    by_model: list[ReferenceLine]  # of a panel without an x axis: all that have a score, the highest first
    excluded: list[Excluded]


class Source(TypedDict):
    """Where the values of an axis come from."""

    benchmark: str
    simulated: bool
    versions: list[int]
    seeds: list[int]


class Overlay(TypedDict):
    """Published models that are drawn behind those of a panel, see ``overlay.read_overlay``."""

    table: str  # name of the file
    x: str  # columns
    y: str
    metric: str  # which accuracy x is
    convention: str  # of y
    percent: bool  # whether x was
    n: int
    n_missing: int  # rows without both values
    left_out: list[str]  # models whose accuracy is none
    points: list[Position]
    own_x: NotRequired[bool]  # of panels: whether it has axes of its own
    own_y: NotRequired[bool]


class Level(TypedDict):
    """A height that the scores of a panel are read against; medians over models."""

    name: str
    y: float
    low: float | None  # ends of its band
    high: float | None
    simulated: bool
    n: int  # models that it is known of


class SpreadReliability(TypedDict):
    """How much of the spread of scores between models is more than their errors; None where undefined."""

    value: float | None  # 1 − mean squared error / variance
    attainable: float | None  # the largest |ρ| that such scores can have with anything
    disattenuated: float | None  # ρ without their errors
    n: int  # models
    units: list[int]  # fewest and most units, such as images, that a score rests on


class Panel(Models):
    """A headline on a benchmark, its models and their trend."""

    measure: str
    figure: str  # of several panels that it is in
    title: str
    subtitle: str
    benchmark: str
    metric: str
    convention: str
    simulated: bool
    sources: list[Source]  # of x and y
    x_label: str
    y_label: str
    n: int
    levels: list[Level]
    overlay: Overlay | None
    trend: Trend | None
    reliability: SpreadReliability | None  # of panels of shares, whose errors are known
    reason: str  # why there is no trend, or ''
    sides: str  # sentence on input sides that differ, or ''


class Axis(TypedDict):
    """The x axis of all panels."""

    benchmark: str
    metric: str
    convention: str
    word: str  # what sentences call it: accuracy, or the score that it is


class StudyTrend(TypedDict):
    """All panels of a study, and what they were made with: ``results/trend.json``."""

    version: int
    seed: int
    bootstrap: int
    confidence: float
    accuracy: Axis | None  # the x axis; None: there is none, and panels show scores by model
    roles: list[str]  # of the models that the statistics are of
    inputs_hash: str
    panels: list[Panel]
