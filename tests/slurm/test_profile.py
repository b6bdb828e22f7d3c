"""The Slurm profile against the rules."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PROFILE = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())


def rules():
    """Text of each rule, by its name."""
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    return {rule.partition(":")[0]: rule for rule in text.split("\nrule ")[1:]}


def test_the_profile_names_rules_that_exist():
    assert PROFILE["set-resources"].keys() | PROFILE["groups"].keys() <= rules().keys()


def test_rules_that_run_a_network_and_no_others_ask_for_a_gpu():
    networks = {name for name, rule in rules().items() if re.search(r"gpu=.*\bGPU\b", rule)}
    assert networks == {name for name, asked in PROFILE["set-resources"].items() if asked.get("gpu")}
