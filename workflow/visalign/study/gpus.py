"""How long the networks of a study take on kinds of GPUs, from what the makers of these publish.

A pass takes the time of its multiplications and, after them, that of moving its activations:

    seconds = 2 · multiplications / peak + MOVED · 4 · activations / bandwidth

with the peak of float32 without tensor cores, since TensorFloat-32 is off here. The one constant, `MOVED`,
was chosen by published throughputs of PyTorch in float32 (NVIDIA, DeepLearningExamples, release 21.03): of a
V100, ResNet-50 1,261 images a second, EfficientNet-B0 2,968, and EfficientNet-B4 at 380 pixels 376; of a T4,
ResNet-50 428. The law foretells each to a sixth.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from visalign.errors import InputError
from visalign.io import delimited
from visalign.io.sheets import read_sheet
from visalign.study.costs import Sizes

#: What a forward pass of architectures takes: multiplications and activations, as timm publishes them.
TABLE = Path(__file__).with_name("macs.tsv")
#: How often a number of four bytes is moved for each output of a convolution or product.
MOVED = 8
#: Seconds of a job before its first batch: Python, libraries, the network on its GPU. An assumption.
START = 20
#: The network whose throughput says how fast a GPU is.
REFERENCE = "resnet50"


class Gpu(NamedTuple):
    """A kind of GPU.

    Attributes
    ----------
    kind : str
    tflops : float
        Peak of float32 without tensor cores, 10¹² operations a second.
    bandwidth : float
        Of its memory, 10⁹ bytes a second.
    slower : float
        Time of a pass, in times of what these two foretell.
    origin : {'published', 'measured'}
        Whether that rests on the two figures only, or on a measured throughput.
    """

    kind: str
    tflops: float
    bandwidth: float
    slower: float = 1.0
    origin: str = "published"

    def seconds(self, each: Pass) -> float:
        """Seconds of a pass of an image through a network."""
        moved = 4 * MOVED * each.activations / (1e9 * self.bandwidth)
        return self.slower * (2 * each.multiplications / (1e12 * self.tflops) + moved)


class Pass(NamedTuple):
    """A forward pass of an image.

    Attributes
    ----------
    multiplications : float
        Multiply-accumulates of convolutions and matrix products.
    activations : float
        Numbers that these give.
    """

    multiplications: float
    activations: float


#: Peak and bandwidth as in the data sheets of their makers.
GPUS = {
    gpu.kind: gpu
    for gpu in (
        Gpu("t4", 8.1, 320),
        Gpu("v100", 15.7, 900),
        Gpu("rtx3090", 35.6, 936),
        Gpu("rtx4090", 82.6, 1008),
        Gpu("a40", 37.4, 696),
        Gpu("l40s", 91.6, 864),
        Gpu("a100", 19.5, 2039),
        Gpu("h100", 67, 3350),
        Gpu("h200", 67, 4800),
    )
}


@functools.cache
def counted() -> dict[str, tuple[int, Pass]]:
    """Architectures whose forward pass was counted: name -> (pixels of the input, pass)."""
    rows = read_sheet(TABLE, "macs", "architecture")
    return {
        name: (row["side"] ** 2, Pass(1e9 * row["gmacs"], 1e6 * row["mactivations"]))
        for name, row in rows.items()
    }


@functools.cache
def typical() -> tuple[float, float]:
    """Activations per pixel, and multiplications per activation, of the median of those architectures."""
    passes = counted().values()
    per_pixel = statistics.median(each.activations / pixels for pixels, each in passes)
    return per_pixel, statistics.median(each.multiplications / each.activations for _, each in passes)


def of_model(sizes: Sizes, model: str) -> Pass:
    """Return a forward pass of a model, in proportion to its pixels.

    An architecture that is not in `TABLE` has the median's activations per pixel and multiplications per
    activation.
    """
    pixels, found = sizes.pixels(model), counted().get(sizes.study.models[model]["architecture"])
    if found is None:
        per_pixel, per_activation = typical()
        return Pass(per_pixel * per_activation * pixels, per_pixel * pixels)
    own, each = found
    return Pass(each.multiplications * pixels / own, each.activations * pixels / own)


def parse(words: Iterable[str], option: str = "--gpu") -> list[Gpu]:
    """Return kinds of GPUs from words KIND or KIND=THROUGHPUT, each once.

    Parameters
    ----------
    words : iterable of str
        THROUGHPUT is measured: images a second, forward, of ResNet-50 at 224 pixels in float32. A kind that
        is not in `GPUS` takes it, and has the balance of a V100.

    Raises
    ------
    InputError
        A kind without figures, a throughput that is not a positive number, a kind twice.
    """
    found: dict[str, Gpu] = {}
    for word in words:
        kind, given, number = word.partition("=")
        if kind in found:
            raise InputError(f"{option} {word!r}: {kind!r} is there twice")
        if not given and kind not in GPUS:
            raise InputError(
                f"{option} {word!r}: unknown kind; give KIND=THROUGHPUT, images a second of ResNet-50 at 224 "
                f"pixels in float32, or one of: {', '.join(GPUS)}"
            )
        found[kind] = measured(kind, number, f"{option} {word!r}") if given else GPUS[kind]
    return list(found.values())


def measured(kind: str, number: str, where: str) -> Gpu:
    """Return a GPU of a measured throughput of the reference."""
    throughput = delimited.number(number)
    if not kind or throughput is None or throughput <= 0:
        raise InputError(f"{where}: give KIND=THROUGHPUT, a positive number of images a second")
    gpu = GPUS.get(kind, GPUS["v100"])
    pixels, each = counted()[REFERENCE]
    foretold = gpu.seconds(each) * 224**2 / pixels
    return Gpu(kind, gpu.tflops, gpu.bandwidth, 1 / throughput / foretold, "measured")


def seconds(gpu: Gpu, sizes: Sizes, rule: str, names: tuple[str, ...]) -> float:
    """Seconds of a job of a network on a GPU: its start, and all its passes."""
    return START + sum(sizes.passes(rule, names)) * gpu.seconds(of_model(sizes, names[0]))
