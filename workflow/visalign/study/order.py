"""In which order to ask for the measures of a study, so that cheap panels come first.

A measure takes all jobs that its scores rest on and that no earlier one has made, as Snakemake's dry run has
them. Accuracy comes first where it is measured, since it is the x axis of every panel; then always the
measure that adds most panels per hour.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypedDict

from visalign.measures import MEASURES, Measure
from visalign.study import layout
from visalign.study.costs import COSTS
from visalign.study.jobs import Job
from visalign.study.study import Study

#: What the step after all measures is called: tables, trend, figures and pages.
REST = "rest"
#: The measure that is the x axis.
FIRST = "accuracy"


class Step(TypedDict):
    """A command of the order, and what it adds to the ones before."""

    measure: str
    command: str
    panels: int
    jobs: int
    hours: float | None  # None: those of some job with a cost are not known


class Order(TypedDict):
    """The order, and how to see the panels that are there after a step."""

    steps: list[Step]
    draw: str


def panels(study: Study, measure: Measure) -> int:
    """Panels of a measure: of each headline that is no stand-in, on each dataset and time window."""
    headlines = sum(not headline.without for headline in measure.headlines)
    rows = study.recordings if measure.over == "recordings" else {}
    windows = (
        len(rows[name].get("windows", "").split(",")) if name in rows else 1
        for name in study.datasets(measure)
    )
    return headlines * sum(windows)


def goals(jobs: list[Job]) -> dict[str, set[int]]:
    """Jobs that make the score files of each measure: measure -> their numbers."""
    read = {file for job in jobs if job.rule == "scores" for file in job.inputs}
    stages = {stage: measure.name for measure in MEASURES for stage in (measure.name, measure.across_models)}
    found: dict[str, set[int]] = {}
    for number, job in enumerate(jobs):
        if job.stage in stages and read.intersection(job.outputs):
            found.setdefault(stages[job.stage], set()).add(number)
    return found


def needed(jobs: list[Job], goal: Iterable[int]) -> set[int]:
    """Numbers of the jobs that some jobs rest on, these among them."""
    makers = {file: number for number, job in enumerate(jobs) for file in job.outputs}
    found: set[int] = set()
    waiting = list(goal)
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            waiting += [makers[file] for file in jobs[number].inputs if file in makers]
    return found


def cost(job: Job, seconds: Callable[[Job], float | None]) -> float | None:
    """Seconds of a job; nothing where they are not known of a rule without a cost, such as downloads."""
    time = seconds(job)
    return 0 if time is None and job.rule not in COSTS else time


def total(seconds: Iterable[float | None]) -> float | None:
    """Hours of jobs, None where those of some job are not known."""
    known = list(seconds)
    return None if None in known else sum(filter(None, known)) / 3600


def order(study: Study, jobs: list[Job], seconds: Callable[[Job], float | None], config: str | Path) -> Order:
    """Return the cheapest order.

    Parameters
    ----------
    study : Study
    jobs : list of Job
        Those of a dry run of it, with their files.
    seconds : callable
        Of a job, None where not known, see `cost`. Where those of some job are not known, measures come as
        they are declared.
    config : path
        Of the study, for the commands.
    """
    goal, times = goals(jobs), [cost(job, seconds) for job in jobs]
    left = {measure.name: needed(jobs, goal[measure.name]) for measure in MEASURES if measure.name in goal}
    left[REST] = set(range(len(jobs)))
    more = {measure.name: panels(study, measure) for measure in MEASURES}
    steps: list[Step] = []
    made: set[int] = set()
    while left:
        hours = {name: total(times[number] for number in numbers - made) for name, numbers in left.items()}
        known = None not in times
        name = best({name: (more.get(name, 0), time if known else None) for name, time in hours.items()})
        rules = sorted({jobs[number].rule for number in goal.get(name, ())})
        steps.append(
            {
                "measure": name,
                "command": " ".join([command(config), *(["--until", *rules] if rules else [])]),
                "panels": more.get(name, 0),
                "jobs": len(left[name] - made),
                "hours": hours[name],
            }
        )
        made |= left.pop(name)
    return {"steps": steps, "draw": f"{command(config, f'{layout.FIGURE}.png')} --config allow_missing=True"}


def best(left: dict[str, tuple[int, float | None]]) -> str:
    """Name of the measure that comes next, of (panels, hours) of those that are left.

    Accuracy comes first and what is no measure last; between them the most panels per hour, or the first
    where some hours are not known.
    """
    measures = [name for name in left if name != REST]
    if not measures or FIRST in measures:
        return FIRST if measures else REST
    if any(left[name][1] is None for name in measures):
        return measures[0]
    return max(measures, key=lambda name: left[name][0] / max(left[name][1] or 0, 1e-9))


def command(config: str | Path, target: str = "") -> str:
    """Return a call of Snakemake; a target stands before the options, which would take it for a config."""
    return " ".join(filter(None, ["snakemake", target, "--cores all --configfile", shlex.quote(str(config))]))
