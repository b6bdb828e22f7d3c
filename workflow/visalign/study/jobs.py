"""The jobs of a study before it is started: those of Snakemake's own dry run.

It runs in a folder with empty files in the place of sources that are not there yet.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from visalign.errors import InputError
from visalign.io.sheets import read_config
from visalign.recordings import readers
from visalign.study import fetched as downloads
from visalign.study.study import CACHE, Study

ROOT = Path(__file__).parents[3]
#: A job as a dry run prints it.
JOB = re.compile(
    r"^    (?:input: (?P<input>.*)\n    )?output: (?P<output>.*)\n    log: logs/(?P<log>.+)\.log\b", re.M
)


class Job(NamedTuple):
    """A job of a dry run, with the files that it reads and makes."""

    rule: str
    names: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def stage(self) -> str:
        """The stage that its rule belongs to."""
        return stage_of(self.rule)


def stage_of(rule: str) -> str:
    """Name of the stage of a rule: attacks of attacks_score."""
    return rule.partition("_")[0]


def load(config: Path) -> Study:
    """Read a study."""
    if not config.is_file():
        raise InputError(f"{config}: no such file")
    return Study.load(read_config(config), str(config), CACHE)


def fetched(study: Study) -> list[str]:
    """Files of config/downloads.tsv that the sheets name, ranges and patterns expanded."""
    named = study.sources()
    for row in study.recordings.values():
        with suppress(InputError):  # which its check tells
            named |= set(readers.of(row["reader"]).files(row["path"]))
    files = {file for path in named for file in downloads.of_path(path)}
    return [file for file in downloads.downloads() if file in files]


def make_scratch(study: Study, scratch: Path) -> None:
    """Give a folder all that a dry run reads: links to what is here, empty files for sources that are not."""
    sheets = [
        study.config[kind]["sheet"] for kind in ("models", "stimuli", "recordings", "maps", "probes", "train")
    ]
    sources = study.sources()
    patterns = {path for path in sources if "*" in path or downloads.is_several(path)} | set(fetched(study))
    for path in {*filter(None, sheets), *sources, CACHE} - patterns:
        target = scratch / path
        if Path(path).is_absolute() or target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if Path(path).exists():
            target.symlink_to(Path(path).absolute())
        elif path in sources:
            target.touch()


def dry_run(config: Path, scratch: Path) -> Iterator[Job]:
    """Yield the jobs; rule and names are those of the path of the log, logs/RULE/NAMES.log.

    Raises
    ------
    InputError
        What Snakemake says where it cannot plan.
    """
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--configfile", str(config)]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(scratch)]
    command += ["--config", "check=False"]  # empty files stand for sources
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise InputError(f"{config}: {(result.stdout + result.stderr).strip()[-1500:]}")
    for match in JOB.finditer(result.stdout + result.stderr):
        files = (tuple(match[kind].split(", ")) if match[kind] else () for kind in ("input", "output"))
        yield Job(*job_of(match["log"]), *files)


def job_of(path: str) -> tuple[str, tuple[str, ...]]:
    """Rule and names of a job, from the path of its log or its timings, RULE/NAMES without suffix."""
    rule, *names = path.split("/")
    return (rule, ("/".join(names),)) if rule == "downloads" else (rule, tuple(names))
