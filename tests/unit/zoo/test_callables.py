"""Claims about networks that a row names by what makes them: found, called, or refused."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from visalign.errors import InputError
from visalign.zoo import callables

CONFIG = {
    "input_size": [3, 16, 16], "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2], "crop_pct": 1.0,
    "crop_mode": "center", "interpolation": "bilinear",
}  # fmt: skip
HEAD = """
import torch
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        body = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        super().__init__(*body, nn.Flatten(), nn.Linear(4, 5))
"""


@pytest.fixture
def code(tmp_path):
    """Write a file of code; returns what a row calls one of its names."""

    def write(text: str, name: str = "Net") -> str:
        file = tmp_path / "nets.py"
        file.write_text(HEAD + text)
        return f"{file}:{name}"

    return write


def test_an_architecture_with_a_colon_is_a_callable():
    assert callables.is_callable("a.b:c") and callables.is_callable("nets/mine.py:net")
    assert not callables.is_callable("resnet50.a1_in1k")


@pytest.mark.parametrize("name", ["Net", "make", "Holder.make"])
def test_a_class_a_function_and_a_name_inside_make_a_network(code, name):
    text = "def make(): return Net().half().train()\nclass Holder:\n    make = staticmethod(make)\n"
    network = callables.make(code(text, name))
    assert type(network).__name__ == "Net" and not network.training
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert callables.outputs(network, "n", CONFIG) == 5


def test_the_seed_decides_the_weights_and_the_generator_is_left_alone(code):
    name = code("")
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    a, b, other = callables.make(name, 1), callables.make(name, 1), callables.make(name, 2)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(a[0].weight, b[0].weight) and not torch.equal(a[0].weight, other[0].weight)
    torch.manual_seed(1)
    assert torch.equal(a[0].weight, nn.Conv2d(3, 4, 3).weight)


def test_a_callable_of_a_package_is_found(monkeypatch, tmp_path):
    assert (
        callables.outputs(
            callables.make("torchvision.models:squeezenet1_1"), "s", CONFIG | {"input_size": [3, 64, 64]}
        )
        == 1000
    )
    (tmp_path / "mine19").mkdir()
    (tmp_path / "mine19" / "nets.py").write_text(HEAD)
    monkeypatch.syspath_prepend(tmp_path)
    assert callables.code_file("mine19.nets:Net") == tmp_path / "mine19" / "nets.py"
    assert type(callables.make("mine19.nets:Net")).__module__ == "mine19.nets"


def test_looking_for_code_imports_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("loud19.py").write_text("raise SystemExit('imported')")
    Path("pack19").mkdir()
    Path("pack19/__init__.py").write_text("raise SystemExit('imported')")
    Path("pack19/part.py").write_text("")
    importlib.invalidate_caches()
    assert callables.code_file("loud19:net").resolve() == tmp_path / "loud19.py"
    assert callables.code_file("pack19.part:net").resolve() == tmp_path / "pack19/part.py"
    assert callables.code_file("pack19:net").resolve() == tmp_path / "pack19/__init__.py"
    assert callables.code_file("some/file.py:net") == Path("some/file.py")
    assert callables.code_file("absent19.part:net") is None and callables.code_file("pack19.no:net") is None
    assert "loud19" not in sys.modules and "pack19" not in sys.modules


def test_the_code_of_a_callable_is_that_where_it_is_defined(code, tmp_path):
    file, digest = callables.code_of("torchvision.models:squeezenet1_1")
    assert file.name == "squeezenet.py" and len(digest) == 64
    name = code("")
    before = callables.code_of(name)
    assert before[0] == tmp_path / "nets.py"
    (tmp_path / "nets.py").write_text(HEAD + "# more")
    assert callables.code_of(name)[1] != before[1]


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ("", "Nett", "has no Nett; near: Net"),
        ("x = 1", "x", "is int, and cannot be called"),
        (
            "def f(classes, *more, size=1): pass",
            "f",
            "needs classes; name a function that needs no arguments",
        ),
        ("import absent19", "Net", "cannot be imported: ModuleNotFoundError: No module named 'absent19'"),
        ("1 / 0", "Net", "cannot be imported: ZeroDivisionError: division by zero"),
        ("def f(): raise ValueError('no\\nmore')", "f", "fails: ValueError: no$"),
        ("def f(): return [Net()]", "f", "returns list, not a module of torch"),
        ("def f(): return nn.ReLU()", "f", "returns a ReLU without parameters"),
    ],
)
def test_what_makes_no_network_is_refused_in_a_line(code, text, name, reason):
    with pytest.raises(InputError, match=rf"^architecture: \S+nets\.py:{name}: .*{reason}") as error:
        callables.make(code(text, name))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [
        ("absent.py:net", "no such file"),
        ("absent19.models:net", "cannot be imported: ModuleNotFoundError"),
        ("torchvision.models:squeezenet", "is module, and cannot be called"),
        ("torchvision.models:squeezenet2", "near: squeezenet"),
        ("torchvision:", "expected package.module:callable or file.py:callable"),
        (":net", "expected package.module:callable or file.py:callable"),
    ],
)
def test_what_is_not_there_is_refused(architecture, reason):
    with pytest.raises(InputError, match=f"architecture: {architecture}: .*{reason}"):
        callables.find(architecture)


def test_a_file_that_a_network_lacks_is_another_error(code):
    with pytest.raises(FileNotFoundError):
        callables.make(code("def f(): return open('/absent/weights')", "f"))


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        ("return {'logits': y}", "its output is dict, not a tensor"),
        ("return y[0]", r"its output of 2 images is \(5,\) of torch.float32, not \(images, classes\)"),
        ("return y[:, :, None]", r"is \(2, 5, 1\) of"),
        ("return y.T", r"is \(5, 2\) of"),
        ("return y.argmax(1, keepdim=True)", "of torch.int64"),
        ("return y / 0", "is not finite"),
        (
            "return y + torch.rand(())",
            "two passes of the same images give different outputs, in eval mode too",
        ),
        ("return y - y.mean(0)", "its output of an image depends on the other images of the batch"),
        ("raise KeyError('x')", "fails on images of 16 × 16: KeyError: 'x'"),
        ("return nn.functional.unfold(x, 99)", "fails on images of 16 × 16: RuntimeError"),
    ],
)
def test_outputs_that_are_no_logits_of_images_are_refused(code, forward, reason):
    text = (
        f"class Wrong(Net):\n    def forward(self, x):\n        y = super().forward(x)\n        {forward}\n"
    )
    name = code(text, "Wrong")
    with pytest.raises(InputError, match=f"^architecture: .*:Wrong: .*{reason}") as error:
        callables.outputs(callables.make(name), name, CONFIG)
    assert "\n" not in str(error.value)


def test_a_network_is_whole_only_if_its_state_dict_is_all_of_it(code):
    text = """
class Hidden(Net):
    def __init__(self):
        super().__init__()
        self.hidden = [torch.rand(())]

    def forward(self, x):
        return super().forward(x) + self.hidden[0]
"""
    plain, hidden = code(""), code(text, "Hidden")
    callables.check_whole(callables.make(plain, 1), plain, CONFIG)
    with pytest.raises(InputError, match="made again with the same state dict, it answers otherwise"):
        callables.check_whole(callables.make(hidden, 1), hidden, CONFIG)


def test_tensors_of_a_state_share_no_memory(code):
    text = """
class Tied(Net):
    def __init__(self):
        super().__init__()
        self.again = self[4].weight

class Extra(Net):
    def get_extra_state(self):
        return {"step": 1}
"""
    tied = callables.state_of(callables.make(code(text, "Tied")), "n")
    assert torch.equal(tied["again"], tied["4.weight"])
    assert tied["again"].data_ptr() != tied["4.weight"].data_ptr()
    with pytest.raises(InputError, match="'_extra_state' of its state dict is dict, not a tensor"):
        callables.state_of(callables.make(code(text, "Extra")), "n")
