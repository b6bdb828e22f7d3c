"""A plan, laid out for reading."""

from __future__ import annotations

from collections.abc import Iterator

from visalign.study.detectable import Fall
from visalign.study.memory import machine_mb
from visalign.study.order import Order
from visalign.study.plan import Plan, Smaller
from visalign.trend.covariates import MIN_POINTS


def text(planned: Plan) -> str:
    """Lay a plan out for reading."""
    lines = [*by_rule(planned), "", *summary(planned), "", *by_stage(planned)]
    if "order" in planned:
        lines += ["", *in_order(planned["order"])]
    if "smaller" in planned:
        lines += ["", *of_fewer_images(planned["smaller"], planned)]
    if "falls" in planned:
        lines += ["", *of_fewer_models(planned["falls"])]
    return "\n".join([*lines, "", "Assumptions:", *(f"- {one}" for one in planned["assumptions"])])


def number(value: float | None, digits: int = 1) -> str:
    """A number of a table, ? where it is not known."""
    return "?" if value is None else f"{value:,.{digits}f}"


def by_rule(planned: Plan) -> Iterator[str]:
    """Lines of the table of rules."""
    yield f"{'rule':20s} {'jobs':>7s} {'hours':>9s} {'disk, GB':>9s} {'memory, GB':>11s}"
    for rule, count in planned["jobs"].items():
        time = number(planned["hours"][rule])
        disk, memory = planned["disk_bytes"].get(rule, 0) / 1e9, planned["memory_mb"][rule] / 1000
        yield f"{rule:20s} {count:7d} {time:>9s} {disk:9.1f} {memory:11.1f}"
    hours, disk = planned["network_hours"] + planned["other_hours"], sum(planned["disk_bytes"].values())
    yield f"{'total':20s} {sum(planned['jobs'].values()):7d} {hours:9.1f} {disk / 1e9:9.1f}"


def summary(planned: Plan) -> Iterator[str]:
    """Sentences on hours, memory and downloads."""
    downloads = planned["downloads"]
    largest = max(planned["memory_mb"].items(), key=lambda each: each[1], default=("", 0))
    yield (
        f"Hours of networks (one GPU each, where there are any): {planned['network_hours']:.0f}; "
        f"of other jobs: {planned['other_hours']:.0f}; ?: no such job was measured."
    )
    yield (
        f"Memory of the largest job: {largest[1] / 1000:.1f} GB ({largest[0]}); this machine has "
        f"{machine_mb() / 1000:.1f} GB."
    )
    yield (
        f"Downloads: {downloads['weights']} weights, {downloads['weights_bytes'] / 1e9:.0f} GB, "
        f"and {len(downloads['files'])} files of config/downloads.tsv, of unknown size."
    )


def by_stage(planned: Plan) -> Iterator[str]:
    """Lines of the table of stages, with hours of networks on each kind of GPU."""
    kinds = planned["gpus"]
    heads = "".join(f" {f'{kind}, h':>11s}" for kind in kinds)
    yield f"{'stage':12s} {'jobs':>7s} {'hours':>9s} {'share':>6s} {'passes, M':>10s} {'PFLOP':>11s}{heads}"
    for stage, taken in planned["stages"].items():
        share = "" if taken["share"] is None else f"{taken['share']:.0%}"
        line = f"{stage:12s} {taken['jobs']:7d} {number(taken['hours']):>9s} {share:>6s}"
        if taken["passes"]:
            line += f" {taken['passes'] / 1e6:10,.1f} {taken['operations'] / 1e15:11,.0f}"
            line += "".join(f" {hours_of(stage, found['hours']):11,.1f}" for found in kinds.values())
        yield line
    if kinds:
        sums = "".join(f" {sum(found['hours'].values()):11,.1f}" for found in kinds.values())
        yield f"{'all networks':58s}  {sums}"
        for kind, found in kinds.items():
            yield f"{kind}: {found['origin']}; {found['tflops']:g} TFLOPS, {found['gb_per_s']:g} GB/s"


def hours_of(stage: str, hours: dict[str, float]) -> float:
    """Sum the hours of the rules of a stage."""
    return sum(time for rule, time in hours.items() if rule.partition("_")[0] == stage)


def in_order(order: Order) -> Iterator[str]:
    """Lines of the cheapest order."""
    yield "Cheapest order, most panels per hour first; what each step adds:"
    for step in order["steps"]:
        yield (
            f"  {step['measure']:10s} {step['panels']:3d} panels {number(step['hours']):>9s} hours "
            f"{step['jobs']:6d} jobs:  {step['command']}"
        )
    yield f"What is there after a step is drawn by: {order['draw']}"


def of_fewer_images(found: Smaller, planned: Plan) -> Iterator[str]:
    """Lines of the study with fewer images, beside the full one."""
    yield "Images for intervals of the wanted half-width:"
    yield f"  {'panel':24s} {'half-width':>10s} {'images':>8s} {'now':>15s} {'spread':>8s}"
    for need in found["needs"]:
        now = f"{need['images_now']} (±{need['half_width_now']:.3f})"
        yield (
            f"  {need['panel']:24s} {need['half_width']:10.3f} {need['images']:8d} {now:>15s} "
            f"{need['spread']:8.3f} {need['origin']}"
        )
    for name, count in found["images"].items():
        yield f"  images of {name}: {count}"
    if found["attacks_count"] is not None:
        yield f"  attacks: {{count: {found['attacks_count']}}}"
    parts = [
        ("networks", planned["network_hours"], found["network_hours"]),
        ("other jobs", planned["other_hours"], found["other_hours"]),
        *(
            (f"networks on {kind}", sum(planned["gpus"][kind]["hours"].values()), hours)
            for kind, hours in found["gpu_hours"].items()
        ),
    ]
    for what, full, fewer in parts:
        yield f"  hours of {what}: {fewer:,.1f} instead of {full:,.1f}"
    disk = sum(planned["disk_bytes"].values())
    yield f"  disk: {found['disk_bytes'] / 1e9:,.1f} GB instead of {disk / 1e9:,.1f}"
    for scatter in found["scatters"]:
        yield f"  smallest fall of {scatter['panel']}: {scatter['ratio']:.2f} times that with all images"


def of_fewer_models(falls: list[Fall]) -> Iterator[str]:
    """Lines of the smallest fall by number of models."""
    if not falls:
        yield f"Fewer than {MIN_POINTS} models have no trend."
        return
    yield "Smallest fall that 80 % of studies find, over the upper third of the models, by their number:"
    for fall in falls:
        size = "none" if fall["fall"] is None else f"{fall['fall']:.1f} SD"
        yield f"  {fall['models']:5d} models ({fall['share']:.0%} of the study's, and of its hours): {size}"
