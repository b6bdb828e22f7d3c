"""Claims about golden values: every command has them; a change of results without one of version is seen."""

from __future__ import annotations

import golden
import pytest
from library import MODULES

from visalign.study import versions

COMMANDS = [
    (name.split(".")[1], command)
    for name, path in MODULES.items()
    if name.startswith(("stages.", "tools.")) and "VERSIONS = " in path.read_text()
    for command in versions.versions(name.split(".")[1])
]


@pytest.mark.parametrize(("module", "command"), COMMANDS)
def test_every_command_has_golden_values_of_its_version(module, command):
    entry = golden.kept(module).get(command)
    assert entry is not None and entry["values"]
    assert entry["version"] == versions.version(module, command)


@pytest.fixture
def one(tmp_path, monkeypatch):
    """Golden values of one command, of version 1."""
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    monkeypatch.setattr(golden, "versions", lambda module: {"score": 1})
    monkeypatch.setenv("UPDATE_GOLDEN", "1")
    golden.check("attacks", "score", {"value": 0.5, "why": ["ok", None]})
    monkeypatch.delenv("UPDATE_GOLDEN")
    return monkeypatch


def test_the_same_results_pass_and_their_rounding_on_another_machine_too(one):
    golden.check("attacks", "score", {"value": 0.5, "why": ["ok", None]})
    golden.check("attacks", "score", {"value": 0.5000001, "why": ["ok", float("nan")]})


@pytest.mark.parametrize(
    "changed", [{"value": 0.51, "why": ["ok", None]}, {"value": 0.5}, {"value": 0.5, "why": ["no", None]}]
)
def test_changed_results_of_the_same_version_fail_with_the_name_of_the_command(one, changed):
    with pytest.raises(AssertionError, match="attacks score: results changed and its version, 1, did not"):
        golden.check("attacks", "score", changed)
    one.setenv("UPDATE_GOLDEN", "1")
    with pytest.raises(AssertionError, match="did not"):  # values are kept anew for a new version only
        golden.check("attacks", "score", changed)


def test_a_raised_version_asks_for_its_values_and_keeps_them(one):
    one.setattr(golden, "versions", lambda module: {"score": 2})
    with pytest.raises(AssertionError, match="version 2 has no golden values"):
        golden.check("attacks", "score", {"value": 0.6})
    one.setenv("UPDATE_GOLDEN", "1")
    golden.check("attacks", "score", {"value": 0.6})
    golden.check("attacks", "score", {"value": 0.6})
