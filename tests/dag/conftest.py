"""Plans and runs of the workflow without its computations.

A stand-in for `python` makes the outputs of each job from the job's arguments, so that a complete
run takes seconds and what Snakemake plans after a change can be asserted.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

from visalign.recordings.assembly import write_assembly

ROOT = Path(__file__).parents[2]
MODELS = ("lite0", "lite1_80", "lite2_112")


class Workflow:
    """A copy of the workflow in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder

    def copy(self, folder):
        """Return a copy of the workflow, with what it has made, in a folder that is not there yet."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Workflow(folder)

    def run(self, *arguments, check=True, folder=None, **environment):
        """Run Snakemake on the command line, in a folder, with the stand-in for python."""
        path = f"{Path(__file__).parent / 'stand_in'}:{os.environ['PATH']}"
        result = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
            cwd=folder or self.folder,
            env=os.environ | {"PATH": path} | environment,
            capture_output=True,
            text=True,
        )
        if check:
            assert result.returncode == 0, result.stderr[-3000:]
        return result

    def plan(self, *targets, config=None, force=frozenset()):
        """Jobs that Snakemake would run: set of (rule, wildcard values...)."""
        here = Path.cwd()
        try:
            with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
                workflow = api.workflow(
                    snakefile=self.folder / "Snakefile",
                    workdir=self.folder,
                    config_settings=ConfigSettings(config=config or {}),
                    resource_settings=ResourceSettings(cores=2),
                )
                settings = DAGSettings(targets=frozenset(targets), forcerun=frozenset(force))
                workflow.dag(settings).execute_workflow(executor="dryrun")
                dag = workflow._workflow.dag
                return {(job.rule.name, *job.wildcards) for job in dag.jobs if str(dag.reason(job))} - {
                    ("all",)
                }
        finally:
            os.chdir(here)

    def edit(self, path, old, new):
        """Replace text in a file, which must hold it."""
        file = self.folder / path
        text = file.read_text()
        assert old in text, f"{path} does not hold {old!r}"
        file.write_text(text.replace(old, new))

    def write_weights(self, path, architecture, seed):
        """Write random weights of a network."""
        torch.manual_seed(seed)
        save_file(timm.create_model(architecture).state_dict(), self.folder / path)

    def write_recording(self, path):
        """Write responses of three neuroids of IT to the first scenes."""
        ids = [f"scenes-{index:06d}" for index in range(8)]
        responses = np.random.default_rng(0).normal(size=(8, 2, 3, 1))
        neuroids = (["a", "b", "c"], ["IT"] * 3, ["monkey"] * 3)
        write_assembly(self.folder / path, responses, ids, ["cube"] * 8, *neuroids, [(70, 170)])

    def append(self, path, line):
        """Append a line to a sheet."""
        with (self.folder / path).open("a") as file:
            file.write(line + "\n")


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """A workflow of three models that never ran."""
    folder = tmp_path_factory.mktemp("fresh") / "workflow"
    folder.mkdir()
    shutil.copy(ROOT / "Snakefile", folder)
    for name in ("workflow", "config", "profiles", "envs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    sheet = folder / "config/models/embedded.tsv"
    header, *rows = sheet.read_text().splitlines()
    chosen = [row for row in rows if row.split("\t")[0] in (*MODELS, "lite0_untrained")]
    sheet.write_text("\n".join([header, *chosen]) + "\n")
    for kind in ("lite1", "lite2"):  # teachers must be among the models
        config = folder / "config/config.yaml"
        config.write_text(config.read_text().replace(f"teacher: {kind}\n", "teacher: lite0\n"))
    return Workflow(folder)


@pytest.fixture
def fresh_copy(fresh, tmp_path):
    """A workflow of three models that never ran and that the test may change."""
    return fresh.copy(tmp_path / "workflow")


@pytest.fixture(scope="session")
def finished_once(fresh, tmp_path_factory):
    """A workflow of three models after a complete run."""
    workflow = fresh.copy(tmp_path_factory.mktemp("finished") / "workflow")
    workflow.run()
    return workflow


@pytest.fixture
def finished(finished_once, tmp_path):
    """A finished workflow that the test may change."""
    return finished_once.copy(tmp_path / "workflow")
