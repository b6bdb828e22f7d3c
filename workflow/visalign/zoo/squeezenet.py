"""ImageNet weights of SqueezeNet 1.1 as the package ``ndf`` ships them, under torchvision's names.

Iandola et al. (2016), arXiv:1602.07360; the release 1.1 of its authors, converted by way of Keras. The file
is a pickle, and a pickle may run any code. The unpickler here knows the three names by which NumPy stores an
array, and refuses a file that asks for any other before that is used.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np

from visalign.errors import InputError
from visalign.zoo.weights_file import State

#: The package, and where in it the weights are.
PACKAGE, FILE = "ndf", "example_models/weights/squeezenet_weights.pkl"
#: What a pickle of arrays asks for; the first moved within NumPy.
RECONSTRUCT = np.empty(0).__reduce__()[0]
ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
#: Number of a fire module -> its place in torchvision's list; between them are the poolings.
FIRES = {2: 3, 3: 4, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12}
#: Layer in the file -> module of torchvision's ``squeezenet1_1``.
NAMES = {
    "conv1": "features.0",
    **{
        f"fire{fire}/{part}": f"features.{place}.{part.replace('squeeze1x1', 'squeeze')}"
        for fire, place in FIRES.items()
        for part in ("squeeze1x1", "expand1x1", "expand3x3")
    },
    "conv10": "classifier.1",
}


class ArraysOnly(pickle.Unpickler):
    """Reads a pickle of NumPy arrays, and nothing else.

    Parameters
    ----------
    file : binary file
    where : str or Path
        Names it in errors.
    """

    def __init__(self, file: IO[bytes], where: str | Path) -> None:
        super().__init__(file)
        self.where = where

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle asks for; InputError where that is no part of an array."""
        if (module, name) not in ADMITTED:
            raise InputError(f"{self.where}: asks for {module}.{name}, no part of an array: not read")
        return ADMITTED[module, name]


def read(path: Path) -> State:
    """Read the weights of SqueezeNet.

    Parameters
    ----------
    path : Path
        Pickle of a dict: name of a layer -> kernel (rows, columns, inputs, outputs) and bias (outputs,),
        float32. The first kernel takes channels in the order blue, green, red.

    Returns
    -------
    dict of str to Tensor
        For torchvision's ``squeezenet1_1``: kernels (outputs, inputs, rows, columns), red first.

    Raises
    ------
    InputError
        There is no such file, it is damaged, or it holds something else.
    """
    import torch

    state = {}
    for layer, (kernel, bias) in layers(path).items():
        kernel = kernel.transpose(3, 2, 0, 1)
        if layer == "conv1":
            kernel = kernel[:, ::-1]
        state[f"{NAMES[layer]}.weight"] = torch.from_numpy(np.array(kernel, order="C"))
        state[f"{NAMES[layer]}.bias"] = torch.from_numpy(np.array(bias))
    return state


def layers(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias of each layer in the file, in the order of the network; see `read`."""
    try:
        with path.open("rb") as file:
            content = ArraysOnly(file, path).load()
    except FileNotFoundError:
        raise InputError(f"{path}: no such weight file") from None
    except InputError:
        raise
    except Exception as error:  # whatever a damaged pickle leads to
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: not a weight file: {reason}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds {type(content).__name__}, not a dict of layers")
    if content.keys() != NAMES.keys():
        lacking = [name for name in NAMES if name not in content]
        more = [str(name) for name in content if name not in NAMES]
        raise InputError(
            f"{path}: layers are not SqueezeNet's: lacks {', '.join(lacking[:3]) or 'none'}; "
            f"has besides {', '.join(more[:3]) or 'none'}"
        )
    return {name: checked(content[name], f"{path}: {name}") for name in NAMES}


def checked(value: object, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of a layer; InputError where they are something else."""
    if isinstance(value, (list, tuple)) and len(value) == 2:
        kernel, bias = value
        arrays = isinstance(kernel, np.ndarray) and isinstance(bias, np.ndarray)
        if arrays and kernel.dtype == bias.dtype == np.float32 and (kernel.ndim, bias.ndim) == (4, 1):
            return kernel, bias
    raise InputError(f"{where}: not a kernel of 4 dimensions and a bias, float32")
