"""Files of drawn visual tasks: images, their parts, their geometry, and the table of trials."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from visalign.io.files import write_atomic
from visalign.stimuli.images import png
from visalign.stimuli.rows import StimulusRow, described
from visalign.visual_tasks.drawn import Drawn

COLUMNS = ("stimulus_id", "task", "label", "split", "group", "difficulty", "pair")


def write(drawn: Iterable[tuple[str, Drawn]], written: Path) -> Iterator[StimulusRow]:
    """Write images as they come, and yield their rows of the stimulus table.

    Beside ``ID.png`` there are ``segs/ID.png``, ``geometry.jsonl`` and ``trials.csv``.
    """
    (written / "segs").mkdir(parents=True, exist_ok=True)
    with (
        (written / "trials.csv").open("w", newline="", encoding="utf-8") as trials,
        (written / "geometry.jsonl").open("w", encoding="utf-8") as geometry,
    ):
        table = csv.writer(trials, lineterminator="\n")
        table.writerow(COLUMNS)
        for stimulus_id, each in drawn:
            path, content = written / f"{stimulus_id}.png", png(each.image)
            write_atomic(path, content)
            write_atomic(written / "segs" / path.name, png(each.parts))
            geometry.write(json.dumps({"stimulus_id": stimulus_id} | each.geometry) + "\n")
            for asked in each.asked:
                row = (asked.task, asked.label, "", each.group, asked.difficulty, "")
                table.writerow((stimulus_id, *row))
            yield described(stimulus_id, path, content)
