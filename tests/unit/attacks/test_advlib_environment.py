"""Claims about the environment in which the benchmark of attacks runs adv-lib: made once, or said to lack."""

import importlib
import os
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[3] / "bench"
DESCRIPTION = "Metadata-Version: 2.1\nName: adv-lib\nVersion: 0.2.8\nRequires-Dist: nowhere-to-be-found\n"


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """The module, with a folder of its own and without a registry."""
    monkeypatch.syspath_prepend(str(BENCH))
    module = importlib.import_module("_advlib_environment")
    monkeypatch.setattr(module, "FOLDER", tmp_path / "adv-lib")
    monkeypatch.delenv(module.VARIABLE, raising=False)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return module


@pytest.fixture
def wheel(environment, monkeypatch, tmp_path):
    """A package of the same name and version where pip looks."""
    info = "adv_lib-0.2.8.dist-info"
    with zipfile.ZipFile(tmp_path / "adv_lib-0.2.8-py3-none-any.whl", "w") as archive:
        archive.writestr("adv_lib/__init__.py", "import numpy\n")
        archive.writestr(f"{info}/METADATA", DESCRIPTION)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


@pytest.mark.usefixtures("wheel")
def test_it_is_made_once_and_shares_the_packages_of_the_running_one(environment, monkeypatch):
    python = environment.interpreter()
    said = "import adv_lib, numpy; print(adv_lib.__file__, numpy.__version__)"
    found = subprocess.run([python, "-c", said], check=True, capture_output=True, text=True).stdout.split()
    assert Path(found[0]).is_relative_to(environment.FOLDER) and found[1] == np.__version__
    monkeypatch.setattr(environment, "make", lambda _: pytest.fail("made again"))
    assert environment.interpreter() == python


@pytest.mark.usefixtures("wheel")
def test_one_that_shares_other_packages_is_made_anew(environment):
    environment.interpreter()
    shared = environment.packages() / "running.pth"
    right = shared.read_text()
    shared.write_text("/elsewhere")
    environment.interpreter()
    assert shared.read_text() == right and environment.made()


def test_where_it_cannot_be_installed_the_benchmark_says_so_and_has_none(environment, capfd):
    assert environment.interpreter() is None
    assert "adv-lib 0.2.8 cannot be installed, so its attacks are left out" in capfd.readouterr().err
    assert not environment.made()


def test_an_interpreter_that_is_named_is_taken(environment, monkeypatch):
    monkeypatch.setenv(environment.VARIABLE, "/opt/own/python")
    assert environment.interpreter() == "/opt/own/python"
