"""Claims about the neural harmonizer's loss."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn
from torch.func import functional_call

from visalign.errors import InputError
from visalign.train import harmonizer
from visalign.train.harmonizer import decayed_parameters, harmonization_loss, objective, pyramid, standardise

N, CLASSES = 4, 5
RECIPE = {"weight": 1.0, "smoothing": 0.1, "decay": 1e-5}
HAS_MAP = torch.tensor([True, False, True, True])
LABELS = torch.tensor([3, 0, 1, 3])


def rand(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def randn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def smooth_network(size: int = 12) -> nn.Sequential:
    """A network with continuous second derivatives, whose gradients have a closed form."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3 * size**2, 6), nn.Softplus(), nn.Linear(6, CLASSES)
    ).double()


# The same computation in NumPy, written from the definition alone.


def halved(signal: np.ndarray) -> np.ndarray:
    """One axis, blurred and halved; TensorFlow's rule for SAME padding with 5 taps and stride 2."""
    n = len(signal)
    n_out = -(-n // 2)
    total = max((n_out - 1) * 2 + 5 - n, 0)
    padded = np.concatenate([np.zeros(total // 2), signal, np.zeros(total - total // 2)])
    return np.array([padded[2 * i : 2 * i + 5] @ [1, 4, 6, 4, 1] / 16 for i in range(n_out)])


def numpy_pyramid(one_map: np.ndarray, levels: int = 5) -> list[np.ndarray]:
    found = [one_map]
    for _ in range(levels - 1):
        found.append(np.apply_along_axis(halved, 1, np.apply_along_axis(halved, 0, found[-1])))
    return found


def numpy_standardise(one_map: np.ndarray) -> np.ndarray:
    return np.maximum((one_map - one_map.mean()) / (one_map.std() + 1e-5), 0)


def numpy_loss(gradients: np.ndarray, humans: np.ndarray, has_map: np.ndarray, peaks=None) -> float:
    """`peaks` are the largest standardised gradients, to hold them where they were."""
    total = 0.0
    for i in np.flatnonzero(has_map):
        model, human = numpy_standardise(gradients[i]), numpy_standardise(humans[i])
        peak = model.max() if peaks is None else peaks[i]
        human = human / (human.max() + 1e-6) * (peak + 1e-6)
        levels = zip(numpy_pyramid(model), numpy_pyramid(human), strict=True)
        total += np.mean([((a - b) ** 2).mean() for a, b in levels])
    return total / len(gradients)


def numpy_gradients(network: nn.Sequential, images: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """Closed form: W₁ᵀ(softplus′(W₁x + b₁) · W₂[label]), the mean over channels."""
    w1, b1, w2, _ = (parameter.detach().numpy() for parameter in network.parameters())
    derivative = 1 / (1 + np.exp(-(images.flatten(1).numpy() @ w1.T + b1)))
    return ((derivative * w2[labels]) @ w1).reshape(images.shape).mean(axis=1)


@pytest.mark.parametrize("shape", [(224, 224), (112, 56), (7, 7), (5, 6), (2, 9), (1, 1)])
def test_pyramid_equals_numpy_with_tensorflow_s_same_padding(shape):
    maps = randn(2, *shape)
    found = pyramid(maps)
    for i in range(2):
        for level, expected in zip(found, numpy_pyramid(maps[i].numpy()), strict=True):
            np.testing.assert_allclose(level[i], expected, atol=1e-12)


def test_at_224_pixels_padding_is_one_before_and_two_after():
    maps = torch.zeros(1, 224, 224, dtype=torch.float64)
    maps[0, 0, 0] = maps[0, 223, 223] = 256.0
    level = pyramid(maps, levels=2)[1][0]
    assert level[0, 0] == 4 * 4, "the first pixel is the second of the first output's five"
    assert level[111, 111] == 6 * 6, "the last pixel is the third of the last output's five"


def test_standardise_is_zero_for_a_constant_map_and_so_is_its_gradient():
    maps = torch.full((1, 6, 6), 0.3, requires_grad=True)
    standardised = standardise(maps)
    standardised.sum().backward()
    assert not standardised.any() and not maps.grad.any()


@pytest.mark.parametrize("size", [16, 13])
def test_loss_equals_numpy(size):
    gradients, humans = randn(N, size, size) / 50, rand(N, size, size)
    found = harmonization_loss(gradients, humans, HAS_MAP)
    expected = numpy_loss(gradients.numpy(), humans.numpy(), HAS_MAP.numpy())
    assert found.item() == pytest.approx(expected, rel=1e-10)


def test_saliency_is_the_closed_form_gradient_of_a_smooth_network():
    network, images = smooth_network(), randn(N, 3, 12, 12)
    found = harmonizer.saliency(network, images, LABELS)
    np.testing.assert_allclose(
        found.detach(), numpy_gradients(network, images, LABELS), rtol=1e-10, atol=1e-14
    )


def test_objective_equals_numpy():
    network, images, humans = smooth_network(), randn(N, 3, 12, 12), rand(N, 12, 12)
    parts = objective(network, images, LABELS, humans, HAS_MAP, **RECIPE | {"weight": 2.5})
    logits = network(images).detach().numpy()
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    target = np.full((N, CLASSES), 0.1 / CLASSES) + 0.9 * np.eye(CLASSES)[LABELS]
    gradients = numpy_gradients(network, images, LABELS)
    expected = {
        "cross_entropy": -(target * log_p).sum(axis=1).mean(),
        "weight_decay": 1e-5 * sum((p.detach().numpy() ** 2).sum() / 2 for p in network.parameters()),
        "harmonizer": numpy_loss(gradients, humans.numpy(), HAS_MAP.numpy()),
    }
    expected["total"] = expected["cross_entropy"] + expected["weight_decay"] + 2.5 * expected["harmonizer"]
    assert {name: part.item() for name, part in parts.items()} == pytest.approx(expected, rel=1e-10)


def test_gradient_of_the_harmonizer_term_is_that_of_numpy_with_the_peak_held_constant():
    """Central differences over weights of the first layer: the whole second derivative, peak excepted."""
    network, images, humans = smooth_network(), randn(N, 3, 12, 12), rand(N, 12, 12)
    objective(network, images, LABELS, humans, HAS_MAP, **RECIPE)["harmonizer"].backward()
    weight = network[1].weight
    peaks = [numpy_standardise(g).max() for g in numpy_gradients(network, images, LABELS)]
    step = 1e-6
    for unit, pixel in [(0, 0), (1, 200), (3, 431), (5, 17)]:
        losses = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[unit, pixel] += sign * step
            gradients = numpy_gradients(network, images, LABELS)
            losses.append(numpy_loss(gradients, humans.numpy(), HAS_MAP.numpy(), peaks))
            with torch.no_grad():
                weight[unit, pixel] -= sign * step
        slope = (losses[0] - losses[1]) / (2 * step)
        assert weight.grad[unit, pixel].item() == pytest.approx(slope, rel=1e-5)


def test_saliency_and_what_is_made_of_it_pass_gradcheck_and_gradgradcheck():
    network, images = smooth_network(4), randn(2, 3, 4, 4)
    names = [name for name, _ in network.named_parameters()]

    class Called(nn.Module):
        def __init__(self, values):
            super().__init__()
            self.values = dict(zip(names, values, strict=True))

        def forward(self, inputs):
            return functional_call(network, self.values, (inputs,))

    def levels(*values):
        return tuple(pyramid(standardise(harmonizer.saliency(Called(values), images, LABELS[:2])), levels=3))

    values = tuple(parameter.detach().clone().requires_grad_() for parameter in network.parameters())
    assert torch.autograd.gradcheck(levels, values)
    assert torch.autograd.gradgradcheck(levels, values)


@pytest.mark.parametrize("factor", [0.01, 3.0, 255.0])
def test_a_positive_multiple_of_the_human_maps_changes_nothing(factor):
    gradients, humans = randn(N, 16, 16), rand(N, 16, 16)
    found, expected = (harmonization_loss(gradients, maps, HAS_MAP) for maps in (factor * humans, humans))
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_images_without_a_map_add_nothing_whatever_their_row_holds():
    gradients, humans = randn(N, 16, 16).requires_grad_(), rand(N, 16, 16)
    loss = harmonization_loss(gradients, humans, HAS_MAP)
    loss.backward()
    assert [bool(gradient.any()) for gradient in gradients.grad] == HAS_MAP.tolist()
    alone = harmonization_loss(gradients[HAS_MAP], humans[HAS_MAP], HAS_MAP[HAS_MAP])
    assert loss.item() == pytest.approx(3 / 4 * alone.item(), rel=1e-12), "the mean is over all images"
    humans[1] = torch.nan
    assert harmonization_loss(gradients, humans, HAS_MAP) == loss


def test_a_batch_without_maps_has_no_harmonizer_term():
    gradients = randn(N, 8, 8).requires_grad_()
    loss = harmonization_loss(gradients, rand(N, 8, 8), torch.zeros(N, dtype=torch.bool))
    loss.backward()
    assert loss == 0 and not gradients.grad.any()


def test_saliency_equal_to_the_human_map_costs_nothing():
    humans = rand(N, 16, 16)
    assert harmonization_loss(0.02 * humans - 1, humans, HAS_MAP) < 1e-10


def test_at_weight_zero_the_objective_is_ordinary_training():
    network, images, humans = smooth_network(), randn(N, 3, 12, 12), rand(N, 12, 12)
    parts = objective(network, images, LABELS, humans, HAS_MAP, **RECIPE | {"weight": 0})
    assert set(parts) == {"cross_entropy", "weight_decay", "total"}
    assert parts["total"] == parts["cross_entropy"] + parts["weight_decay"]
    others = objective(network, images, LABELS, humans, HAS_MAP, **RECIPE)
    torch.testing.assert_close(parts["cross_entropy"], others["cross_entropy"])


def tiny(architecture: str) -> nn.Module:
    torch.manual_seed(0)
    options = {"test_vit": {"img_size": 64}, "test_resnet": {"zero_init_last": False}}
    return timm.create_model(architecture, num_classes=CLASSES, **options.get(architecture, {}))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit", "test_efficientnet"])
def test_harmonizer_term_alone_trains_every_layer(architecture, device):
    """From the stem to the classifier; attention included, whose fused kernels would raise here."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    model = tiny(architecture).to(device)
    images, humans = randn(N, 3, 64, 64).float(), rand(N, 64, 64).float()
    parts = objective(model, *(each.to(device) for each in (images, LABELS, humans, HAS_MAP)), **RECIPE)
    assert all(part.isfinite() for part in parts.values())
    parts["harmonizer"].backward()
    weights = [module.weight for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    for weight in weights:
        assert weight.grad.isfinite().all() and weight.grad.any()


def test_descending_the_harmonizer_term_moves_saliency_to_the_human_map():
    model = tiny("test_vit")
    images, humans = randn(N, 3, 64, 64).float(), torch.zeros(N, 64, 64)
    humans[:, 16:32, 32:48] = 1.0
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(20):
        loss = objective(model, images, LABELS, humans, HAS_MAP, **RECIPE)["harmonizer"]
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    "architecture",
    "test_resnet test_convnext test_vit test_vit4 vit_base_patch16_224 crossvit_9_240 beit_base_patch16_224 "
    "swin_tiny_patch4_window7_224 tf_efficientnet_lite0 resnetv2_50d_gn".split(),
)
def test_what_does_not_decay_is_normalisation_and_what_timm_exempts(architecture):
    with torch.device("meta"):
        model = timm.create_model(architecture)
    decayed = {id(parameter) for parameter in decayed_parameters(model)}
    spared = {name for name, parameter in model.named_parameters() if id(parameter) not in decayed}
    norms = (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm2d, timm.layers.RmsNorm)
    modules = {name for name, module in model.named_modules() if isinstance(module, norms)}
    of_norms = {name for name, _ in model.named_parameters() if name.rpartition(".")[0] in modules}
    exempt = getattr(model, "no_weight_decay", set)()
    assert spared == of_norms | {name for name, _ in model.named_parameters() if name in exempt}


@pytest.mark.parametrize(
    "humans, has_map, message",
    [
        (torch.zeros(N, 1, 8, 8), HAS_MAP, r"human_maps: shape \(4, 1, 8, 8\), expected \(4, 8, 8\)"),
        (
            torch.zeros(N, 8, 8),
            HAS_MAP.long(),
            r"has_map: torch\.int64 of shape \(4,\), expected torch\.bool",
        ),
        (torch.zeros(N, 8, 8), HAS_MAP[:2], r"has_map: torch\.bool of shape \(2,\), expected .* \(4,\)"),
    ],
)
def test_maps_that_do_not_match_the_saliency_are_refused(humans, has_map, message):
    with pytest.raises(InputError, match=message):
        harmonization_loss(torch.zeros(N, 8, 8), humans, has_map)
