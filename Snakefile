# visalign: accuracy against alignment with the primate visual system. See README.md.
import gc
import json
import os
import re
import shlex
from functools import partial
from pathlib import Path

from snakemake.utils import min_version

from visalign.cli import STAGES
from visalign.errors import InputError, raise_any
from visalign.forkserver import start as forkserver
from visalign.study import axis, credits, fetched, layout
from visalign.study.inputs import SHEETS, Inputs, weights_of
from visalign.study.memory import Memory, machine_mb
from visalign.study.schemas import definition, section
from visalign.study.settings import (
    config_hash,
    dask_options,
    json_option,
    layers_option,
    of_command,
    of_methods,
    options,
    recipe_options,
    several,
    words,
)
from visalign.study.study import Study
from visalign.study import versions
from visalign.zoo.device import visible

min_version("9.0")

# Planning makes millions of objects that all stay: looking for garbage among them again and again takes a sixth of it.
gc.set_threshold(50_000, 20, 100)

ROOT = Path(workflow.basedir)


if not workflow.overwrite_configfiles:  # a file of --configfile replaces the default

    configfile: "config/config.yaml"


try:
    faults: list[str] = []
    STUDY = Study.load(config, ", ".join(map(str, workflow.configfiles)), layout.DATA_CONFIGS, faults)
    if config["check"] and workflow.is_main_process:  # not once more in every job
        from visalign.study import check

        check.before_run(STUDY, faults, layout.CHECK)
    raise_any(faults)
except InputError as error:
    raise WorkflowError(str(error)) from None

# Rules in other environments find the library; large blocks stay with the process, which makes
# forward passes on CPUs about twice as fast (glibc would give each activation back to the kernel).
LIBRARY = str(ROOT / "workflow")
ENVIRONMENT = {
    "TQDM_MININTERVAL": "5",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}
shell.prefix(
    f"export PYTHONPATH={shlex.quote(LIBRARY)}${{{{PYTHONPATH:+:$PYTHONPATH}}}} "
    + " ".join(f"{name}={value}" for name, value in ENVIRONMENT.items())
    + "; "
)


INPUTS = Inputs(STUDY)
version = partial(versions.version, library=ROOT / "workflow/visalign")
GPUS = len(visible()) if config["gpus"] == "auto" else config["gpus"]
GPU = min(GPUS, 1)  # what one job of a network asks for


resource_scopes:
    gpu="local",


if GPUS and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", GPUS)


# Snakemake does not say yet which executor it will have; one that sends jobs elsewhere is told how many (`--jobs`).
HERE = workflow.resource_settings.nodes is None
MEMORY = Memory(STUDY, gpu=GPUS > 0 if HERE else None)

# Jobs that run here side by side share this machine's memory; of a cluster it is not known.
if workflow.is_main_process and HERE and "mem_mb" not in workflow.global_resources:
    workflow.register_resource("mem_mb", machine_mb())


onstart:
    # For the sake of a rate of submission, Snakemake looks at all waiting jobs a second after each finished one, and
    # every second from then on: after 200 jobs that takes half a core. Jobs that run here need no rate.
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None
        if config["forkserver"] and not workflow.deployment_settings.deployment_method:
            forkserver.serve_run(LIBRARY, ENVIRONMENT)
    if "mem_mb" in workflow.global_resources:
        waiting = [
            (job.rule.name, tuple(job.wildcards), job.threads) for job in workflow.dag.needrun_jobs()
        ]
        if faults := MEMORY.faults(waiting, workflow.global_resources.get("mem_mb").value):
            raise WorkflowError("\n".join(faults))


wildcard_constraints:
    model="[^/]+",
    weights="[^/]+",
    stimuli="[^/]+",
    transform="[^/]+",
    recording="[^/]+",
    maps="[^/]+",


rule all:
    default_target: True
    input:
        INPUTS.targets(),


for stage in STAGES:

    include: f"workflow/rules/{stage}.smk"
