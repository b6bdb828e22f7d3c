"""Claims about the timings of jobs: those of the whole process, of the processor, and the peak of memory."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import time
block = bytearray(300 << 20)
del block
time.sleep(0.5)
end = time.process_time() + 0.5
while time.process_time() < end:
    pass
from visalign.io.benchmark import write_benchmark
write_benchmark("timings.tsv")
"""


@pytest.fixture
def timings(tmp_path):
    larger = b"x" * (600 << 20)  # in the process that starts it: not the job's memory
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, check=True)
    del larger
    with (tmp_path / "timings.tsv").open(newline="") as table:
        [row] = csv.DictReader(table, delimiter="\t")
    return {name: float(value) for name, value in row.items()}


def test_timings_are_of_all_that_the_process_did_also_before_it_was_asked(timings):
    assert list(timings) == ["s", "cpu_time", "max_rss"]
    assert 1 < timings["s"] < 10 and 0.5 < timings["cpu_time"] < timings["s"]


def test_memory_that_was_given_back_is_in_the_peak(timings):
    assert 300 < timings["max_rss"] < 400  # MiB


def test_a_command_writes_them_and_a_failed_one_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text("model,top1,it\n" + "".join(f"m{i},{i},{i % 7}\n" for i in range(12)))
    command = [sys.executable, "-m", "visalign", "trend", "table.csv", "--x", "top1", "--bootstrap", "100"]
    for column, status in (("it", 0), ("absent", 2)):
        done = subprocess.run([*command, "--y", column, "--benchmark", f"{column}.tsv"], capture_output=True)
        assert done.returncode == status
    assert Path("it.tsv").exists() and not Path("absent.tsv").exists()
