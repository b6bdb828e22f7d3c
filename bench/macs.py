"""What a forward pass takes: multiplications and activations of every architecture of the full study.

    python bench/macs.py > config/models/macs.tsv

Counts each convolution and matrix product of a network without numbers ("meta"), at the size of its input,
for `python -m visalign plan --gpu`; 419 networks take some minutes of a core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import timm
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from visalign.io.sheets import read_sheet

MODELS = Path(__file__).parents[1] / "config/models/timm.tsv"
HEAD = """\
# A forward pass of one image of side × side pixels: millions of multiply-accumulates of convolutions and
# matrix products, and millions of numbers that these give. Made by bench/macs.py with timm {}.
architecture\tside\tmmacs\tmactivations"""


class Counted(TorchDispatchMode):
    """Counts what runs in it."""

    def __init__(self) -> None:
        super().__init__()
        self.multiplications = self.activations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and count it where it is a convolution or product."""
        out = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func._overloadpacket):
            self.multiplications += count(*args, **(kwargs or {}), out_val=out) // 2
            self.activations += (out if isinstance(out, torch.Tensor) else out[0]).numel()
        return out


def count(architecture: str) -> tuple[int, int, int]:
    """Return (side, multiplications, activations) of an architecture at the size of its own weights."""
    with torch.device("meta"):
        model = timm.create_model(architecture, pretrained=False).eval()
        size = model.pretrained_cfg["input_size"]
        with torch.no_grad(), Counted() as counted:
            model(torch.empty(1, *size))
    return size[-1], counted.multiplications, counted.activations


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("architectures", nargs="*", help="instead of those of config/models/timm.tsv")
    args = parser.parse_args()
    timm.layers.set_fused_attn(False)  # attention as products, which are counted
    rows = read_sheet(MODELS, "models", "model").values()
    for_all = sorted({row["architecture"] for row in rows})
    print(HEAD.format(timm.__version__))
    for architecture in args.architectures or for_all:
        try:
            side, multiplications, activations = count(architecture)
        except Exception as error:  # one that cannot be built without numbers has the median's
            print(f"{architecture}: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        print(f"{architecture}\t{side}\t{multiplications / 1e6:.0f}\t{activations / 1e6:.2f}", flush=True)


if __name__ == "__main__":
    main()
