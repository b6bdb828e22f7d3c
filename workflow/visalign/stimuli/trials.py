"""Visual tasks that others made, as stimulus sets: images of a folder, with what is asked of them beside.

What lies where in a folder is its layout (`visual_tasks.three_d_pc`, and the modules named after the others).
A stimulus is called as its file is below the folder; ``trials.csv`` says what is asked, as of drawn tasks.
What is not read is named in ``unread.txt``, trials whose answer nobody knows in ``unclear.txt``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from visalign.errors import InputError, unknown
from visalign.stimuli import drawn_tasks, folders
from visalign.stimuli.source import Listed, Row, Source

if TYPE_CHECKING:
    from visalign.stimuli.rows import StimulusRow
    from visalign.visual_tasks.found_trials import Found, Trial

LAYOUTS = ("3dpc", "pathfinder", "cluttered_letters", "svrt")
UNCLEAR = "unclear.txt"


def found(row: Row, compare: bool) -> tuple[Found, bool]:
    """Find the trials of a row, and say whether their images are in files of parquet.

    Parameters
    ----------
    compare : bool
        Whether labels are compared with what some images show, where that can be.

    Raises
    ------
    InputError
        Whatever is wrong with the folder.
    """
    from visalign.visual_tasks import letters_files, pathfinder_files, svrt_files, three_d_pc
    from visalign.visual_tasks.found_trials import Found

    root, layout = Path(drawn_tasks.needed(row, "path")), drawn_tasks.needed(row, "layout")
    if not root.is_dir():
        raise InputError(f"{root}: path: no such folder")
    if layout not in LAYOUTS:
        raise InputError(f"layout: {unknown(layout, LAYOUTS)}")
    if layout == "pathfinder":
        return pathfinder_files.read(root, compare), False
    if layout == "cluttered_letters":
        return letters_files.read(root, compare), False
    if layout == "svrt":
        return svrt_files.read(root), False
    if three_d_pc.parquet_files(root):
        return Found(three_d_pc.in_parquet(root), []), True
    if any((root / folder).is_dir() for folder in ("train", "test")):
        return three_d_pc.from_tables(root), False
    return three_d_pc.from_folders(root), False


def name(trial: Trial, root: Path) -> str:
    """Id of the stimulus of a trial: its path below the folder."""
    path = trial.path
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def table(trials: list[Trial], root: Path) -> list[dict[str, str]]:
    """Rows of the table of trials."""
    return [
        {
            "stimulus_id": name(trial, root),
            "task": trial.task,
            "label": str(trial.label),
            "split": trial.split,
            "group": trial.group,
            "difficulty": trial.difficulty,
        }
        for trial in trials
    ]


def listed(row: Row) -> Listed:
    """List the images of a folder, each once, and what is asked of them; no image is read."""
    own, stored = found(row, compare=False)
    root = Path(row["path"])
    files = {name(trial, root): trial.path for trial in own.trials}
    return Listed(
        list(files), None, None if stored else list(files.values()), own.unread, table(own.trials, root)
    )


def images(row: Row, written: Path) -> Iterator[StimulusRow]:
    """Describe the images where they are, or write those of parquet files; write the table of trials."""
    from tqdm import tqdm

    from visalign.io.files import write_atomic
    from visalign.stimuli.images import content_of
    from visalign.stimuli.rows import described

    own, stored = found(row, compare=True)
    root, background = Path(row["path"]), row.get("background", "")
    drawn_tasks.write_trials(written / drawn_tasks.TRIALS, table(own.trials, root))
    folders.say_unread(str(root), own.unread, written)
    if own.unclear:
        some = f"{', '.join(own.unclear[: folders.SHOWN])}{', …' if len(own.unclear) > folders.SHOWN else ''}"
        print(f"{root}: {len(own.unclear)} trials of unclear label are left out: {some}", file=sys.stderr)
        write_atomic(written / UNCLEAR, "\n".join(own.unclear) + "\n")
    paths = {name(trial, root): trial.path for trial in own.trials}
    progress = tqdm(desc="stimuli", total=len(paths), unit="image")
    if stored:
        from visalign.visual_tasks import three_d_pc

        for content, trial in three_d_pc.from_parquet(root):
            file = written / trial.path
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(file, content)
            yield described(name(trial, root), file, content, background)
            progress.update()
    else:
        for stimulus_id, path in paths.items():
            yield described(stimulus_id, path.resolve(), content_of(path), background)
            progress.update()
    progress.close()


SOURCE = Source(
    name="trials",
    meaning="visual tasks that others made: images under path, asked as its layout says",
    described="images of visual tasks, of a folder in the layout {layout}",
    listed=listed,
    images=images,
    columns=("path", "layout"),
    needs=("path", "layout"),
    grounded=True,
    asks=True,
    check_labels=drawn_tasks.check_labels,
)
