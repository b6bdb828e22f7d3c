"""Forward passes that torch compiles (``torch.compile``), mostly for GPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from visalign.errors import InputError


def compiled(model: nn.Module, rows: int) -> Callable[[Tensor], Tensor]:
    """Return the forward pass of a network, to be compiled when it is first called.

    The hooks that the network has then are compiled with it. The compiler works in as many threads as torch
    computes in here.

    Parameters
    ----------
    rows : int
        Images of every batch; one that has fewer is filled up by its last image, since another shape would
        be compiled anew.

    Returns
    -------
    callable
        Takes a batch (n, 3, height, width), n ≤ rows, to logits (rows, classes).
    """
    torch.compiler.reset()  # a change of hooks is not looked for in what was compiled before
    options: dict[str, str | int | bool | Callable[..., object]] = {
        "compile_threads": torch.get_num_threads()
    }
    forward = torch.compile(model, dynamic=False, options=options)

    def whole(batch: Tensor) -> Tensor:
        missing = rows - len(batch)
        return forward(torch.cat([batch, batch[-1:].expand(missing, *batch.shape[1:])]) if missing else batch)

    return whole


@contextmanager
def refused(architecture: str) -> Iterator[None]:
    """Raise InputError where a network cannot be compiled in the block."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # what Dynamo and Inductor raise, NotImplementedError too, derives from it
        says = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"compile: {architecture} cannot be compiled: {says}; --compile false runs it as it is"
        ) from None
