"""How long jobs take: extrapolated from those of a measured run, and on GPUs of other kinds."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from scipy.optimize import nnls

from visalign.errors import InputError
from visalign.study import gpus
from visalign.study.costs import Sizes
from visalign.study.gpus import Gpu
from visalign.study.jobs import job_of


class Hours(TypedDict):
    """Hours of a study's networks on a kind of GPU."""

    tflops: float
    gb_per_s: float
    origin: str
    hours: dict[str, float]  # by rule


def measured(folder: Path, sizes: Sizes) -> dict[str, tuple[list[float], list[float]]]:
    """Work and seconds of the jobs of a measured run, by `Sizes.timed_as`; other studies' are left out."""
    found: dict[str, tuple[list[float], list[float]]] = {}
    for file in sorted(folder.rglob("*.tsv")):
        rule, names = job_of(str(file.relative_to(folder).with_suffix("")))
        try:
            work, kind = sizes.work(rule, names), sizes.timed_as(rule, names)
        except (KeyError, InputError):
            continue
        with file.open(newline="") as table:
            seconds = [float(row["s"]) for row in csv.DictReader(table, delimiter="\t")]
        works, times = found.setdefault(kind, ([], []))
        works += [work] * len(seconds)
        times += seconds
    return found


def fit(work: list[float], seconds: list[float]) -> tuple[float, float]:
    """Fit seconds = constant + rate × work by least squares, neither below 0; returns (constant, rate)."""
    if len(set(work)) == 1:
        return float(np.mean(seconds)), 0.0
    scale = max(work)
    (constant, rate), _ = nnls(
        np.column_stack([np.ones(len(work)), np.divide(work, scale)]), np.array(seconds)
    )
    return float(constant), float(rate / scale)


@dataclass(frozen=True)
class Timed:
    """Seconds of jobs, as those of a measured run foretell them.

    Attributes
    ----------
    rates : dict
        What jobs are timed with, such as their rule -> (constant, seconds per unit of work).
    ran_on : Gpu, optional
        The GPU on which networks of that run ran.
    """

    rates: dict[str, tuple[float, float]]
    ran_on: Gpu | None = None

    @classmethod
    def of(cls, times: dict[str, tuple[list[float], list[float]]], ran_on: Gpu | None = None) -> Timed:
        """Fit `measured` jobs."""
        return cls({kind: fit(*jobs) for kind, jobs in times.items()}, ran_on)

    def parts(self, sizes: Sizes, rule: str, names: tuple[str, ...]) -> tuple[float, float] | None:
        """Seconds of a job that are constant, and those of its work; None where no such job was measured."""
        if rule not in self.rates:
            return None
        constant, rate = self.rates.get(sizes.timed_as(rule, names), self.rates[rule])
        return constant, rate * sizes.work(rule, names)

    def seconds(self, sizes: Sizes, rule: str, names: tuple[str, ...]) -> float | None:
        """Seconds of a job where the measured run ran; None where no such job was measured."""
        parts = self.parts(sizes, rule, names)
        return None if parts is None else sum(parts)

    def seconds_on(self, gpu: Gpu, sizes: Sizes, rule: str, names: tuple[str, ...]) -> float:
        """Seconds of a job of a network on a GPU.

        Where the measured run ran on another one, what it foretells is taken in proportion to the time of a
        pass on the two. Where it ran on none, and for rules that did not run, all is from the figures of the
        GPU.
        """
        parts = self.parts(sizes, rule, names) if self.ran_on else None
        if parts is None or self.ran_on is None:
            return gpus.seconds(gpu, sizes, rule, names)
        each = gpus.of_model(sizes, names[0])
        return parts[0] + parts[1] * gpu.seconds(each) / self.ran_on.seconds(each)

    def hours_on(self, gpu: Gpu, jobs: Iterable[tuple[str, tuple[str, ...]]], sizes: Sizes) -> Hours:
        """Hours of the jobs of networks on a GPU."""
        seconds: Counter[str] = Counter()
        for rule, names in jobs:
            if sizes.on_gpu(rule, names):
                seconds[rule] += self.seconds_on(gpu, sizes, rule, names)  # type: ignore[assignment]
        origin = gpu.origin
        if self.ran_on:
            origin = "measured" if gpu.kind == self.ran_on.kind else f"scaled from {self.ran_on.kind}"
        return {
            "tflops": gpu.tflops,
            "gb_per_s": gpu.bandwidth,
            "origin": origin,
            "hours": {rule: time / 3600 for rule, time in seconds.items()},
        }
