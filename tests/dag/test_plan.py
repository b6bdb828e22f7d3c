import re
import time
from pathlib import Path

import pytest

from visalign.cli import STAGES


def rules(plan):
    return {job[0] for job in plan}


def test_a_fresh_plan_has_every_stage(fresh):
    planned = rules(fresh.plan())
    named = {name.split("_")[0] for name in planned}
    assert named == set(STAGES) - {"downloads", "train"}  # the default study fetches and trains nothing


def test_features_that_are_not_kept_are_deleted_once_read_and_nothing_else_differs(fresh_copy):
    workflow, folder = fresh_copy, fresh_copy.folder
    workflow.edit(
        "config/config.yaml", "features: {batch_size: 16}", "features: {batch_size: 16, keep: false}"
    )
    workflow.run()
    assert list(folder.glob("results/features/*/*.zarr")) == []
    assert len(list(folder.glob("results/features/*/*.json"))) == len(
        list(folder.glob("results/features/*/*"))
    )
    assert list(folder.glob("results/gram/*/*/*.zarr"))
    assert workflow.plan() == set()
    workflow.edit("config/config.yaml", "components: 25", "components: 20")
    assert rules(workflow.plan()) == {
        "neural", "report_model", "scores", "trend", "methods", "figures", "report_study",
    }  # fmt: skip


def test_switching_a_stage_off_removes_it_and_what_needs_it(fresh):
    planned = rules(fresh.plan(config={"gram": {"enabled": False}, "attacks": {"enabled": False}}))
    assert not planned & {"gram", "neural", "recordings", "simulate_recordings"}
    assert not planned & {"attacks_perturb", "attacks_score"}
    assert {"accuracy", "clickme_score", "scores", "report_study"} <= planned


def test_a_failing_model_does_not_hide_the_others(fresh_copy):
    broken, folder = fresh_copy, fresh_copy.folder
    result = broken.run(check=False, STAND_IN_FAILS="lite1_80")
    assert result.returncode != 0
    assert "told to fail" in result.stdout + result.stderr  # the log of the failed job is shown
    assert (folder / "results/neural/lite2_112/it_simulated.csv").exists()
    assert not (folder / "results/scores.csv").exists()
    broken.run("--config", "allow_missing=True", check=False, STAND_IN_FAILS="lite1_80")
    assert (folder / "results/scores.csv").exists()
    assert (folder / "results/report.html").exists()


def test_a_missing_file_of_weights_stops_no_other_model(fresh, fresh_copy):
    fresh_copy.append("config/models/embedded.tsv", "lost\tresnet18\tfile\tnowhere.safetensors")
    assert fresh_copy.plan() > fresh.plan()


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        ("config/config.yaml", "components: 25", "componentz: 25", "neural.componentz: unknown key"),
        ("config/models/embedded.tsv", "lite1_80\t", "lite0\t", "'lite0' is there twice"),
        ("config/recordings.tsv", "\tscenes\t", "\tsceens\t", "stimuli: 'sceens' is unknown"),
        ("config/config.yaml", "teacher: lite0", "teacher: lite9", "teacher: 'lite9' is unknown"),
    ],
)
def test_bad_input_is_named_before_any_job(fresh_copy, path, old, new, message):
    fresh_copy.edit(path, old, new)
    result = fresh_copy.run("--dry-run", check=False)
    assert result.returncode != 0
    assert message in result.stdout + result.stderr
    assert Path(path).name in result.stdout + result.stderr
    assert not re.search(r"^rule ", result.stdout + result.stderr, re.M)


def counts(result):
    """Jobs by rule, as a dry run prints them."""
    table = re.search(r"^job +count\n(?:-+ +-+\n)?(.*?)^total", result.stdout + result.stderr, re.M | re.S)
    return dict(line.split() for line in table[1].splitlines() if line.strip())


def test_the_slurm_profile_plans_the_same_jobs(fresh):
    local = counts(fresh.run("--dry-run"))
    assert len(local) > 20
    assert counts(fresh.run("--dry-run", "--workflow-profile", "profiles/slurm")) == local


def memory_of_features(result):
    """Memory that jobs of features ask for, as a dry run prints it."""
    printed = result.stdout + result.stderr
    return list(map(int, re.findall(r"^ *(?:local)?rule features\b.*?\bmem_mb=(\d+)", printed, re.M | re.S)))


def test_jobs_of_a_cluster_ask_for_the_memory_of_gpus(fresh):
    local = memory_of_features(fresh.run("--dry-run"))
    cluster = memory_of_features(fresh.run("--dry-run", "--workflow-profile", "profiles/slurm"))
    assert len(local) == len(cluster) > 5
    assert min(cluster) > max(local) and min(cluster) > 3000  # libraries of CUDA


def test_the_workflow_runs_from_another_folder(finished, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = ("--directory", str(finished.folder), "--snakefile", str(finished.folder / "Snakefile"))
    result = finished.run("--dry-run", *where, folder=elsewhere)
    assert "Nothing to be done" in result.stdout + result.stderr
    assert list(elsewhere.iterdir()) == []


def test_jobs_of_a_local_run_start_at_any_rate(finished):
    """Four jobs in turn, of which one a minute may start, would take three minutes."""
    before = time.monotonic()
    finished.run("--forcerun", "trend", "--max-jobs-per-timespan", "1/1m")
    assert time.monotonic() - before < 120
