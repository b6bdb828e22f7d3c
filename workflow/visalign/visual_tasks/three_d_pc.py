"""The 3D-PC (Linsley et al. 2024): depth order and perspective taking, in its published layouts.

Depth order asks whether the ball is farther than the green camera; VPT-basic, whether it can be seen from
there; VPT-Strategy is VPT-basic while the ball moves behind an object. Scenes are
images/CATEGORY/OBJECT/SETTING/VIEW.png. The label of VPT-basic depends on the setting only, so images of one
setting are a group: of 3,848 test images there are 101 independent witnesses. Labels of -1, unclear, are left
out and counted.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd

from visalign.errors import InputError
from visalign.io.tables import numbers, read_table, words

#: Task here -> its names in files and configs of others.
TASKS = {"depth": ("depth",), "vpt-basic": ("perspective", "vpt-basic"), "vpt-strategy": ("vpt-strategy",)}
#: Split of others -> ours; both train and validation images lie in the folder train.
SPLITS = {"train": "train", "val": "val", "validation": "val", "test": "test", "human": "test"}
#: Label of a scene whose answer is not clear.
UNCLEAR = -1
SUFFIX = ".png"


class TrialFile(NamedTuple):
    """One trial: its image relative to the folder, task, answer, split and group ('' where none is known)."""

    path: str
    task: str
    label: float
    split: str = ""
    group: str = ""


class Found(NamedTuple):
    """Trials of a folder, and how many were left out since their label is unclear."""

    trials: list[TrialFile]
    unclear: int


class StoredImage(NamedTuple):
    """An image of a parquet file: its bytes, and what it is asked."""

    content: bytes
    trial: TrialFile


def setting_of(path: str) -> str:
    """Group of an image: category/object/setting, from a path that ends in OBJECT/SETTING/VIEW.png."""
    return "/".join(PurePosixPath(path).parts[-4:-1])


def from_tables(root: str | Path) -> Found:
    """Trials of a folder with ``train/``, ``test/`` and tables ``SPLIT_TASK_balanced.csv``.

    Tables have columns ``img_url`` (below train/ or test/) and ``label``. Where a split has no balanced table
    its plain one (``SPLIT_TASK.csv``) is read. The people's set (``human``) is a part of the test images and
    is given by `people_set`.

    Raises
    ------
    InputError
        No table, one without these columns, a label other than 0, 1 and -1, an image that is not there.
    """
    root, found, unclear = Path(root), list[TrialFile](), 0
    for task, names in TASKS.items():
        for split in ("train", "val", "test"):
            table = _table(root, split, names)
            if table is None:
                continue
            for path, label in _labelled(table, "img_url", "label"):
                folder = "test" if split == "test" else "train"
                if label == UNCLEAR:
                    unclear += 1
                    continue
                image = path if path.startswith(f"{folder}/") else f"{folder}/{path}"
                if not (root / image).is_file():
                    raise InputError(f"{table}: img_url: {path}: no such image in {root / folder}")
                found.append(TrialFile(image, task, label, SPLITS[split], setting_of(image)))
    if not found:
        raise InputError(f"{root}: no table such as train_perspective_balanced.csv with labelled images")
    return Found(found, unclear)


def people_set(root: str | Path) -> list[str]:
    """Images of the test folder that people saw, as ``human_balanced.csv`` or the tables of tasks list them.

    Returns
    -------
    list of str
        Paths relative to the folder, each once, in order.
    """
    root = Path(root)
    tables = [root / "human_balanced.csv", *(_file(root, "human", names) for names in TASKS.values())]
    paths: dict[str, None] = {}
    for table in tables:
        if table and table.is_file():
            frame = read_table(table, required=("img_url",))
            for path in words(frame, "img_url", table):
                paths[path if path.startswith("test/") else f"test/{path}"] = None
    return list(paths)


def from_folders(root: str | Path) -> Found:
    """Trials of folders ``perspective|depth/SPLIT/CATEGORY 0|1/*.png``.

    The group is the image's name without its last part of view where the name says so
    (``car_03_05_0012.png``), else the image stands alone.

    Raises
    ------
    InputError
        No image, or a class folder that does not end in 0 or 1.
    """
    root, found = Path(root), list[TrialFile]()
    for task, names in TASKS.items():
        for folder in (root / name for name in names):
            for path in sorted(folder.glob(f"*/*/*{SUFFIX}")):
                split, category = path.parts[-3], path.parts[-2]
                label = category[-1:]
                if split not in SPLITS or label not in ("0", "1"):
                    raise InputError(
                        f"{path.parent}: expected {folder.name}/SPLIT/CATEGORY 0 or CATEGORY 1, splits "
                        f"{', '.join(SPLITS)}"
                    )
                parts = path.stem.split("_")
                group = "_".join(parts[:-1]) if len(parts) > 1 else ""
                relative = path.relative_to(root).as_posix()
                found.append(TrialFile(relative, task, int(label), SPLITS[split], group))
    if not found:
        raise InputError(f"{root}: no images in perspective/SPLIT/CATEGORY 0/ or depth/SPLIT/CATEGORY 0/")
    return Found(found, 0)


def from_parquet(root: str | Path) -> Iterator[StoredImage]:
    """Yield the images of local copies of the parquet files ``CONFIG/SPLIT*.parquet``, with their trials.

    Columns are image (bytes and path), label, category, scene, setting, img_id. A file is read one row group
    at a time, which bounds memory.

    Raises
    ------
    InputError
        No such file, a column that is missing, a label other than 0 and 1, an image without bytes.
    """
    import pyarrow.parquet as pq

    root, none = Path(root), True
    for task, names in TASKS.items():
        for file in sorted(file for name in names for file in (root / name).glob("**/*.parquet")):
            split = SPLITS.get(file.stem.split("-")[0])
            if split is None:
                raise InputError(f"{file}: expected a split at the start of its name: {', '.join(SPLITS)}")
            opened = pq.ParquetFile(file)
            needed = ("image", "label", "category", "scene", "setting", "img_id")
            if missing := [name for name in needed if name not in opened.schema_arrow.names]:
                raise InputError(f"{file}: no column {missing[0]!r}; expected {', '.join(needed)}")
            for batch in opened.iter_batches(batch_size=64, columns=list(needed)):
                for row in batch.to_pylist():
                    none = False
                    yield _stored(file, row, task, split)
    if none:
        raise InputError(f"{root}: no images in depth/, vpt-basic/ or vpt-strategy/ as parquet files")


def strategy_group(path: str) -> tuple[str, int]:
    """Group and step of an image of VPT-Strategy, named CATEGORY_STEP_VIEW.png, such as bench_03_0038.png."""
    category, step, _ = PurePosixPath(path).stem.rsplit("_", 2)
    return category, int(step)


def _stored(file: Path, row: dict[str, object], task: str, split: str) -> StoredImage:
    image = row["image"]
    content = image.get("bytes") if isinstance(image, dict) else image
    where = f"{file}: {row['img_id']}"
    if not isinstance(content, bytes) or not content:
        raise InputError(f"{where}: image: no bytes")
    label = row["label"]
    if not isinstance(label, (bool, int, float)) or float(label) not in (0, 1):
        raise InputError(f"{where}: label: {label!r} is not 0 or 1")
    group = "/".join(str(row[name]) for name in ("category", "scene", "setting"))
    name = f"{split}/{group}/{PurePosixPath(str(row['img_id'])).stem}{SUFFIX}"
    return StoredImage(content, TrialFile(name, task, float(label), split, group))


def _file(root: Path, split: str, names: tuple[str, ...]) -> Path | None:
    kinds = [f"{split}_{name}{kind}.csv" for kind in ("_balanced", "") for name in names]
    return next((root / kind for kind in kinds if (root / kind).is_file()), None)


def _table(root: Path, split: str, names: tuple[str, ...]) -> Path | None:
    table = _file(root, split, names)
    if table is None and split == "train":  # released so: depth_perspective_balanced.csv
        others = [root / f"{name}_perspective{kind}.csv" for kind in ("_balanced", "") for name in names]
        table = next((file for file in others if file.is_file()), None)
    return table


def _labelled(table: Path, path: str, label: str) -> Iterator[tuple[str, float]]:
    frame: pd.DataFrame = read_table(table, required=(path, label))
    values = numbers(frame, label, table)
    for name, value in zip(words(frame, path, table), values, strict=True):
        if value not in (0, 1, UNCLEAR):
            raise InputError(f"{table}: {label}: {value:g} of {name} is not 0, 1 or {UNCLEAR} (unclear)")
        yield name, float(value)


def answers(files: list[str | Path], shown: list[str], inverted: bool) -> tuple[pd.DataFrame, dict[str, int]]:
    """People's answers, from one table a person; nothing else of these files is kept.

    They hold names and addresses: five columns are read (video_url, response, label, correctness, timeout),
    and people are numbered in the order of the files' names.

    Parameters
    ----------
    files : list of path
    shown : list of str
        Images that count, by the end of their paths; answers to others are left out.
    inverted : bool
        Whether response and label are 1 less what models are asked, as those of perspective are.

    Returns
    -------
    answers : DataFrame
        participant, stimulus_id, response, label, timed_out: the first answer of each person to each image.
    left_out : dict
        How many answers are left out: of ``other images``, ``repeated``.

    Raises
    ------
    InputError
        A file without these columns, or whose correctness does not follow from response and label.
    """
    needed = ("video_url", "response", "label", "correctness", "timeout")
    rows: list[dict[str, object]] = []
    left_out = {"other images": 0, "repeated": 0}
    for number, file in enumerate(sorted(files, key=str), 1):
        content = pd.read_csv(io.BytesIO(Path(file).read_bytes()), usecols=lambda name: name in needed)
        if missing := [name for name in needed if name not in content]:
            raise InputError(f"{Path(file).name}: no column {missing[0]!r}; expected {', '.join(needed)}")
        seen: set[str] = set()
        for row in content.to_dict("records"):
            stimulus = _shown(str(row["video_url"]), shown)
            if stimulus is None or stimulus in seen:
                left_out["repeated" if stimulus in seen else "other images"] += 1
                continue
            seen.add(stimulus)
            timed_out = str(row["timeout"]).lower() in ("true", "1", "1.0")
            response, label = float(row["response"]), float(row["label"])
            if not timed_out and bool(row["correctness"]) != (response == label):
                raise InputError(f"{Path(file).name}: {stimulus}: correctness does not follow from its row")
            if inverted:
                response, label = 1 - response, 1 - label
            answer = {"participant": number, "stimulus_id": stimulus, "response": response, "label": label}
            rows.append(answer | {"timed_out": timed_out})
    columns = ["participant", "stimulus_id", "response", "label", "timed_out"]
    return pd.DataFrame(rows, columns=columns), left_out


def _shown(url: str, shown: list[str]) -> str | None:
    """The image of a list whose path a URL ends with, by object, setting and view."""
    end = PurePosixPath(url.split("?")[0]).parts[-3:]
    return next((path for path in shown if PurePosixPath(path).parts[-3:] == end), None)
