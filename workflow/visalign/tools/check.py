"""Tool check: does a study fit together? Without running a network or decoding an image."""

from __future__ import annotations

import argparse
from pathlib import Path

from visalign.errors import collected, raise_any
from visalign.io.sheets import read_config
from visalign.study.check import text
from visalign.study.study import CACHE, Study

EXAMPLES = """\
  python -m visalign check config/config.yaml
  python -m visalign check config/paper.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m visalign check``."""
    parser.add_argument("config", type=Path, help="config of the study")


def run(args: argparse.Namespace) -> None:
    """Print what a study will measure and leave out; all that is wrong is an error."""
    from visalign.study.files import Findings, examine

    config, findings = read_config(args.config), Findings()
    with collected(findings.faults):
        study = Study.load(config, str(args.config), CACHE, findings.faults)
        examine(study, findings)
        print("\n".join(text(study, str(args.config), findings)))
    raise_any(findings.faults)
    print("nothing is wrong")
