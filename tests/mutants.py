"""Can the tests fail? Wrong estimators, one at a time, and whether the unit tests of their module notice.

A mutant of tests/mutants.yaml replaces one passage of a module. It is applied to a copy of the checkout, the
tests of the module run there, and it is killed where one of them fails. Tests are first run without a mutant:
where these fail, nothing is said of the mutants.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Queue

import yaml
from tqdm import tqdm

CHECKOUT = Path(__file__).parents[1]
TABLE = Path(__file__).with_suffix(".yaml")
SOURCES = Path("workflow/visalign")
#: What tests read; neither results nor environments.
COPIED = (
    *("Makefile", "README.md", "Snakefile", "pyproject.toml"),
    *("bench", "config", "docs", "envs", "profiles", "tests", "workflow"),
)
#: Least share of mutants that must be killed.
LEAST = 0.9
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
EXAMPLES = """\
examples:
  python tests/mutants.py
  python tests/mutants.py --module recordings/ceilings neural/predictivity --processes 2
  python tests/mutants.py --name 'reliable' --json reliable.json
  python tests/mutants.py --list

A mutant is KILLED (a test failed), SURVIVED (none did), TIMEOUT (tests took too long), BROKEN (it is no
program, or its tests fail without it) or NOT APPLIED (its text is not there exactly once). The exit status is
0 where at least 90 % are killed and none is BROKEN or NOT APPLIED.
"""


@dataclass(frozen=True)
class Mutant:
    """A passage of a module, and what takes its place."""

    name: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...] = ()

    @property
    def noticed_by(self) -> tuple[str, ...]:
        """Test files that must fail, tests/unit/ROOM/test_NAME.py."""
        rooms = [name.split("/") for name in self.tests or (self.module,)]
        return tuple(f"tests/unit/{room}/test_{name}.py" for room, name in rooms)

    def applied(self, source: str) -> str | None:
        """Source of the module with the mutant; None where the passage is not there exactly once."""
        return source.replace(self.old, self.new) if source.count(self.old) == 1 else None


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: `status`, and the test that failed or what went wrong."""

    name: str
    module: str
    tests: tuple[str, ...]
    status: str
    detail: str
    seconds: float


def read_table(path: Path = TABLE) -> list[Mutant]:
    """Read the mutants of a table."""
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [Mutant(**row | {"tests": tuple(row.get("tests", ()))}) for row in rows]


def copy_checkout(folder: Path) -> Path:
    """Copy what tests read to a new folder."""
    ignore = shutil.ignore_patterns("__pycache__", ".*")
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        elif source.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    return folder


def run_tests(checkout: Path, tests: tuple[str, ...], timeout: float) -> tuple[int | None, str]:
    """Exit status of pytest (None: it was stopped) and the line of the first failure."""
    paths = {"PYTHONPATH": str(checkout / "workflow"), "PYTHONDONTWRITEBYTECODE": "1"}
    paths["COLUMNS"] = "250"  # the whole line of a failure
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--basetemp",
               str(checkout / "temporary"), *tests]  # fmt: skip
    with subprocess.Popen(
        command,
        cwd=checkout,
        env=os.environ | dict.fromkeys(THREADS, "1") | paths,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that workers that tests start end with them
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, f"stopped after {timeout:g} s"
    lines = output.splitlines() or [""]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return process.returncode, (failed or lines)[0 if failed else -1]


def judge(returncode: int | None, line: str) -> str:
    """Status of a mutant, from how its tests ended."""
    if returncode is None:
        return "TIMEOUT"
    # A mutant that does not run tells nothing of what tests claim.
    if returncode not in (0, 1) or re.search(r" - (\w+\.)*(Name|Import|Attribute)Error", line):
        return "BROKEN"
    return "KILLED" if returncode == 1 else "SURVIVED"


def attempt(mutant: Mutant, checkout: Path, timeout: float) -> Outcome:
    """Apply a mutant to a copy of the checkout, run its tests, and put the module back."""
    path, start = checkout / SOURCES / f"{mutant.module}.py", time.monotonic()
    source = path.read_text(encoding="utf-8") if path.exists() else ""
    changed = mutant.applied(source)
    if changed is None:
        status, detail = "NOT APPLIED", f"{source.count(mutant.old)} passages in {mutant.module}.py, not 1"
    else:
        path.write_text(changed, encoding="utf-8")
        try:
            compile(changed, str(path), "exec")
            returncode, detail = run_tests(checkout, mutant.noticed_by, timeout)
            status = judge(returncode, detail)
        except SyntaxError as error:
            status, detail = "BROKEN", str(error)
        finally:
            path.write_text(source, encoding="utf-8")
    return Outcome(mutant.name, mutant.module, mutant.noticed_by, status, detail, time.monotonic() - start)


def run_all(mutants: list[Mutant], processes: int, timeout: float, trust: bool = False) -> list[Outcome]:
    """Try mutants, some at a time, each process in a copy of its own; results in their order."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: Queue[Path] = Queue()
        for index in range(processes):
            copies.put(copy_checkout(Path(folder) / str(index)))

        def in_a_copy(task):
            checkout = copies.get()
            try:
                return task(checkout)
            finally:
                copies.put(checkout)

        with ThreadPoolExecutor(processes) as pool:
            suites = [] if trust else list(dict.fromkeys(m.noticed_by for m in mutants))
            bars = tqdm(total=len(suites) + len(mutants), unit="run")

            def unchanged(suite: tuple[str, ...]) -> tuple[int | None, str]:
                bars.set_description("without mutants")
                result = in_a_copy(lambda checkout: run_tests(checkout, suite, timeout))
                bars.update()
                return result

            sound = dict(zip(suites, pool.map(unchanged, suites), strict=True))

            def one(mutant: Mutant) -> Outcome:
                returncode, line = sound.get(mutant.noticed_by, (0, ""))
                if returncode != 0:
                    detail = f"without the mutant: {line}"
                    found = Outcome(mutant.name, mutant.module, mutant.noticed_by, "BROKEN", detail, 0.0)
                else:
                    found = in_a_copy(lambda checkout: attempt(mutant, checkout, timeout))
                bars.write(shown(found), file=sys.stdout)
                bars.set_description("mutants")
                bars.update()
                return found

            outcomes = list(pool.map(one, mutants))
            bars.close()
    return outcomes


def shown(outcome: Outcome) -> str:
    """One line of an outcome."""
    detail = re.sub(r"^(FAILED|ERROR) tests/unit/", "", outcome.detail)[:100]
    return f"{outcome.status:11s} {outcome.module}: {outcome.name} | {detail} | {outcome.seconds:.0f} s"


def summarise(outcomes: list[Outcome]) -> dict[str, object]:
    """Counts by status, the share that was killed, and whether that is enough."""
    counts = Counter(outcome.status for outcome in outcomes)
    share = counts["KILLED"] / len(outcomes) if outcomes else 0.0
    ok = share >= LEAST and not counts["NOT APPLIED"] and not counts["BROKEN"]
    return {"killed": share, "counts": dict(counts), "ok": ok}


def main(arguments: list[str] | None = None) -> int:
    """Try the mutants that were asked for; exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--module", nargs="+", help="mutants of these modules only")
    parser.add_argument("--name", help="mutants whose name has this in it only")
    parser.add_argument("--processes", type=int, default=1, help="mutants that are tried at a time")
    parser.add_argument(
        "--timeout", type=float, default=300, help="seconds of one run of tests (default 300)"
    )
    parser.add_argument("--trust", action="store_true", help="do not first run the tests without a mutant")
    parser.add_argument("--json", help="file to write the outcomes to, besides the text")
    parser.add_argument("--list", action="store_true", help="name the mutants and run nothing")
    args = parser.parse_args(arguments)
    every = read_table()
    for module in args.module or []:
        if module not in {mutant.module for mutant in every}:
            parser.error(f"--module: no mutant of {module!r}")
    mutants = [
        mutant
        for mutant in every
        if (not args.module or mutant.module in args.module) and (args.name or "") in mutant.name
    ]
    if not mutants:
        parser.error(f"--name: no mutant has {args.name!r} in its name")
    if args.list:
        for mutant in mutants:
            print(f"{mutant.module}: {mutant.name} [{' '.join(mutant.noticed_by)}]")
        return 0
    outcomes = run_all(mutants, args.processes, args.timeout, args.trust)
    summary = summarise(outcomes)
    print(f"{summary['killed']:.0%} of {len(outcomes)} mutants killed: {summary['counts']}")
    if args.json:
        content = {"summary": summary, "mutants": [asdict(outcome) for outcome in outcomes]}
        Path(args.json).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0 if summary["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
