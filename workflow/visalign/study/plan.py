"""What a study will take before it is started: jobs, downloads, disk, memory and hours.

Jobs are those of Snakemake's own dry run (`jobs`). Hours are extrapolated from the measured times of a run of
other networks (`hours`), and for kinds of GPUs from what is published of these (`gpus`); the assumptions are
part of the output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NotRequired, TypedDict

from visalign.study import gpus, smaller
from visalign.study.costs import NETWORK, Sizes
from visalign.study.detectable import Fall, Scatter, scatters
from visalign.study.gpus import Gpu
from visalign.study.hours import Hours, Timed
from visalign.study.jobs import fetched, stage_of
from visalign.study.memory import Memory
from visalign.study.order import Order
from visalign.zoo.weights import pretrained_name

ASSUMPTIONS = (
    "Jobs are those of a run from nothing.",
    "Images are counted in results/stimuli or in their files, else taken from the column count of the sheet; "
    "parameters are those of the sheet or of a card, else of a weight file that is here, else 30 million.",
    "Features take 2.5 MB per image of 224 pixels, in proportion to the pixels. Eleven architectures of 5 to "
    "138 million parameters took 1.0 to 25 MB (EfficientNet-Lite0 1.7, ResNet-50 3.4, ViT-B/16 3.9, VGG-16 "
    "25), the median 2.0. With features: {keep: false} the disk holds those of the jobs of the moment only.",
    "Stores are counted uncompressed, and weights of the hub twice: in its cache and in results.",
    "A job takes a constant and a time in proportion to its work, fitted on the measured run (where all its "
    "jobs had the same work, a constant). Work is passes × pixels × parameters for networks, rows² for Gram "
    "matrices and scores on them, and images (× pixels) elsewhere, low-level models among them.",
    "Passes are one forward per image for features and each level of revelation, and one forward and one "
    "backward for saliency; for attacks two forward and one backward for each gradient evaluation of the "
    "budget; in a training one forward and two backward per image of a batch, with the harmonizer five.",
    "Eleven networks of 5 to 138 million parameters took 0.5 to 2.8 times what EfficientNet-Lite0 takes per "
    "parameter and pixel, on one core; the median was 1.3.",
    "Memory is that of a rule's largest job on a CPU with one thread, as it is asked for: what imports take, "
    "arrays by their shapes, activations of 60 MB per image of 224 pixels × √(million parameters) where a "
    "gradient keeps them, and a quarter on top. Recordings that are not here count as 160 MB, as the public "
    "MajajHong2015.",
    "Hours are those of jobs on the machine and device of the measured run, with its metrics. For GPU-hours, "
    "give the timings of a run of a few networks on the GPU (--timings, --measured-config, --measured-gpu).",
    f"On kinds of GPUs (--gpu), where nothing ran on one, a job takes {gpus.START} s to start (assumed), and "
    "each pass the time of its multiplications at the published peak of float32, and of moving its "
    f"activations {gpus.MOVED} times through memory of the published bandwidth. That law foretells four "
    "published throughputs of convolutional networks on V100 and T4 to a sixth; it was checked on no other "
    "GPU and no transformer. Reading images and writing stores, for which the GPU waits, is not in it.",
)


class Downloads(TypedDict):
    """Weights of the hub with their bytes, and files of the sheet of downloads."""

    weights: int
    weights_bytes: int
    files: list[str]


class Stage(TypedDict):
    """What the jobs of a stage take."""

    jobs: int
    hours: float | None  # None: nothing of it was measured
    share: float | None  # of the hours of all that was measured
    passes: float  # forward and backward, of one image
    operations: float  # two for each multiply-accumulate of these


class Smaller(TypedDict):
    """The study with as many images as its panels need for intervals of the wanted width."""

    needs: list[smaller.Need]
    images: dict[str, int]  # by stimulus set, of those that are smaller
    attacks_count: int | None  # the setting attacks.count, where it is smaller
    scatters: list[Scatter]
    network_hours: float
    other_hours: float
    gpu_hours: dict[str, float]  # by kind
    disk_bytes: int


class Plan(TypedDict):
    """What a study takes."""

    jobs: dict[str, int]  # by rule
    hours: dict[str, float | None]  # by rule; None: not measured
    network_hours: float
    other_hours: float
    stages: dict[str, Stage]
    gpus: dict[str, Hours]  # by kind
    disk_bytes: dict[str, int]  # by rule
    memory_mb: dict[str, int]  # of the largest job, by rule
    downloads: Downloads
    assumptions: list[str]
    order: NotRequired[Order]
    falls: NotRequired[list[Fall]]
    smaller: NotRequired[Smaller]


def plan(jobs: Iterable[tuple], sizes: Memory, timed: Timed, kinds: Iterable[Gpu] = ()) -> Plan:
    """Sum what jobs take.

    Parameters
    ----------
    jobs : iterable of Job or of (rule, names)
    sizes : Memory
        Of the study of the jobs.
    timed : Timed
    kinds : iterable of Gpu, optional
        For which hours of networks are computed.
    """
    named = [(rule, names) for rule, names, *_ in jobs]
    seconds: Counter[str] = Counter()
    disk: Counter[str] = Counter()
    for rule, names in named:
        disk[rule] += round(sizes.disk(rule, names))
        seconds[rule] += timed.seconds(sizes, rule, names) or 0  # type: ignore[assignment]
    counts = Counter(rule for rule, _ in named)
    largest = dict.fromkeys(counts, 0)
    for rule, names in named:
        largest[rule] = max(largest[rule], sizes.mb(rule, names))
    hub = {
        pretrained_name(row): sizes.parameters(model)
        for model, row in sizes.study.models.items()
        if row["weights"] == "hub"
    }
    hours = {rule: seconds[rule] / 3600 if rule in timed.rates else None for rule in counts}
    return {
        "jobs": dict(counts),
        "hours": hours,
        "network_hours": sum(seconds[rule] for rule in NETWORK) / 3600,
        "other_hours": sum(time for rule, time in seconds.items() if rule not in NETWORK) / 3600,
        "stages": stages(named, sizes, hours),
        "gpus": {gpu.kind: timed.hours_on(gpu, named, sizes) for gpu in kinds},
        "disk_bytes": {rule: size for rule, size in disk.items() if size},
        "memory_mb": largest,
        "downloads": {
            "weights": len(hub),
            "weights_bytes": 4 * sum(hub.values()),
            "files": fetched(sizes.study),
        },
        "assumptions": list(ASSUMPTIONS),
    }


def stages(
    jobs: list[tuple[str, tuple[str, ...]]], sizes: Sizes, hours: dict[str, float | None]
) -> dict[str, Stage]:
    """Sum what jobs take by stage, in the order in which stages first appear."""
    total = sum(filter(None, hours.values()))
    found: dict[str, Stage] = {}
    for rule, time in hours.items():
        stage = found.setdefault(
            stage_of(rule), {"jobs": 0, "hours": None, "share": None, "passes": 0, "operations": 0}
        )
        if time is not None:
            stage["hours"] = (stage["hours"] or 0) + time
            stage["share"] = (stage["share"] or 0) + time / total if total else None
    for rule, names in jobs:
        stage = found[stage_of(rule)]
        stage["jobs"] += 1
        if sizes.on_gpu(rule, names):
            passes = sum(sizes.passes(rule, names))
            stage["passes"] += passes
            stage["operations"] += 2 * passes * gpus.of_model(sizes, names[0]).multiplications
    return found


def of_smaller(
    jobs: Iterable[tuple],
    sizes: Memory,
    timed: Timed,
    kinds: Iterable[Gpu],
    wanted: dict[str, float],
) -> Smaller:
    """Return what the study takes with as many images as intervals of the wanted half-widths need.

    Parameters
    ----------
    jobs, sizes, timed, kinds
        As of `plan`.
    wanted : dict
        Panel -> half-width, see `smaller.half_widths`.
    """
    told = smaller.spreads(sizes.results)
    needed = smaller.needs(sizes, wanted, told)
    fewer = smaller.reduced(sizes, needed)
    taken = plan(jobs, fewer, timed, kinds)
    count = fewer.study.config["attacks"]["count"]
    return {
        "needs": needed,
        "images": {name: number for name, number in fewer.counted.items() if number < sizes.images(name)},
        "attacks_count": count if count != sizes.study.config["attacks"]["count"] else None,
        "scatters": scatters(sizes.results, needed, told),
        "network_hours": taken["network_hours"],
        "other_hours": taken["other_hours"],
        "gpu_hours": {kind: sum(found["hours"].values()) for kind, found in taken["gpus"].items()},
        "disk_bytes": sum(taken["disk_bytes"].values()),
    }
