"""Golden values: what a tiny seeded run of each command writes, kept beside the version that it has.

A result that changes while its version does not would stay as it is in every finished study, beside new ones
that differ. So `check` fails where values are others than those that are kept for the version, and names the
command. After raising the version, ``UPDATE_GOLDEN=1 pytest TEST`` keeps the new values.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visalign.study.versions import versions

FOLDER = Path(__file__).with_name("golden")
#: Results differ by this much between machines: networks in float32, and sums of another order.
RELATIVE, ABSOLUTE = 1e-3, 1e-6


def kept(module: str) -> dict[str, Any]:
    """Versions and values of the commands of a stage or tool."""
    path = FOLDER / f"{module}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def check(module: str, command: str, found: Mapping[str, Any]) -> None:
    """Compare what a command wrote with what is kept for its version; numbers, words, lists and mappings."""
    values, version, known = plain(found), versions(module)[command], kept(module)
    entry = known.get(command)
    if os.environ.get("UPDATE_GOLDEN") and (entry is None or entry["version"] != version):
        FOLDER.mkdir(exist_ok=True)
        known[command] = {"version": version, "values": values}
        (FOLDER / f"{module}.json").write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
        return
    name = module if command == module else f"{module} {command}"
    assert entry is not None, f"{name}: no golden values: UPDATE_GOLDEN=1 keeps those of now"
    assert entry["version"] == version, f"{name}: version {version} has no golden values: UPDATE_GOLDEN=1"
    differing = list(differences(entry["values"], values, ""))
    assert not differing, f"{name}: results changed and its version, {version}, did not: {differing[:5]}"


def plain(value: Any) -> Any:
    """Return a value as JSON has it, floats to six digits."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.6g}")
    return value


def differences(old: Any, new: Any, where: str):
    """Yield where two values differ, and both."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from differences(old.get(key, "absent"), new.get(key, "absent"), f"{where}/{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, f"{where}/{index}")
    elif numbers(old, new):
        if not math.isclose(old, new, rel_tol=RELATIVE, abs_tol=ABSOLUTE):
            yield f"{where}: {old} -> {new}"
    elif old != new:
        yield f"{where}: {old!r} -> {new!r}"


def numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
