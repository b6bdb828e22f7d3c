"""What a job took, by the kernel's own account: Snakemake's own looks only now and then, and misses peaks."""

from __future__ import annotations

import resource
import sys

from visalign.io.files import write_atomic

#: Seconds, seconds of the processor, and peak resident memory in MiB.
COLUMNS = ("s", "cpu_time", "max_rss")
#: Bytes of a unit of ru_maxrss.
UNIT = 1 if sys.platform == "darwin" else 1024


def write_benchmark(path: str, seconds: float) -> None:
    """Write what this process and those that it waited for took, as a table of one row.

    Its memory is the largest of any of them.
    """
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    memory = max(usage.ru_maxrss for usage in usages) * UNIT / 2**20
    write_atomic(path, "\t".join(COLUMNS) + f"\n{seconds:.3f}\t{cpu:.3f}\t{memory:.1f}\n")
