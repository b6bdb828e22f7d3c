"""Claims about compiled forward passes: layers are recorded in them, of whole batches and of the last."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from visalign.errors import InputError
from visalign.zoo import compilation
from visalign.zoo.activations import recorded
from visalign.zoo.deviation import largest


class Net(nn.Sequential):
    """Two convolutions of which the first is overwritten."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 4, 3), nn.Flatten(),
            nn.Linear(64, 5),
        )  # fmt: skip


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return Net().eval().requires_grad_(False)


def images(n: int) -> torch.Tensor:
    return torch.randn(n, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_layers_of_a_compiled_pass_are_those_of_the_network(model):
    shapes: list[tuple[int, ...]] = []
    forward = compilation.compiled(model, 4)
    with recorded(model, ["0", "1", "2", "3"]) as shown:
        expected = {n: shown(images(n)) for n in (4, 3, 1)}
        shown.forward = lambda batch: shapes.append(tuple(batch.shape)) or forward(batch)
        for n, own in expected.items():
            found = shown(images(n))
            assert {layer: values.shape for layer, values in found.items()} == {
                layer: values.shape for layer, values in own.items()
            }
            assert largest(found, own).size < 1e-5
    assert (expected[4]["1"] < 0).any()  # before the rectification that overwrites it


def test_hooks_of_an_earlier_recording_are_forgotten(model):
    for layers in (["0"], ["3"]):
        with recorded(model, layers) as shown:
            expected = shown(images(2))
            shown.forward = compilation.compiled(model, 2)
            found = shown(images(2))
        assert found.keys() == {*layers, "logits"}
        assert largest(found, expected).size < 1e-5


def test_a_batch_is_filled_up_by_its_last_image(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda model, **_: model)
    forward = compilation.compiled(nn.Identity(), 5)
    for n in (5, 3):
        found = forward(images(n))
        assert len(found) == 5 and torch.equal(found[:n], images(n))
        assert all(torch.equal(image, found[n - 1]) for image in found[n:])


@pytest.mark.parametrize("error", [RuntimeError("no compiler\nfor this"), NotImplementedError("no compiler")])
def test_a_network_that_cannot_be_compiled_is_named(error):
    with pytest.raises(InputError) as told, compilation.refused("tiny"):
        raise error
    expected = "compile: tiny cannot be compiled: no compiler; --compile false runs it as it is"
    assert str(told.value) == expected


def test_a_missing_compiler_is_told(model, monkeypatch):
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "cxx", ("no-such-compiler",))
    monkeypatch.setattr(config, "force_disable_caches", True)
    with pytest.raises(InputError, match="compile: tiny cannot be compiled"), compilation.refused("tiny"):
        compilation.compiled(model, 2)(images(2))


def test_a_lack_of_memory_is_no_lack_of_a_compiler():
    with pytest.raises(torch.OutOfMemoryError), compilation.refused("tiny"):
        raise torch.OutOfMemoryError
