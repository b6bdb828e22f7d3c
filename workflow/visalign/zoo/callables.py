"""Networks that are named by what makes them: ``package.module:callable``, or ``file.py:callable``.

Any network of torch may so stand in the model sheet. The code is imported and called, because a row names it,
and runs with all rights of the user; nothing else of it is read. It is called without arguments, with torch's
generator at a seed, and must give the same network every time: what its state dict does not hold would
otherwise differ from job to job, which is checked.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.machinery
import importlib.util
import inspect
import operator
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visalign.errors import InputError

if TYPE_CHECKING:  # planning passes here
    from torch import Tensor, nn

    from visalign.stimuli.transforms import DataConfig
    from visalign.zoo.weights_file import State

#: What the column weights says of networks to which their callable itself gives weights.
OWN = "own"
#: Kinds of weights that such networks can have.
WEIGHTS = ("file", "package", "random", OWN)
#: Two passes of one network may differ by so much of its largest output: other sizes of batch sum otherwise.
AGREEMENT = 1e-3


def is_callable(architecture: str) -> bool:
    """Whether a row names a callable, and no architecture of timm."""
    return ":" in architecture


# --- without running anything ---


def code_file(architecture: str) -> Path | None:
    """File in which a callable is named, there or not; None: Python does not find one.

    Packages are looked for where they are, and not imported, as `importlib.util.find_spec` would.
    """
    module, _, _ = architecture.rpartition(":")
    if module.endswith(".py"):
        return Path(module)
    first, *rest = module.split(".")
    try:  # in the working folder too, as the commands do
        spec = importlib.machinery.PathFinder.find_spec(first, ["", *sys.path])
        spec = spec or importlib.util.find_spec(first)
    except (ImportError, ValueError):  # a module that was made by hand
        spec = None
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and spec.has_location else None
    for folder in spec.submodule_search_locations or []:
        place = Path(folder).joinpath(*rest)
        for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if file.is_file():
                return file
    return None


# --- finding and calling ---


def find(architecture: str) -> Callable[[], object]:
    """Import the module of a callable, and return the callable.

    Raises
    ------
    InputError
        No such file, module or name, an import that fails, something that is not called, or not without
        arguments.
    """
    where = f"architecture: {architecture}"
    place, _, name = architecture.rpartition(":")
    if not place or not name:
        raise InputError(f"{where}: expected package.module:callable or file.py:callable")
    try:
        module = of_file(Path(place), where) if place.endswith(".py") else importlib.import_module(place)
    except InputError:
        raise
    except Exception as error:  # of code that is not ours
        raise InputError(f"{where}: cannot be imported: {told(error)}") from None
    try:
        found = operator.attrgetter(name)(module)
    except AttributeError:
        near = difflib.get_close_matches(name, dir(module), n=3)
        hint = f"; near: {', '.join(near)}" if near else ""
        raise InputError(f"{where}: {place} has no {name}{hint}") from None
    if not callable(found):
        raise InputError(f"{where}: is {type(found).__name__}, and cannot be called")
    if needed := arguments(found):
        raise InputError(f"{where}: needs {', '.join(needed)}; name a function that needs no arguments")
    return found


def of_file(path: Path, where: str) -> Any:
    """Import a file that is in no package; its neighbours are found where PYTHONPATH has their folder."""
    if not path.is_file():
        raise InputError(f"{where}: no such file")
    resolved = str(path.resolve())
    name = f"visalign_{path.stem}_{hashlib.sha256(resolved.encode()).hexdigest()[:8]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, resolved)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # before it runs, as Python does: dataclasses look for it
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def arguments(function: Callable[..., object]) -> list[str]:
    """Names of the arguments that a callable cannot do without."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of C code
        return []
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [one.name for one in parameters if one.default is one.empty and one.kind not in optional]


def told(error: BaseException) -> str:
    """Kind of an error, and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def make(architecture: str, seed: int = 0) -> nn.Module:
    """Call a callable for its network: on the CPU, in float32, eval mode.

    Parameters
    ----------
    seed : int
        Of torch's generator during the call, which then is as before.

    Raises
    ------
    InputError
        It fails, or returns no module, or one without parameters.
    OSError
        It fails for want of a file or of the net.
    """
    import torch

    where, function = f"architecture: {architecture}", find(architecture)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = function()
        except OSError:
            raise
        except Exception as error:  # of code that is not ours
            raise InputError(f"{where}: fails: {told(error)}") from None
    if not isinstance(network, torch.nn.Module):
        raise InputError(f"{where}: returns {type(network).__name__}, not a module of torch")
    if next(network.parameters(), None) is None:
        raise InputError(f"{where}: returns a {type(network).__name__} without parameters")
    return network.to("cpu", torch.float32).eval()


def code_of(architecture: str) -> tuple[Path, str] | None:
    """File that defines a callable, and its sha256; None: none is known, as of compiled code."""
    function = inspect.unwrap(find(architecture))
    try:
        file = inspect.getsourcefile(function)
    except TypeError:
        file = None
    path = Path(file) if file else code_file(architecture)
    return (path, hashlib.sha256(path.read_bytes()).hexdigest()) if path and path.is_file() else None


# --- what a network must be ---


def noise(data_config: DataConfig) -> Tensor:
    """Two images of uniform noise (2, 3, height, width), always the same, normalised for a network."""
    import torch

    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(2, *data_config["input_size"], generator=generator)
    mean, std = (torch.tensor(data_config[name]).view(3, 1, 1) for name in ("mean", "std"))
    return (pixels - mean) / std


def answer(network: nn.Module, architecture: str, images: Tensor) -> Tensor:
    """Output (n_images, classes) of a network; InputError where it fails or returns something else."""
    import torch

    where, sides = f"architecture: {architecture}", " × ".join(map(str, images.shape[2:]))
    try:
        with torch.inference_mode():
            output = network(images)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # of code that is not ours
        raise InputError(f"{where}: fails on images of {sides}: {told(error)}") from None
    if not isinstance(output, torch.Tensor):
        raise InputError(f"{where}: its output is {type(output).__name__}, not a tensor (images, classes)")
    if (
        output.ndim != 2
        or len(output) != len(images)
        or not output.shape[1]
        or not output.is_floating_point()
    ):
        shape = f"{tuple(output.shape)} of {output.dtype}"
        raise InputError(f"{where}: its output of {len(images)} images is {shape}, not (images, classes)")
    return output


def agree(one: Tensor, other: Tensor) -> bool:
    """Whether outputs are the same but for rounding."""
    return bool((one - other).abs().max() <= AGREEMENT * one.abs().max())


def outputs(network: nn.Module, architecture: str, data_config: DataConfig) -> int:
    """Number of outputs of a network, counted by running it on images of its input size.

    Raises
    ------
    InputError
        It fails, its output is no tensor (images, classes), is not finite, differs from one pass to the next,
        or for an image depends on the other images: gradients, saliency and resumed runs rest on all that.
    """
    where, images = f"architecture: {architecture}", noise(data_config)
    both = answer(network, architecture, images)
    if not both.isfinite().all():
        raise InputError(f"{where}: its output of images of noise is not finite")
    again, alone = answer(network, architecture, images), answer(network, architecture, images[:1])
    if not agree(both, again):
        raise InputError(f"{where}: two passes of the same images give different outputs, in eval mode too")
    if not agree(both[:1], alone):
        raise InputError(f"{where}: its output of an image depends on the other images of the batch")
    return both.shape[1]


def state_of(network: nn.Module, architecture: str) -> State:
    """State dict of a network, of tensors that share no memory; InputError where it holds something else."""
    import torch

    state = {}
    for name, value in network.state_dict().items():
        if not isinstance(value, torch.Tensor):
            found = f"{name!r} of its state dict is {type(value).__name__}"
            raise InputError(f"architecture: {architecture}: {found}, not a tensor")
        state[name] = value.detach().clone().contiguous()
    return state


def check_whole(network: nn.Module, architecture: str, data_config: DataConfig) -> None:
    """Raise InputError where a network made anew, with the state dict of another, answers otherwise.

    Then something decides its outputs that is not among its weights, and would be lost with them.
    """
    images = noise(data_config)
    again = make(architecture)
    again.load_state_dict(state_of(network, architecture))
    if not agree(answer(network, architecture, images), answer(again, architecture, images)):
        raise InputError(
            f"architecture: {architecture}: made again with the same state dict, it answers otherwise: what "
            "decides its outputs is not all among its parameters and buffers"
        )
