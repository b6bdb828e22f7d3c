"""Neural harmonizer: train a model so that its saliency falls where people look.

Source: Fel et al., NeurIPS 2022 (arXiv 2211.04533). The harmonizer term is a function of the logits' gradient
with respect to the image, so training differentiates twice.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from visalign.errors import InputError

#: One-dimensional binomial kernel of the pyramid.
KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
#: Added to standard deviations, and to the largest values by which maps are rescaled.
STD_EPSILON, PEAK_EPSILON = 1e-5, 1e-6
#: In the names that timm gives embeddings and tokens: pos_embed, relative_position_bias_table, cls_token, ...
EMBEDDING_OR_TOKEN = re.compile("embed|pos|token")


def saliency(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Mean over channels of the signed gradient of the labels' logits, itself differentiable.

    Parameters
    ----------
    model : nn.Module
        From images to logits, shape (N, n_classes).
    images : Tensor, shape (N, C, H, W)
        As the model takes them, that is, normalised.
    labels : Tensor of int64, shape (N,)

    Returns
    -------
    Tensor, shape (N, H, W)
        Mean over c of ∂(Σ_n logits[n, labels[n]]) / ∂images[:, c]. Where batch normalisation lets images
        interact, an image's map includes its effect on the others' logits.
    """
    return _logits_and_saliency(model, images, labels)[1]


def _logits_and_saliency(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    images = images.detach().requires_grad_()
    # On the CPU and on GPUs, the derivatives of all fused attention kernels (flash, memory-efficient, cuDNN)
    # have no derivative themselves: an error in the second backward pass. The choice is made in the forward.
    with sdpa_kernel(SDPBackend.MATH):
        logits = model(images)
    own = logits.gather(1, labels[:, None]).sum()
    (gradient,) = torch.autograd.grad(own, images, create_graph=True)
    return logits, gradient.mean(dim=1)


def standardise(maps: Tensor) -> Tensor:
    """Positive part of each map's z-scores: ReLU((m − mean) / (std + 1e-5)), population std.

    Parameters
    ----------
    maps : Tensor, shape (N, H, W)

    Returns
    -------
    Tensor, shape (N, H, W)
        Zero for a constant map, and so is its gradient.
    """
    std, mean = torch.std_mean(maps, dim=(1, 2), correction=0, keepdim=True)
    return F.relu((maps - mean) / (std + STD_EPSILON))


def pyramid(maps: Tensor, levels: int = 5) -> list[Tensor]:
    """Binomial pyramid: each level is the one before, blurred and halved.

    Parameters
    ----------
    maps : Tensor, shape (N, H, W)
    levels : int
        Number of levels, the maps themselves included.

    Returns
    -------
    list of Tensor, shapes (N, ⌈H / 2^l⌉, ⌈W / 2^l⌉)
        Zeros beyond the border, laid as TensorFlow's SAME padding does for five taps and stride 2: two after;
        before, one where the size is even and two where it is odd.
    """
    found = [maps]
    kernel = maps.new_tensor(KERNEL)
    for _ in range(levels - 1):
        height, width = found[-1].shape[1:]
        padded = F.pad(found[-1], (1 + width % 2, 2, 1 + height % 2, 2))
        # Not a convolution, which a GPU would compute in TF32, or in bfloat16 under autocast.
        rows = (padded.unfold(1, len(KERNEL), 2) * kernel).sum(dim=-1)
        found.append((rows.unfold(2, len(KERNEL), 2) * kernel).sum(dim=-1))
    return found


def harmonization_loss(gradient_maps: Tensor, human_maps: Tensor, has_map: Tensor) -> Tensor:
    """Squared distance of saliency from human maps, over the levels of a pyramid.

    Both are standardised; the human map is then given the peak of the saliency, taken as a constant. So
    multiplying a human map by a positive number changes nothing.

    Parameters
    ----------
    gradient_maps : Tensor, shape (N, H, W)
        See `saliency`.
    human_maps : Tensor, shape (N, H, W)
    has_map : Tensor of bool, shape (N,)
        Whether the image has a human map. Where not, its row of `maps.processing` is ignored.

    Returns
    -------
    Tensor, shape ()
        Mean over levels of mean((A_l − H_l)² · has_map); the mean is taken over all N images.

    Raises
    ------
    InputError
        The shapes do not match, or `has_map` is not boolean.
    """
    if human_maps.shape != gradient_maps.shape:
        expected = tuple(gradient_maps.shape)
        raise InputError(f"human_maps: shape {tuple(human_maps.shape)}, expected {expected} as the saliency")
    if has_map.dtype != torch.bool or has_map.shape != gradient_maps.shape[:1]:
        found = f"{has_map.dtype} of shape {tuple(has_map.shape)}"
        raise InputError(f"has_map: {found}, expected torch.bool of shape ({len(gradient_maps)},)")
    return map_distance(gradient_maps[has_map], human_maps[has_map]).sum() / len(gradient_maps)


def map_distance(gradient_maps: Tensor, human_maps: Tensor) -> Tensor:
    """Harmonizer term of each image, whose mean is the loss; see `harmonization_loss`.

    Parameters
    ----------
    gradient_maps, human_maps : Tensor, shape (N, H, W)

    Returns
    -------
    Tensor, shape (N,)
    """
    model, human = standardise(gradient_maps), standardise(human_maps)
    human = human / (_peak(human) + PEAK_EPSILON) * (_peak(model).detach() + PEAK_EPSILON)
    # The pyramid is linear, so that of the difference is the difference of the pyramids.
    return torch.stack([level.square().mean(dim=(1, 2)) for level in pyramid(model - human)]).mean(dim=0)


def _peak(maps: Tensor) -> Tensor:
    return maps.amax(dim=(1, 2), keepdim=True)


def decayed_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Parameters that decay: all but those of normalisation, embeddings and tokens.

    Parameters
    ----------
    model : nn.Module
        Any model of timm. Normalisation is a module with "norm" in the name of its class; embeddings and
        tokens are parameters named so (`EMBEDDING_OR_TOKEN`). Biases decay; so do projections of patches.
    """
    kept_out = {
        id(parameter)
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if "norm" in type(module).__name__.lower() or EMBEDDING_OR_TOKEN.search(name)
    }
    return [parameter for parameter in model.parameters() if id(parameter) not in kept_out]


def objective(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    human_maps: Tensor,
    has_map: Tensor,
    *,
    weight: float,
    smoothing: float,
    decay: float,
) -> dict[str, Tensor]:
    """What training minimises, and its parts, from one forward pass.

    Parameters
    ----------
    model, images, labels
        See `saliency`.
    human_maps, has_map
        See `harmonization_loss`.
    weight : float
        λ of the harmonizer term. At 0, the baseline, the term is not computed: a step costs what an ordinary
        one does.
    smoothing : float
        Label smoothing of the cross-entropy.
    decay : float
        Weight of Σ ½‖w‖² over `decayed_parameters`; the optimiser should then have no weight decay.

    Returns
    -------
    dict of str to Tensor, shape ()
        ``total`` = ``cross_entropy`` + ``weight_decay`` + λ · ``harmonizer``; the last only where λ is not 0.
    """
    parts = {}
    if weight:
        logits, maps = _logits_and_saliency(model, images, labels)
        parts["harmonizer"] = harmonization_loss(maps, human_maps, has_map)
    else:
        logits = model(images)
    parts["cross_entropy"] = F.cross_entropy(logits, labels, label_smoothing=smoothing)
    squares = torch.stack([parameter.square().sum() for parameter in decayed_parameters(model)])
    parts["weight_decay"] = decay / 2 * squares.sum()
    total = parts["cross_entropy"] + parts["weight_decay"]
    parts["total"] = total + weight * parts["harmonizer"] if weight else total
    return parts
