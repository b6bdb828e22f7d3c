"""Claims about hours on GPUs: published throughputs are foretold, measured ones are met."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from visalign.errors import InputError
from visalign.study import gpus


class Sizes:
    """One model of an architecture and a side."""

    def __init__(self, architecture: str, side: int) -> None:
        self.study = SimpleNamespace(models={"net": {"architecture": architecture}})
        self.side = side

    def pixels(self, model: str) -> int:
        return self.side**2


def throughput(kind: str, architecture: str, side: int = 224) -> float:
    [gpu] = gpus.parse([kind])
    return 1 / gpu.seconds(gpus.of_model(Sizes(architecture, side), "net"))


@pytest.mark.parametrize(
    ("kind", "architecture", "side", "published"),
    [
        ("v100", "resnet50", 224, 1261),
        ("v100", "tf_efficientnet_b0", 224, 2968),
        ("v100", "tf_efficientnet_b4", 380, 376),
        ("t4", "resnet50", 224, 428),
    ],
)
def test_published_throughputs_are_foretold_to_a_sixth(kind, architecture, side, published):
    """NVIDIA, DeepLearningExamples, inference in float32, batches of 64 to 256 images."""
    assert throughput(kind, architecture, side) == pytest.approx(published, rel=1 / 6)


def test_a_measured_throughput_is_met_and_scales_other_networks():
    assert throughput("a100=1000", "resnet50") == pytest.approx(1000)
    assert throughput("mine=1000", "resnet50") == pytest.approx(1000)
    times = throughput("a100", "resnet50") / 1000
    assert throughput("a100", "resnet18") == pytest.approx(times * throughput("a100=1000", "resnet18"))
    assert gpus.parse(["mine=1000"])[0].origin == "measured"


def test_more_peak_and_more_bandwidth_are_never_slower():
    each = gpus.Pass(4e9, 1e7)
    assert gpus.Gpu("x", 20, 1000).seconds(each) < gpus.Gpu("x", 10, 1000).seconds(each)
    assert gpus.Gpu("x", 20, 1000).seconds(each) < gpus.Gpu("x", 20, 500).seconds(each)


@pytest.mark.parametrize("architecture", ["resnet18", "vit_tiny_patch16_224"])
def test_the_table_has_what_torch_counts(architecture):
    import timm
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    timm.layers.set_fused_attn(False)
    try:
        with torch.device("meta"):
            model = timm.create_model(architecture).eval()
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                model(torch.empty(1, 3, 224, 224))
    finally:
        timm.layers.set_fused_attn(True)
    found = gpus.of_model(Sizes(architecture, 224), "net")
    assert found.multiplications == pytest.approx(counter.get_total_flops() / 2, rel=0.02)


def test_a_pass_grows_with_the_pixels_and_unknown_networks_are_like_the_median():
    small, large = (gpus.of_model(Sizes("resnet50", side), "net") for side in (112, 224))
    assert large == pytest.approx((4 * small.multiplications, 4 * small.activations))
    unknown = gpus.of_model(Sizes("of_mine", 224), "net")
    known = sorted(224**2 * each.activations / pixels for pixels, each in gpus.counted().values())
    assert known[0] < unknown.activations < known[-1]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("k80", "--gpu 'k80': unknown kind; give KIND=THROUGHPUT"),
        ("a100=", "--gpu 'a100=': give KIND=THROUGHPUT, a positive number"),
        ("a100=-3", "--gpu 'a100=-3': give KIND=THROUGHPUT, a positive number"),
        ("mine=fast", "--gpu 'mine=fast': give KIND=THROUGHPUT"),
        ("=100", "--gpu '=100': give KIND=THROUGHPUT"),
    ],
)
def test_a_word_that_is_no_gpu_is_named(word, message):
    with pytest.raises(InputError) as error:
        gpus.parse([word])
    assert str(error.value).startswith(message)


def test_a_kind_is_named_once():
    with pytest.raises(InputError, match=r"--gpu 'a100=300': 'a100' is there twice"):
        gpus.parse(["a100", "a100=300"])
