"""`snakemake --sdm conda`: each rule in the environment of its own, with a stand-in for conda."""

import os
import re
from pathlib import Path

import pytest

from visalign.cli import STAGES

CONDA = Path(__file__).parent / "stand_in_conda/bin"
#: Environment and command of a rule.
RULE = re.compile(r'envs/(\w+)\.yaml"\s+shell:\s+"python -m visalign ([a-z -]+?) +--')


@pytest.fixture(scope="module")
def notes(fresh, tmp_path_factory):
    """What ran in which environment, (environment, PYTHONPATH, arguments), and where."""
    workflow = fresh.copy(tmp_path_factory.mktemp("conda") / "workflow")
    folder = workflow.folder
    path = f"{CONDA}:{os.environ['PATH']}"
    workflow.run("--sdm", "conda", PATH=path, CONDA_NOTES=str(folder / "notes.tsv"))
    lines = (folder / "notes.tsv").read_text().splitlines()
    return folder, [line.split("\t") for line in lines]


def test_environments_are_made_from_the_files_of_the_rules(notes):
    folder, _ = notes
    made = {file.read_text() for file in (folder / ".snakemake/conda").glob("*.yaml")}
    assert made == {(folder / f"envs/{name}.yaml").read_text() for name in ("analysis", "vision")}


def test_every_rule_runs_in_its_environment(notes):
    folder, lines = notes
    rules = "".join(file.read_text() for file in (folder / "workflow/rules").glob("*.smk"))
    commands = (re.match(r"-m visalign ([a-z -]+?) +--", line[2]) for line in lines)
    ran = {
        (env.removeprefix("visalign-"), match[1]) for (env, *_), match in zip(lines, commands, strict=True)
    }
    assert ran <= set(RULE.findall(rules))
    named = {command.split()[0] for _, command in ran}
    assert named >= set(STAGES) - {"downloads", "train"}  # the default study fetches and trains nothing


def test_every_environment_finds_the_library(notes):
    folder, lines = notes
    assert {line[1].split(":")[0] for line in lines} == {str(folder / "workflow")}
