"""ImageNet's label spaces: the index of each wnid, as timm and torchvision have it."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from visalign.labels import spaces

LABEL_SPACE = "imagenet-1k"
#: WordNet's name of a noun, as ImageNet's folders have it.
WNID = re.compile(r"n[0-9]{8}")


@functools.cache
def indices(label_space: str = LABEL_SPACE) -> dict[str, int]:
    """Index of each wnid of one of the spaces of `labels.spaces`.

    Raises
    ------
    InputError
        Another space than imagenet-1k, and timm, which has its list, is not installed. The list of
        imagenet-1k is here too, since stimuli are listed in an environment without timm.
    """
    own = Path(__file__).with_name("imagenet_wnids.txt")
    wnids = own.read_text().split() if label_space == LABEL_SPACE else spaces.synsets(label_space)
    return {wnid: index for index, wnid in enumerate(wnids)}
