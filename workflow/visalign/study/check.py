"""Does a study fit together? Without running a network or decoding an image.

Sheets against their schemas and against each other; the files that they name (see `study.files`); heads and
weights of models. The same is done before the first job of a run, once for each state of the files.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError
from visalign.io import checksums
from visalign.io.files import read_json, write_json
from visalign.recordings import readers
from visalign.study import axis
from visalign.study.study import Study

if TYPE_CHECKING:  # readers of many formats, which a run that was checked before does not need
    from visalign.study.files import Findings

#: Images of a set whose headers are read before a run; the command reads all.
PROBED = 5000


def state(study: Study) -> str:
    """Fingerprint of all that the checks of a study rest on: config, sheets, and the facts of files."""
    named = study.sources() | {row["source"] for row in study.models.values() if row["weights"] == "file"}
    for row in study.recordings.values():
        if row["path"] in named:
            with suppress(InputError):  # which its check tells
                named |= set(readers.of(row["reader"]).files(row["path"]))
    facts = {
        path: checksums.facts_of(path) if Path(path).is_file() else checksums.listing(path)
        for path in sorted(named)
    }
    sheets = (study.config, study.models, study.stimuli, study.recordings, study.maps, study.probes)
    return hashlib.sha256(json.dumps([sheets, facts], sort_keys=True).encode()).hexdigest()


def before_run(study: Study, faults: list[str], clean: str | Path) -> None:
    """Add to `faults` what is wrong with the files of a study, unless `clean` knows their state as right."""
    now = state(study)
    if Path(clean).exists() and read_json(clean) == {"clean": now}:
        return
    from visalign.study.files import Findings, examine

    findings = Findings()
    examine(study, findings, PROBED)
    faults += findings.faults
    if not faults:
        write_json(clean, {"clean": now})


def text(study: Study, where: str, findings: Findings) -> Iterator[str]:
    """Lay out what a study will measure, leave out and not read."""
    sizes = ", ".join(f"{name} ({findings.images.get(name, '?')})" for name in study.stimuli) or "none"
    yield f"{where}: {len(study.models)} models; images: {sizes}"
    kept, left_out = [], []
    for measure, dataset, stimuli in study.benchmarks():
        reasons = Counter(study.undefined(measure, model, stimuli) for model in study.models)
        if n := reasons.pop(None, 0):
            kept.append(f"  {measure:10s} {dataset}: {n} models")
        left_out += [f"  {measure:10s} {dataset}: {n} models: {reason}" for reason, n in reasons.items()]
    yield from ["measured:", *(kept or ["  nothing"])]
    if missing := study.not_measured():
        yield from ["not measured:", *(f"  {name:10s} {reason}" for name, reason in missing.items())]
    for table in study.added:
        yield f"of others: {table.described()}"
    yield f"x axis: {axis.told(study)}"
    if left_out:
        yield from ["left out:", *left_out]
    if study.unavailable:
        yield "models that will fail unless this changes:"
        yield from (f"  {model}: {reason}" for model, reason in study.unavailable.items())
    if findings.unread:
        yield "not read:"
        for name, files in findings.unread.items():
            yield f"  {name}: {len(files)} files: {', '.join(files[:5])}{', …' if len(files) > 5 else ''}"
    if findings.pending:
        yield from [
            "checked once they are made or fetched:",
            *(f"  {path}" for path in dict.fromkeys(findings.pending)),
        ]
