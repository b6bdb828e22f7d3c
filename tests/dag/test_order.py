"""The order that `plan` prints: its commands can be typed, and each adds the jobs that it says."""

import json
import re
import shlex

import pytest

from visalign import cli


def counted(result):
    """Jobs of a dry run, but for the target."""
    total = re.search(r"^total +(\d+)$", result.stdout + result.stderr, re.M)
    of_target = re.search(r"^all +1$", result.stdout + result.stderr, re.M)
    return (int(total[1]) if total else 0) - bool(of_target)


@pytest.fixture
def ordered(fresh_copy, monkeypatch, capsys):
    """A workflow that never ran, and its order by GPU-hours."""
    monkeypatch.chdir(fresh_copy.folder)
    cli.main(["plan", "config/config.yaml", "--gpu", "v100", "--order", "--json"])
    return fresh_copy, json.loads(capsys.readouterr().out)["order"]


def test_each_step_has_the_jobs_that_snakemake_runs_for_it(ordered):
    """From nothing the first step takes what it adds, and the last takes all."""
    workflow, order = ordered
    steps = order["steps"]
    assert steps[0]["measure"] == "accuracy"
    assert {step["measure"] for step in steps} == {
        "accuracy",
        "neural",
        "clickme",
        "attacks",
        "probes",
        "rest",
    }
    commands = [shlex.split(step["command"])[1:] for step in (steps[0], steps[-1])]
    first, last = (counted(workflow.run(*command, "--dry-run")) for command in commands)
    assert first == steps[0]["jobs"]
    assert last == sum(step["jobs"] for step in steps)


def test_steps_run_one_after_the_other_and_panels_are_drawn_between_them(ordered):
    workflow, order = ordered
    for step in order["steps"][:2]:
        command = shlex.split(step["command"])[1:]
        assert counted(workflow.run(*command, "--dry-run")) == step["jobs"]
        workflow.run(*command)
    workflow.run(*shlex.split(order["draw"])[1:])
    assert (workflow.folder / "results/figures/accuracy_vs_alignment.png").exists()
    assert not (workflow.folder / "results/report.html").exists()
