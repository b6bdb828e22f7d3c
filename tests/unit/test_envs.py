"""Claims about the pins of envs/: exact, agreed, and enough for every stage."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from library import MODULES, imports

from visalign import cli

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[\w+\])?==(\d[A-Za-z0-9.]*)")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(path: Path) -> list[str]:
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    return next(part["pip"] for part in dependencies if isinstance(part, dict))


@cache
def pins(env: str) -> dict[str, str]:
    """Version of each package that an environment pins."""
    matches = (PIN.fullmatch(line) for line in requirements(ROOT / f"envs/{env}.yaml"))
    return {normal(match[1]): match[2] for match in matches if match}


ENVS = sorted(path.stem for path in (ROOT / "envs").glob("*.yaml"))
ALL = {name: version for env in ENVS for name, version in pins(env).items()}


@pytest.mark.parametrize("env", ENVS)
def test_every_pin_is_exact(env):
    assert [line for line in requirements(ROOT / f"envs/{env}.yaml") if not PIN.fullmatch(line)] == []


@pytest.mark.parametrize("env", ENVS)
def test_environments_agree_on_shared_pins(env):
    assert pins(env) == {name: ALL[name] for name in pins(env)}


@pytest.mark.parametrize("env", ENVS)
def test_an_environment_is_python_pip_and_pins(env):
    content = yaml.safe_load((ROOT / f"envs/{env}.yaml").read_text())
    plain = [part.split()[0] for part in content["dependencies"] if isinstance(part, str)]
    assert plain == ["python", "pip"]
    assert content["name"] == f"visalign-{env}"


@pytest.mark.parametrize("name", ["Makefile", "Snakefile", "pyproject.toml", ".ci/run"])
def test_no_other_file_repeats_a_pin(name):
    # The sed pattern of the Makefile that reads the pins holds ==, but no version.
    assert re.findall(r"==\s*\d[\d.]*", (ROOT / name).read_text()) == []


def test_the_pins_are_what_is_installed():
    installed = {name: importlib.metadata.version(name) for name in ALL}
    assert {name: version.split("+")[0] for name, version in installed.items()} == ALL


#: Rooms that all commands import, and whose functions import what they need when they are called.
DECLARATIONS = ("measures", "comparisons")
#: By it all commands import what is declared, such as readers, for its names alone.
NAMES = "study.schemas"


@cache
def needed(module: str, anywhere: bool = True) -> frozenset[str]:
    """Third-party top-level modules that a library module needs, itself or through others."""
    reached, open_ = set(), {module}
    third: set[str] = set()
    while open_:
        name = open_.pop()
        reached.add(name)
        if name == NAMES and anywhere:
            third |= needed(NAMES, anywhere=False)
            continue
        whole = anywhere and name.split(".")[0] not in DECLARATIONS
        for found in imports(MODULES[name], whole, types=False):
            top = found.split(".")[0]
            if top == "visalign":
                open_ |= {found.removeprefix("visalign.")} - reached
            elif top not in sys.stdlib_module_names:
                third.add(top)
    return frozenset(third)


def unpinned(modules: frozenset[str], pinned: dict[str, str]) -> list[str]:
    distributions = importlib.metadata.packages_distributions()
    return sorted(m for m in modules if not any(normal(d) in pinned for d in distributions.get(m, [])))


def test_every_package_that_the_library_imports_is_pinned():
    third = frozenset().union(*map(needed, MODULES))
    assert {"numpy", "torch", "zarr"} <= third
    assert unpinned(third, ALL) == []


@pytest.mark.parametrize("stage", cli.STAGES)
def test_the_environment_of_a_rule_holds_what_its_stage_imports(stage):
    rules = (ROOT / f"workflow/rules/{stage}.smk").read_text()
    envs = set(re.findall(r'"\.\./\.\./envs/(\w+)\.yaml"', rules))
    assert envs
    for env in envs:  # imports inside functions may be needed by one rule of the stage only
        third = needed(f"stages.{stage}", anywhere=len(envs) == 1) | needed("cli")
        assert unpinned(third, pins(env)) == []
