"""Measures: what is scored, each declared in one file; all that depends on which there are is derived."""

from __future__ import annotations

from visalign.measures import accuracy, attacks, clickme, neural, probes
from visalign.measures.measure import Cost, Headline, Measure, Metric

#: All measures, in the order of score table, figure and methods.
MEASURES: tuple[Measure, ...] = (
    accuracy.MEASURE,
    neural.MEASURE,
    clickme.MEASURE,
    attacks.MEASURE,
    probes.MEASURE,
)
NAMES = tuple(measure.name for measure in MEASURES)
BY_NAME = {measure.name: measure for measure in MEASURES}
#: Panels of accuracy against alignment, in order, and their names.
HEADLINES: tuple[Headline, ...] = tuple(h for measure in MEASURES for h in measure.headlines)
PANELS = tuple(headline.panel for headline in HEADLINES)
#: Every metric of the score table by its name.
METRICS: dict[str, Metric] = {metric.name: metric for measure in MEASURES for metric in measure.metrics}
#: Metrics of the x axis, and what each is called.
ACCURACIES = {metric.name: metric.title for metric in accuracy.MEASURE.metrics}
#: Convention of a headline -> that on whose scale its floor and ceiling are shown.
RAW = {headline.convention: headline.raw for headline in HEADLINES}
#: Rule -> what its jobs take, of all rules of measures.
COSTS: dict[str, Cost] = {cost.rule: cost for measure in MEASURES for cost in measure.costs}
#: Effects of training that the score table has: name -> measure, metric, convention.
OF_TRAINING = {
    name: (measure.name, *score)
    for measure in MEASURES
    for name, score in (measure.of_training or {}).items()
}
