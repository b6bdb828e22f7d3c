"""Attention supervision: a model's stages should be most active where people look.

The co-training loss of GALA (Linsley et al., ICLR 2019, arXiv 1805.08819), on the activity of the stages
themselves: its attention modules are not added, so that the model stays one of timm's architectures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from visalign.errors import InputError
from visalign.zoo import layers as layers_of

Reduction = Callable[[Tensor], Tensor]


def spatial_layers(model: nn.Module, size: int) -> dict[str, Reduction]:
    """Layers of the automatic ladder that have positions.

    Parameters
    ----------
    model : nn.Module
        Any model of timm, in evaluation mode.
    size : int
        Side of its input in pixels.

    Returns
    -------
    dict of str to callable
        For each layer, from its output to its activity (n, rows, columns): the L2 norm over channels.

    Raises
    ------
    InputError
        There is none.
    """
    layout = layers_of.token_layout(model)
    found: dict[str, Reduction] = {}
    for layer, shape in layers_of.layer_shapes(model, "auto", (size, size)).items():
        axes = [name.rsplit("_", 1)[-1] for name in layers_of.dimensions(model, layer, shape)]
        if "y" in axes:
            found[layer] = partial(torch.linalg.vector_norm, dim=axes.index("channel"))
        elif "token" in axes and layout["token_grid"]:
            rows, columns = layout["token_grid"]
            if shape[0] - rows * columns in (0, layout["prefix_tokens"]):  # CaiT adds its token later
                found[layer] = partial(_of_patches, grid=(rows, columns))
    if not found:
        raise InputError(f"supervision: gala: no layer of {type(model).__name__} has known positions")
    return found


def _of_patches(output: Tensor, grid: tuple[int, int]) -> Tensor:
    return torch.linalg.vector_norm(output[:, -grid[0] * grid[1] :], dim=2).unflatten(1, grid)


@contextmanager
def activities(model: nn.Module, layers: dict[str, Reduction]) -> Iterator[list[Tensor]]:
    """Gather the activity (n, rows, columns) of layers in a forward pass of the block, with its graph."""
    found: list[Tensor] = []
    # Copies, since a following in-place activation would overwrite what the gradient needs.
    with layers_of.hooked(
        model, list(layers), lambda name, output: found.append(layers[name](output.clone()))
    ):
        yield found


def attention_loss(found: list[Tensor], human_maps: Tensor, has_map: Tensor) -> Tensor:
    """Distance of activity from human maps, each of norm 1.

    Parameters
    ----------
    found : list of Tensor, shape (N, rows, columns)
        Activity of each layer.
    human_maps : Tensor, shape (N, H, W)
        Averaged over the area of each position of a layer.
    has_map : Tensor of bool, shape (N,)

    Returns
    -------
    Tensor, shape ()
        Mean over layers of the mean over all N images of ‖R/‖R‖ − A/‖A‖‖ · has_map (arXiv 1805.08819,
        section 4).
    """
    distances = []
    for activity in found:
        human = F.adaptive_avg_pool2d(human_maps[has_map][:, None], (activity.shape[1], activity.shape[2]))
        own = F.normalize(activity[has_map].flatten(1), dim=1)
        distance = torch.linalg.vector_norm(own - F.normalize(human.flatten(1), dim=1), dim=1)
        distances.append(distance.sum() / len(activity))
    return torch.stack(distances).mean()
