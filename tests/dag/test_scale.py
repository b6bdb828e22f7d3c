"""The full study, and a study of a thousand networks, planned offline."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from visalign.study.jobs import load, make_scratch
from visalign.study.study import NEEDS

ROOT = Path(__file__).parents[2]
MODELS, FEWER = 1000, 250
#: Rules that read files of every model: tables and pages of the whole study.
OF_ALL = {"tolerances", "scores", "methods", "report_study", "all"}


#: Snakemake, then Linux's own figure of its memory: the rusage of a child counts its parent's too.
MEASURED = """
import sys
from snakemake.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print("VmHWM", open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""


def dry_run(folder, *arguments):
    """Plan; returns jobs by rule, CPU seconds and peak memory in MB."""
    command = [sys.executable, "-c", MEASURED, "--dry-run", "--quiet", "rules", "--cores", "2", *arguments]
    with (folder / "plan.txt").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    text = (folder / "plan.txt").read_text()
    assert status == 0, text[-3000:]
    jobs = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", text, re.M)}
    memory = int(re.search(r"^VmHWM (\d+)$", text, re.M).group(1)) / 1000
    return jobs, usage.ru_utime + usage.ru_stime, memory


def write_networks(folder, many):
    """Make the sheet of the default study so many untrained networks."""
    named = ["lite0", "lite0_80", "lite0_112"]  # the teacher, and those that the config names to be probed
    names = named + [f"net{number}" for number in range(len(named), many)]
    rows = [f"{name}\ttf_efficientnet_lite0\trandom\t{seed}\n" for seed, name in enumerate(names)]
    sheet = "model\tarchitecture\tweights\tsource\n" + "".join(rows)
    (folder / "config/models/embedded.tsv").write_text(sheet)


@pytest.mark.slow
def test_a_thousand_networks_are_planned_in_time_and_memory_per_job(fresh, tmp_path):
    folder = fresh.copy(tmp_path / "workflow").folder
    planned = {}
    for many in (FEWER, MODELS):
        write_networks(folder, many)
        planned[many] = dry_run(folder)
        jobs, seconds, megabytes = planned[many]
        print(f"{jobs['total']} jobs, {seconds:.1f} s, {megabytes:.0f} MB")
    of_each = ("models_card", "gram", "neural", "clickme_score", "attacks_perturb")
    assert min(jobs[rule] for rule in of_each) >= MODELS
    assert {rule.split("_")[0] for rule in jobs} >= set(NEEDS)
    # What grows with the square of the models takes four times as long a job; that both plans are of one run
    # leaves of the speed of a machine what changes within it. Memory: 22 KB a job, and 170 MB to begin with.
    fewer, less, _ = planned[FEWER]
    assert seconds / jobs["total"] < 2 * less / fewer["total"]
    assert megabytes < 200 + 0.03 * jobs["total"]


@pytest.mark.slow
def test_the_full_study_is_planned_offline_with_stubs_in_the_place_of_its_sources(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    study = load(Path("config/paper.yaml"))
    make_scratch(study, tmp_path)
    jobs, seconds, megabytes = dry_run(
        tmp_path, "--configfile", "config/paper.yaml", "--snakefile", str(ROOT / "Snakefile"),
        "--config", "check=False",
    )  # fmt: skip
    print(f"{jobs['total']} jobs, {seconds:.1f} s, {megabytes:.0f} MB")
    low = sum(map(study.is_low_level, study.models))
    headless = sum(row["label_space"] == "none" for row in study.models.values()) - low
    assert jobs["models_card"] == len(study.models) == 419 + low
    assert jobs["accuracy"] == jobs["attacks_perturb"] == 419 - headless
    assert (
        jobs["clickme_score"] - jobs["accuracy"] == jobs["attacks_control"] == 3
    )  # of five image statistics
    assert jobs["neural"] == (419 + 2) * 4
    assert jobs["downloads"] == 3 + 17  # MajajHong2015 and its images, the validation shards of ClickMe
    assert not any(rule.startswith("simulate") for rule in jobs)
    assert megabytes < 500


def test_only_tables_and_pages_of_the_whole_study_read_files_of_all_models(fresh):
    models = [line.split("\t")[0] for line in read_rows(fresh.folder / "config/models/embedded.tsv")]
    printed = fresh.run("--dry-run").stdout
    found = re.findall(r"^(?:local)?rule (\w+):\n    input: (.*)$", printed, re.M)
    of_all = {rule for rule, inputs in found if all(f"/{model}" in inputs for model in models)}
    assert {"scores", "report_study"} <= of_all <= OF_ALL


def read_rows(sheet):
    """Rows of a sheet, without its header."""
    return sheet.read_text().splitlines()[1:]
