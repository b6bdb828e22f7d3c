"""How many images a study needs for intervals of a wanted width, and what the study of so many takes.

A half-width h of a 95 % interval takes

    accuracy                 the smallest n whose Wilson interval is no wider
    ClickMe, adversarial alignment, in ρ    n = (z s / h)², s the standard deviation of ρ over images
    perturbation tolerance   n = (z √(π/2) s / h)², s that of log size less image effects: h is a share of it

with z = 1.96; the last is that of a median of normal values. Images of recordings are the recording's.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import numpy as np

from visalign.errors import InputError
from visalign.io import delimited
from visalign.io.tables import read_table
from visalign.stats.correlations import wilson
from visalign.study.memory import Memory
from visalign.study.study import Study

Z = 1.96
#: Panels whose number of images is a choice: the measure of each, and its standard deviation over images
#: where no run tells, about the median of the networks of the default study. Of accuracy, the share of hits
#: with the widest interval.
ASSUMED = {
    "accuracy": ("accuracy", 0.5),
    "clickme": ("clickme", 0.16),
    "adversarial_alignment": ("attacks", 0.19),
    "perturbation_tolerance": ("attacks", 0.8),
}
#: Of the images that are drawn, share that is named correctly and hence attacked, where no run tells.
CORRECT = 0.8
#: Never fewer images than these, on which tolerances are compared at all.
FEWEST = 20


@dataclass(frozen=True)
class Spread:
    """How much a score varies over images.

    Attributes
    ----------
    sd : float
        Standard deviation over images; of accuracy, the share of hits.
    share : float
        Of the images that are drawn, that of those that count.
    models : int
        Number of models that tell, 0 where it is assumed.
    images : float
        On how many images each of these rests, of those that count.
    """

    sd: float
    share: float = 1.0
    models: int = 0
    images: float = 0.0

    @property
    def origin(self) -> str:
        """Where it comes from."""
        return f"{self.models} models" if self.models else "assumed"


class Need(TypedDict):
    """Images that a panel needs."""

    panel: str
    measure: str
    half_width: float
    spread: float
    origin: str
    images: int  # to draw
    images_now: int
    half_width_now: float


def half_widths(words: Iterable[str], option: str = "--half-width") -> dict[str, float]:
    """Return the wanted half-width of each panel from words NUMBER, for all, or PANEL=NUMBER.

    Raises
    ------
    InputError
        A panel that is none of `ASSUMED`, a half-width that does not lie between 0 and .5, a panel twice.
    """
    found: dict[str, float] = {}
    for word in words:
        panel, named, number = word.rpartition("=")
        width = delimited.number(number)
        if named and panel not in ASSUMED:
            raise InputError(f"{option} {word!r}: unknown panel {panel!r}; one of: {', '.join(ASSUMED)}")
        if width is None or not 0 < width < 0.5:
            raise InputError(f"{option} {word!r}: {number!r} is no number between 0 and 0.5")
        if panel in found or (not named and "" in found):
            raise InputError(f"{option} {word!r}: there twice")
        found[panel] = width
    every = found.pop("", None)
    return {panel: width for panel in ASSUMED if (width := found.get(panel, every)) is not None}


# --- how much scores vary over images ---


def spreads(results: Path) -> dict[str, Spread]:
    """Return how much scores vary over images, by panel: as a run's tables tell, else assumed."""
    found = {panel: Spread(sd) for panel, (_, sd) in ASSUMED.items()}
    found["adversarial_alignment"] = replace(found["adversarial_alignment"], share=CORRECT)
    found["perturbation_tolerance"] = replace(found["perturbation_tolerance"], share=CORRECT)
    if hits := shares_of_hits(results):
        found["accuracy"] = Spread(min(hits, key=lambda share: abs(share - 0.5)), models=len(hits))
    for panel, stage in (("clickme", "clickme"), ("adversarial_alignment", "attacks")):
        if told := [one for table in tables(results, stage) if (one := of_rho(table))]:
            found[panel] = median(told)
    if told := of_sizes(tables(results, "attacks")):
        found["perturbation_tolerance"] = median(told)
    return found


def tables(results: Path, stage: str) -> list[dict[str, np.ndarray]]:
    """Return the per-image tables of networks and controls, as columns of numbers and which were drawn."""
    found = []
    for path in sorted((results / stage).glob("*/*_images.csv")):
        table = read_table(path, ("rho", "reason"))
        drawn = (table["reason"].fillna("") != "not drawn").to_numpy()
        sizes = table["rms"] if "rms" in table else np.full(len(table), np.nan)
        found.append(
            {
                "set": np.array(path.name),
                "rho": np.asarray(table["rho"], float),
                "rms": np.asarray(sizes, float),
                "drawn": drawn,
            }
        )
    return found


def of_rho(table: Mapping[str, np.ndarray]) -> Spread | None:
    """Return the spread of ρ in a table, None of fewer than three images."""
    rho = table["rho"][np.isfinite(table["rho"])]
    share = len(rho) / table["drawn"].sum()
    return Spread(float(rho.std(ddof=1)), share, images=len(rho)) if len(rho) > 2 else None


def of_sizes(tables: list[dict[str, np.ndarray]]) -> list[Spread]:
    """Return the spread of log sizes of perturbations less image effects, of each network.

    Those of the largest map set; effects need three networks that share images.
    """
    from visalign.attacks import image_effects

    sets = [str(table["set"]) for table in tables if np.isfinite(table["rms"]).any()]
    if not sets:
        return []
    chosen = max(set(sets), key=sets.count)
    own = [t for t in tables if t["set"] == chosen and np.isfinite(t["rms"]).sum() > 2]
    if len(own) < 3 or len({len(table["rms"]) for table in own}) > 1:
        return []
    with np.errstate(divide="ignore"):
        log = np.log([table["rms"] for table in own])
    log[~np.isfinite(log)] = np.nan
    left = log - image_effects.fit(log, np.ones((1, log.shape[1])))[0]
    counts = np.isfinite(log).sum(axis=1)
    return [
        Spread(float(np.nanstd(row, ddof=1)), count / table["drawn"].sum(), images=count)
        for row, count, table in zip(left, counts, own, strict=True)
    ]


def median(told: list[Spread]) -> Spread:
    """Return the median of what models tell."""
    values = np.median([(one.sd, one.share, one.images) for one in told], axis=0)
    sd, share, images = values.tolist()
    return Spread(sd, share, len(told), images)


def shares_of_hits(results: Path) -> list[float]:
    """Return top-1 accuracies of a run, of models that name anything."""
    found = []
    for path in sorted((results / "accuracy").glob("*/*.csv")):
        table = read_table(path, ("metric", "value"))
        found += list(table.loc[table["metric"] == "top1", "value"].dropna())
    return [float(value) for value in found if value > 0]


# --- how many images ---


def images_needed(panel: str, half_width: float, spread: Spread) -> int:
    """Return how many images have to be drawn for an interval of a half-width; see the module."""
    if panel == "accuracy":
        return max(FEWEST, hits_needed(half_width, spread.sd))
    return max(FEWEST, math.ceil((Z * error(panel, spread) / half_width) ** 2 / spread.share))


def half_width_of(panel: str, images: int, spread: Spread) -> float:
    """Return the half-width of the interval of a number of images; NaN where there are none."""
    if not images:
        return math.nan
    if panel == "accuracy":
        low, high = wilson(images * spread.sd, images)
        return (high - low) / 2
    return Z * error(panel, spread) / math.sqrt(images * spread.share)


def error(panel: str, spread: Spread) -> float:
    """Return the standard error of a panel's score × √images."""
    return spread.sd * (math.sqrt(math.pi / 2) if panel == "perturbation_tolerance" else 1)


def hits_needed(half_width: float, share: float) -> int:
    """Return the smallest number of images whose Wilson interval is no wider, by bisection."""
    low, high = 0, 1
    while half_width_of("accuracy", high, Spread(share)) > half_width:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        wide = half_width_of("accuracy", middle, Spread(share)) > half_width
        low, high = (middle, high) if wide else (low, middle)
    return high


def needs(sizes: Memory, wanted: Mapping[str, float], told: Mapping[str, Spread]) -> list[Need]:
    """Return what each panel of a study needs, of those that are asked for; never more than there is."""
    study = sizes.study
    found: list[Need] = []
    for panel, width in wanted.items():
        measure = ASSUMED[panel][0]
        if not (study.enabled(measure) and (sets := chosen_sets(study, measure))):
            continue
        count = sizes.attacked if measure == "attacks" else sizes.images
        now, spread = max(map(count, sets)), told[panel]
        found.append(
            Need(
                panel=panel,
                measure=measure,
                half_width=width,
                spread=spread.sd,
                origin=spread.origin,
                images=min(now, images_needed(panel, width, spread)),
                images_now=now,
                half_width_now=half_width_of(panel, now, spread),
            )
        )
    return found


def chosen_sets(study: Study, measure: str) -> list[str]:
    """Return the stimulus sets of a measure whose number of images is a choice: no recording's."""
    of_recordings = {row["stimuli"] for row in study.recordings.values()}
    sets = (stimuli for name, _, stimuli in study.benchmarks() if name == measure)
    return [stimuli for stimuli in dict.fromkeys(sets) if stimuli not in of_recordings]


def reduced(sizes: Memory, needed: list[Need]) -> Memory:
    """Return the sizes of the study with as many images as its panels need.

    A stimulus set keeps as many as the most demanding of its measures.
    """
    study = sizes.study
    most: dict[str, int] = {}
    for need in needed:
        most[need["measure"]] = max(most.get(need["measure"], 0), need["images"])
    config = copy.deepcopy(study.config)
    if "attacks" in most:
        config["attacks"]["count"] = most["attacks"]
    found = Memory(replace(study, config=config), sizes.results)
    for stimuli in {s for measure in most for s in chosen_sets(study, measure)}:
        own = [name for name, _, other in study.benchmarks() if other == stimuli and study.enabled(name)]
        found.counted[stimuli] = min(
            sizes.images(stimuli), max(most.get(name, sizes.images(stimuli)) for name in own)
        )
    return found
