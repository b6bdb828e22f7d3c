"""What a job took, by the kernel's own account: Snakemake's own looks only now and then, and misses peaks."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path

from visalign.io.files import write_atomic

#: Seconds, seconds of the processor, and peak resident memory in MiB.
COLUMNS = ("s", "cpu_time", "max_rss")
#: Bytes of a unit of ru_maxrss.
UNIT = 1 if sys.platform == "darwin" else 1024
#: When this module was imported: what comes before is milliseconds, but for a forked process.
IMPORTED = time.monotonic()
#: Place of the start of a process, in ticks since the machine's, in what Linux says after its name.
START = 19


def seconds_of_process() -> float:
    """Seconds since this process was started, or forked; where that is not known, since it imported this."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[START])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return time.monotonic() - IMPORTED


def peak_of_process() -> float:
    """Largest memory that was resident in this process, in MiB.

    Linux's own figure of this program: ``ru_maxrss`` would count the process that started it.
    """
    try:
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / 2**20


def write_benchmark(path: str) -> None:
    """Write what this process and those that it waited for took, as a table of one row.

    Its memory is the largest of any of them.
    """
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in (own, children))
    memory = max(peak_of_process(), children.ru_maxrss * UNIT / 2**20)
    row = f"{seconds_of_process():.2f}\t{cpu:.3f}\t{memory:.1f}\n"
    write_atomic(path, "\t".join(COLUMNS) + "\n" + row)
