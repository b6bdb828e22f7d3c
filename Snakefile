# visalign: accuracy against alignment with the primate visual system. See README.md.
import gc
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from snakemake.utils import min_version

from visalign.io.checksums import listing
from visalign.errors import InputError, raise_any
from visalign.study.study import CACHE, Study
from visalign.study.versions import version
from visalign.zoo.weights import files_of, weights_id

min_version("9.0")

# Planning makes millions of objects that all stay: looking for garbage among them again and again takes a sixth of it.
gc.set_threshold(50_000, 20, 100)

ROOT = Path(workflow.basedir)


if not workflow.overwrite_configfiles:  # a file of --configfile replaces the default

    configfile: "config/config.yaml"


try:
    faults: list[str] = []
    STUDY = Study.load(config, ", ".join(map(str, workflow.configfiles)), CACHE, faults)
    if config["check"] and workflow.is_main_process:  # not once more in every job
        from visalign.tools import check

        check.before_run(STUDY, faults, "results/check.json")
    raise_any(faults)
except InputError as error:
    raise WorkflowError(str(error)) from None

# Rules in other environments find the library; large blocks stay with the process, which makes
# forward passes on CPUs about twice as fast (glibc would give each activation back to the kernel).
shell.prefix(
    f"export PYTHONPATH={shlex.quote(str(ROOT / 'workflow'))}${{{{PYTHONPATH:+:$PYTHONPATH}}}} TQDM_MININTERVAL=5 "
    "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456; "
)


def count_gpus() -> int:
    """GPUs that jobs on this machine may use."""
    if config["gpus"] != "auto":
        return config["gpus"]
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return len([d for d in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if d.strip()])
    if not shutil.which("nvidia-smi"):
        return 0
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout
    return sum(line.startswith("GPU ") for line in listed.splitlines())


GPUS = count_gpus()
GPU = min(GPUS, 1)  # what one job of a network asks for
LOW_LEVEL = [model for model in STUDY.models if STUDY.is_low_level(model)]


resource_scopes:
    gpu="local",


if GPUS and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", GPUS)


wildcard_constraints:
    model="[^/]+",
    weights="[^/]+",
    stimuli="[^/]+",
    transform="[^/]+",
    recording="[^/]+",
    maps="[^/]+",


def options(row: dict, *names: str) -> str:
    """Command-line options of the fields of a row that are set."""
    pairs = [(name.replace("_", "-"), row[name]) for name in names if row.get(name) is not None]
    words = [str(value).lower() if isinstance(value, bool) else str(value) for _, value in pairs]
    return " ".join(f"--{name} {shlex.quote(word)}" for (name, _), word in zip(pairs, words))


def table_of(stimuli: str) -> str:
    return f"results/stimuli/{stimuli}.csv"


def simulated(kind: str, wildcards) -> dict:
    """Settings of a simulated dataset."""
    return config["simulate"][kind][wildcards.recording if kind == "recordings" else wildcards.maps]


def store(stage: str, settings: dict, stimuli: str):
    return ancient(f"results/{stage}/{settings['teacher']}/{settings[stimuli]}.zarr")


def manifest(stage: str, settings: dict, stimuli: str) -> str:
    return f"results/{stage}/{settings['teacher']}/{settings[stimuli]}.json"


def stimulus_files(stimuli: str) -> list[str]:
    """Files that a stimulus set is made from and whose change makes it anew."""
    row = STUDY.stimuli[stimuli]
    paths = [row["path"]] if row["source"] in ("tfrecord", "npz") and "*" not in row["path"] else []
    return paths + [row[column] for column in ("labels", "multi_labels") if column in row]


WEIGHTS = {weights_id(row): row for row in STUDY.models.values() if row["weights"] != "train"}


def network_input(wildcards) -> dict:
    """What a stage that runs a model on a stimulus set reads."""
    pixels = f"results/preprocess/{wildcards.stimuli}/{STUDY.transform(wildcards.model, wildcards.stimuli)}"
    return {
        "card": f"results/models/{wildcards.model}.json",
        "weights": ancient(f"{STUDY.weights(wildcards.model)}.safetensors"),
        "pixels": ancient(f"{pixels}.zarr"),
        "pixels_manifest": f"{pixels}.json",
    }


def gpu_of(wildcards) -> int:
    """GPUs that a job of a model asks for; image statistics are computed without."""
    return 0 if STUDY.is_low_level(wildcards.model) else GPU


def score_files() -> list[str]:
    """Score files of all models; with allow_missing, those that exist."""
    files = [f"results/{measure}/{model}/{dataset}.csv" for measure, model, dataset in STUDY.score_files()]
    files = [file for file in files if os.path.exists(file)] if config["allow_missing"] else files
    return files + [f"results/tolerances/{maps}.csv" for maps in STUDY.maps if attack_tables(maps)]


def attack_tables(maps: str) -> list[str]:
    """Per-image tables of the attacks on a map set, of all models; with allow_missing, those that exist."""
    attacked = [
        model
        for measure, model, dataset in STUDY.score_files()
        if (measure, dataset) == ("attacks", maps) and model not in LOW_LEVEL
    ]
    files = [f"results/attacks/{model}/{maps}_images.csv" for model in attacked]
    return [file for file in files if os.path.exists(file)] if config["allow_missing"] else files


def data_cards() -> list[str]:
    """Cards of the recordings and maps that are in use."""
    cards = [f"results/recordings/{name}.json" for name in STUDY.recordings if STUDY.enabled("neural")]
    return cards + [f"results/maps/{name}.json" for name in STUDY.maps if STUDY.enabled("clickme")]


def targets(wildcards) -> list[str]:
    """Final outputs of the stages that are switched on."""
    outputs = {"trend": "results/trend.json", "report": "results/report.html"}
    files = ["results/scores.csv"] + [file for stage, file in outputs.items() if STUDY.enabled(stage)]
    if STUDY.enabled("trend"):
        files.append("results/methods.md")
    if STUDY.enabled("figures"):
        files.append("results/figures/accuracy_vs_alignment.png")
    if train_pairs() and train_measured():
        files.append("results/train/comparison.md")
    return files


rule all:
    default_target: True
    input:
        targets,


include: "workflow/rules/downloads.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/stimuli.smk"
include: "workflow/rules/preprocess.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/accuracy.smk"
include: "workflow/rules/recordings.smk"
include: "workflow/rules/gram.smk"
include: "workflow/rules/neural.smk"
include: "workflow/rules/maps.smk"
include: "workflow/rules/saliency.smk"
include: "workflow/rules/clickme.smk"
include: "workflow/rules/attacks.smk"
include: "workflow/rules/tolerances.smk"
include: "workflow/rules/scores.smk"
include: "workflow/rules/trend.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
