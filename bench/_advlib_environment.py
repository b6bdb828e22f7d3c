"""An interpreter that can import adv-lib: an environment of its own, made once in results/bench.

adv-lib wants packages that nothing else does, so it is installed without them, beside the running
environment, whose torch, torchvision and NumPy it shares.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import distributions
from pathlib import Path

from _measure import RESULTS

VERSION = "0.2.8"
FOLDER = RESULTS / "adv-lib"
#: Names another interpreter, whose owner installed adv-lib.
VARIABLE = "VISALIGN_ADVLIB_PYTHON"


def interpreter() -> str | None:
    """Return an interpreter with adv-lib; None, and say so, where it cannot be installed."""
    if asked := os.environ.get(VARIABLE):
        return asked
    python = FOLDER / "bin" / "python"
    try:
        if not made():
            make(python)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"adv-lib {VERSION} cannot be installed, so its attacks are left out: {error}", file=sys.stderr)
        return None
    return str(python)


def packages() -> Path:
    """Where the environment has its packages."""
    return Path(sysconfig.get_path("purelib", vars={"base": str(FOLDER), "platbase": str(FOLDER)}))


def made() -> bool:
    """Whether the environment is there, whole, and of the running one."""
    found = distributions(name="adv-lib", path=[str(packages())])
    shared = packages() / "running.pth"
    return (
        shared.exists()
        and shared.read_text() == sysconfig.get_path("purelib")
        and any(distribution.version == VERSION for distribution in found)
    )


def make(python: Path) -> None:
    """Make the environment; OSError or CalledProcessError where that fails."""
    print(f"installing adv-lib {VERSION} in {FOLDER}", file=sys.stderr)
    venv.create(FOLDER, clear=True, symlinks=True)
    (packages() / "running.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--disable-pip-version-check", f"adv-lib=={VERSION}"], check=True)
