"""Readers of ClickMe's files, with image, map and label of each stimulus: shards, or a file for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from visalign.maps.reader import HumanMap, MapFiles, Opened, Reader


def listed(files: MapFiles) -> list[tuple[str, int | None]]:
    """Number the records of all shards; labels are not known before they are read."""
    from visalign.stimuli import clickme

    n = sum(map(clickme.count_records, clickme.list_shards(files.path)))
    return [(clickme.stimulus_id(files.name, index), None) for index in range(n)]


def maps(name: str, pattern: str) -> Iterator[HumanMap]:
    """Iterate over the maps of ClickMe's files, numbered as the stimuli are."""
    from tqdm import tqdm

    from visalign.stimuli import clickme

    shards = tqdm(clickme.list_shards(pattern), desc="maps", unit="shard")
    index = 0
    for shard in shards:
        for record in clickme.read_clickme(shard):
            stimulus_id = clickme.stimulus_id(name, index)
            source = f"{shard}: {stimulus_id}"
            yield HumanMap(stimulus_id, record.label, record.heatmap, source, record.processed)
            index += 1


def opened(files: MapFiles, labels: Mapping[str, int]) -> Opened:
    """Open the shards of a pattern."""
    return Opened(maps(files.name, files.path))


TFRECORD = Reader(name="tfrecord", meaning="ClickMe shards", path="glob of files", listed=listed, open=opened)
NPZ = Reader(
    name="npz",
    meaning="one file per image (image, heatmap, label)",
    path="glob of files",
    listed=listed,
    open=opened,
)
PTH = Reader(
    name="pth",
    meaning="one file of torch per image (image, heatmap, label), channels first",
    path="glob of files",
    listed=listed,
    open=opened,
)
