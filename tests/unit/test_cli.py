"""Claims about the command line, and that a stage has one name everywhere."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from visalign import cli
from visalign.errors import InputError
from visalign.measures import MEASURES
from visalign.study.versions import versions

WORKFLOW = Path(cli.__file__).parents[1]
FILES = {path.stem: path.read_text() for path in (WORKFLOW / "rules").glob("*.smk")}
#: Stage and text of each rule, by its name.
RULES = {
    name: (stage, text)
    for stage, file in FILES.items()
    for name, text in re.findall(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", file, re.M | re.S)
}


@pytest.mark.parametrize("stage", cli.STAGES)
def test_a_stage_has_what_the_command_line_needs(stage):
    module = importlib.import_module(cli.module_of(stage))
    assert all(type(number) is int and number >= 1 for number in module.VERSIONS.values())
    assert callable(module.add_arguments) and callable(module.run)
    assert f"python -m visalign {stage}" in module.EXAMPLES
    assert module.__doc__


@pytest.mark.parametrize("stage", cli.STAGES)
def test_examples_are_valid_commands(stage):
    """Examples name every required option, and no option that is not there."""
    parser = cli.build_parser(stage)
    examples = importlib.import_module(cli.module_of(stage)).EXAMPLES.replace("\\\n", " ")
    commands = [line.strip() for line in examples.strip().splitlines()]
    assert commands
    for command in commands:
        words = shlex.split(command)
        assert words[:4] == ["python", "-m", "visalign", stage], command
        parser.parse_args(words[3:])


@pytest.mark.parametrize("stage", cli.STAGES)
def test_help_shows_options_and_examples(stage, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([stage, "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "examples:" in shown and "--" in shown


@pytest.mark.parametrize("stage", cli.STAGES)
def test_a_rule_file_runs_its_own_stage_and_no_other(stage):
    assert set(re.findall(r"python -m visalign ([\w-]+)", FILES[stage])) == {stage}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_called_as_its_command_and_passes_the_version_of_it(rule):
    stage, text = RULES[rule]
    [(called, command)] = re.findall(r"python -m visalign ([\w-]+)(?: (\w+))?", text)
    assert called == stage
    assert rule == "_".join(filter(None, (stage, command)))
    assert (command or stage) in versions(stage)
    passed = f'version("{stage}", "{command}")' if command else f'version("{stage}")'
    # What was fetched is checked by its content and stays.
    assert re.findall(r"version\(.*?\)", text) == ([] if rule == "downloads" else [passed])


@pytest.mark.parametrize("stage", cli.STAGES)
def test_every_command_with_a_version_has_a_rule_or_is_for_people_alone(stage):
    ruled = {rule.removeprefix(f"{stage}_") for rule, (of, _) in RULES.items() if of == stage}
    assert set(versions(stage)) - ruled <= {"folder", "files"}


def test_every_stage_has_a_rule_file_and_the_other_way_round():
    assert set(FILES) == set(cli.STAGES)
    assert 'include: f"workflow/rules/{stage}.smk"' in (WORKFLOW.parent / "Snakefile").read_text()


def test_every_measure_is_a_stage():
    assert {measure.name: measure.summary for measure in MEASURES}.items() <= cli.STAGES.items()


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_log_and_timings_under_its_name(rule):
    _, text = RULES[rule]
    assert all(f"    {word}:\n" in text for word in ("output", "log", "conda", "shell"))
    log = re.search(r'    log:\n        "logs/(.+)\.log"', text)
    assert log and re.split("[./]", log[1])[0] == rule
    timings = re.sub(r"{(\w+)}", r"{wildcards.\1}", log[1])
    assert f'"--benchmark results/benchmarks/{timings}.tsv &> {{log}}"' in text


@pytest.mark.parametrize("stage", ["features", "attacks", "saliency", "models"])
def test_help_of_a_stage_that_runs_networks_does_not_start_torch(stage):
    code = (
        "import sys\nfrom visalign import cli\n"
        f"try:\n    cli.main(['{stage}', '--help'])\nexcept SystemExit:\n    pass\n"
        "sys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, "torch was imported"
    assert f"usage: visalign {stage}" in done.stdout


def test_help_lists_all_stages_without_importing_one(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = capsys.readouterr().out
    assert all(re.search(rf"^\s+{stage}\s", shown, re.M) for stage in cli.STAGES)


@pytest.mark.parametrize("arguments", [[], ["neurall"], ["accuracy"], ["accuracy", "--colour", "red"]])
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert "usage: visalign" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("x.csv: label: 12 is not in 0..9"), "x.csv: label: 12 is not in 0..9"),
        (FileNotFoundError(2, "No such file or directory", "absent.json"), "absent.json: no such file"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(monkeypatch, capsys, error, line):
    def stop(_: argparse.Namespace) -> None:
        raise error

    parser = argparse.ArgumentParser()
    parser.set_defaults(run=stop, stage="accuracy")
    monkeypatch.setattr(cli, "build_parser", lambda *_: parser)
    with pytest.raises(SystemExit) as exit_:
        cli.main([])
    assert exit_.value.code == 2
    assert capsys.readouterr().err == f"visalign accuracy: error: {line}\n"


def test_a_defect_is_not_passed_off_as_bad_input(monkeypatch):
    parser = argparse.ArgumentParser()
    parser.set_defaults(run=lambda _: {}["absent"], stage="accuracy")
    monkeypatch.setattr(cli, "build_parser", lambda *_: parser)
    with pytest.raises(KeyError):
        cli.main([])


def test_the_program_runs_as_a_module(tmp_path):
    command = [sys.executable, "-m", "visalign", "accuracy", "--model", "m", "--dataset", "d"]
    command += ["--features", "f.zarr", "--features-manifest", "f.json", "--table", "absent.csv"]
    command += ["--output", "a.csv"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "visalign accuracy: error: absent.csv: no such file\n"
    assert list(tmp_path.iterdir()) == []
