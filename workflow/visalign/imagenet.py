"""ImageNet-1k: its label space and the index of each of its 1000 wnids."""

from __future__ import annotations

import functools
import re
from pathlib import Path

LABEL_SPACE = "imagenet-1k"
CLASSES = 1000
#: WordNet's name of a noun, as ImageNet's folders have it.
WNID = re.compile(r"n[0-9]{8}")


@functools.cache
def indices() -> dict[str, int]:
    """Index (0 … 999) of each wnid, in the order of timm and torchvision.

    timm ships the same list, but the rules that list stimuli run in an environment without it.
    """
    wnids = Path(__file__).with_name("imagenet_wnids.txt").read_text().split()
    return {wnid: index for index, wnid in enumerate(wnids)}
