"""Claims about the table of wrong estimators and the program that tries them."""

from __future__ import annotations

import json

import mutants
import pytest
from mutants import Mutant, Outcome

PASSING = "def test_a():\n    from visalign.stats.sums import total\n    assert total(2, 3) == 5\n"
SUM = "def total(a, b):\n    return a + b\n"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with one module and its test."""
    monkeypatch.setattr(mutants, "CHECKOUT", tmp_path / "checkout")
    for path, text in {
        "workflow/visalign/__init__.py": "",
        "workflow/visalign/stats/__init__.py": "",
        "workflow/visalign/stats/sums.py": SUM,
        "tests/unit/stats/test_sums.py": PASSING,
    }.items():
        file = tmp_path / "checkout" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "checkout"


@pytest.mark.parametrize("mutant", mutants.read_table(), ids=lambda mutant: mutant.name)
def test_every_mutant_can_be_applied_to_the_module_of_today(mutant):
    path = mutants.CHECKOUT / mutants.SOURCES / f"{mutant.module}.py"
    changed = mutant.applied(path.read_text())
    assert changed is not None, "its text is not there exactly once: bring tests/mutants.yaml up to date"
    compile(changed, str(path), "exec")
    assert all((mutants.CHECKOUT / test).exists() for test in mutant.noticed_by)


def test_names_of_mutants_tell_them_apart():
    names = [mutant.name for mutant in mutants.read_table()]
    assert len(set(names)) == len(names) > 50


@pytest.fixture
def quick(monkeypatch):
    """Says what pytest would, without starting it."""

    def run_tests(checkout, tests, timeout):
        names: dict = {}
        exec((checkout / "workflow/visalign/stats/sums.py").read_text(), names)
        try:
            right = names["total"](2, 3) == 5
        except Exception as error:
            return 1, f"FAILED {tests[0]}::test_a - {type(error).__name__}: {error}"
        return (0, "1 passed") if right else (1, f"FAILED {tests[0]}::test_a - assert -1 == 5")

    monkeypatch.setattr(mutants, "run_tests", run_tests)


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("a + b", "a - b", "KILLED"),
        ("a + b", "b + a", "SURVIVED"),
        ("a * b", "a + b", "NOT APPLIED"),
        ("a", "b", "NOT APPLIED"),  # in several places
        ("a + b", "a + c", "BROKEN"),
        ("a + b", "a +", "BROKEN"),
    ],
)
def test_a_mutant_is_killed_only_where_a_claim_fails(checkout, tmp_path, quick, old, new, status):
    copied = mutants.copy_checkout(tmp_path / "copy")
    assert mutants.attempt(Mutant("x", "stats/sums", old, new), copied, 60).status == status
    for folder in (checkout, copied):
        assert (folder / "workflow/visalign/stats/sums.py").read_text() == SUM


def test_tests_that_take_too_long_kill_nothing(checkout, tmp_path):
    copied = mutants.copy_checkout(tmp_path / "copy")
    assert mutants.attempt(Mutant("x", "stats/sums", "a + b", "a - b"), copied, 0.1).status == "TIMEOUT"


def test_tests_that_fail_without_a_mutant_tell_nothing(checkout, quick):
    (checkout / "workflow/visalign/stats/sums.py").write_text(SUM.replace("a + b", "a * b"))
    [outcome] = mutants.run_all([Mutant("x", "stats/sums", "a * b", "a - b")], 1, 60)
    assert outcome.status == "BROKEN" and "without the mutant" in outcome.detail


@pytest.mark.parametrize(
    ("statuses", "ok"),
    [
        (["KILLED"] * 9 + ["SURVIVED"], True),
        (["KILLED"] * 8 + ["SURVIVED"] * 2, False),
        (["KILLED"] * 8 + ["TIMEOUT"] * 2, False),
        (["KILLED"] * 99 + ["NOT APPLIED"], False),
        (["KILLED"] * 99 + ["BROKEN"], False),
        ([], False),
    ],
)
def test_nine_of_ten_must_be_killed_and_all_applied(statuses, ok):
    outcomes = [Outcome("x", "stats/sums", (), status, "", 0.0) for status in statuses]
    assert mutants.summarise(outcomes)["ok"] is ok


def test_outcomes_are_text_json_and_an_exit_status(checkout, tmp_path, monkeypatch, capsys):
    """With pytest itself."""
    minus = Mutant("minus", "stats/sums", "a + b", "a - b")
    monkeypatch.setattr(mutants, "read_table", lambda: [minus])
    assert mutants.main(["--trust", "--json", str(tmp_path / "out.json"), "--module", "stats/sums"]) == 0
    assert "100% of 1 mutants killed" in capsys.readouterr().out
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["summary"] == {"killed": 1.0, "counts": {"KILLED": 1}, "ok": True}
    assert written["mutants"][0]["detail"].startswith("FAILED tests/unit/stats/test_sums.py::test_a")
    with pytest.raises(SystemExit):
        mutants.main(["--module", "absent"])
    assert "no mutant of 'absent'" in capsys.readouterr().err
