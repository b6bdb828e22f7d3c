"""Claims about attention supervision: where its layers look, and what it costs to look elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn

from visalign.errors import InputError
from visalign.train import gala
from visalign.train.gala import attention_loss

HAS_MAP = torch.tensor([True, False, True])


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def stages() -> list[torch.Tensor]:
    """Activities of two stages of three images."""
    return [rand(3, 8, 8, seed=1), rand(3, 4, 2, seed=2)]


def numpy_loss(found: list[np.ndarray], humans: np.ndarray, has_map: np.ndarray) -> float:
    """Means over blocks, so sizes must divide; written from the definition alone."""
    losses = []
    for activity in found:
        n, rows, columns = activity.shape
        blocks = humans.reshape(n, rows, humans.shape[1] // rows, columns, humans.shape[2] // columns).mean(
            (2, 4)
        )
        units = [each / np.sqrt((each**2).sum((1, 2), keepdims=True)) for each in (activity, blocks)]
        losses.append((np.sqrt(((units[0] - units[1]) ** 2).sum((1, 2))) * has_map).mean())
    return float(np.mean(losses))


def test_loss_equals_numpy():
    humans = rand(3, 16, 16)
    expected = numpy_loss([each.numpy() for each in stages()], humans.numpy(), HAS_MAP.numpy())
    assert attention_loss(stages(), humans, HAS_MAP).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("factor", [0.01, 1.0, 300.0])
def test_activity_proportional_to_the_human_map_costs_nothing(factor):
    humans = rand(3, 8, 8)
    assert attention_loss([factor * humans], humans, HAS_MAP) < 1e-12


def test_activity_where_nobody_looks_costs_the_square_root_of_two():
    humans = torch.zeros(1, 8, 8)
    humans[:, :4] = 1.0
    assert attention_loss([1 - humans], humans, torch.tensor([True])).item() == pytest.approx(2**0.5)


def test_images_without_a_map_add_nothing_whatever_their_row_holds():
    found, humans = [each.requires_grad_() for each in stages()], rand(3, 16, 16)
    loss = attention_loss(found, humans, HAS_MAP)
    loss.backward()
    assert all([bool(gradient.any()) for gradient in each.grad] == HAS_MAP.tolist() for each in found)
    humans[1] = torch.nan
    assert attention_loss(found, humans, HAS_MAP) == loss
    alone = attention_loss([each[HAS_MAP] for each in found], humans[HAS_MAP], HAS_MAP[HAS_MAP])
    assert loss.item() == pytest.approx(2 / 3 * alone.item(), rel=1e-12), "the mean is over all images"


def test_a_batch_without_maps_costs_nothing():
    found = [each.requires_grad_() for each in stages()]
    loss = attention_loss(found, rand(3, 16, 16), torch.zeros(3, dtype=torch.bool))
    loss.backward()
    assert loss == 0 and not any(each.grad.any() for each in found)


def test_a_silent_layer_has_a_finite_gradient():
    silent = torch.zeros(3, 4, 4, requires_grad=True)
    attention_loss([silent], rand(3, 16, 16).float(), HAS_MAP).backward()
    assert silent.grad.isfinite().all()


def test_loss_passes_gradcheck():
    humans = rand(3, 16, 16)
    found = tuple(each.requires_grad_() for each in stages())
    assert torch.autograd.gradcheck(lambda *each: attention_loss(list(each), humans, HAS_MAP), found)


# --- layers ---


def network_of(architecture: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(architecture, num_classes=5, **options).eval()


def bright(corner: tuple[slice, slice]) -> torch.Tensor:
    """One image of noise in a corner, grey elsewhere."""
    image = torch.zeros(1, 3, 64, 64)
    image[:, :, *corner] = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 3
    return image


#: (N, C, H, W), (N, H, W, C), and tokens with a class token.
SPATIAL = {
    "test_resnet": {},
    "swin_tiny_patch4_window7_224": {"img_size": 64, "depths": (1, 1, 1, 1)},
    "test_vit": {"img_size": 64},
}
UPPER, LOWER, LEFT, RIGHT = slice(0, 32), slice(32, 64), slice(0, 32), slice(32, 64)


@pytest.mark.parametrize("corner", [(UPPER, LEFT), (UPPER, RIGHT), (LOWER, LEFT), (LOWER, RIGHT)], ids=str)
@pytest.mark.parametrize("architecture", SPATIAL)
def test_activity_is_changed_most_where_the_image_is(architecture, corner):
    """Rows and columns are not swapped, tokens of no position not counted."""
    model = network_of(architecture, **SPATIAL[architecture])
    layers = gala.spatial_layers(model, 64)
    with torch.no_grad(), gala.activities(model, layers) as found:
        model(bright(corner))
        model(torch.zeros(1, 3, 64, 64))
    first, grey = found[0][0], found[len(layers)][0]
    changed = (first - grey).abs()
    half = len(changed) // 2
    quadrants = changed.unflatten(1, (2, half)).unflatten(0, (2, half)).sum((1, 3))
    assert quadrants.argmax() == 2 * (corner[0] is LOWER) + (corner[1] is RIGHT)


@pytest.mark.parametrize("architecture", SPATIAL)
def test_activity_is_the_norm_over_channels_of_each_layer(architecture):
    model, images = network_of(architecture, **SPATIAL[architecture]), rand(2, 3, 64, 64).float()
    layers = gala.spatial_layers(model, 64)
    outputs = {}
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: outputs.update({name: output.clone()})
        )
        for name in layers
    ]
    with torch.no_grad(), gala.activities(model, layers) as found:
        model(images)
    for handle in handles:
        handle.remove()
    for output, activity in zip(outputs.values(), found, strict=True):
        patches = output[:, 1:] if output.ndim == 3 else output  # the class token comes first
        axis = 1 if architecture == "test_resnet" else -1
        assert activity.ndim == 3 and len(activity) == 2
        np.testing.assert_allclose(activity.flatten(), np.linalg.norm(patches, axis=axis).ravel(), rtol=1e-5)


def test_layers_without_positions_are_left_out():
    assert (
        list(gala.spatial_layers(network_of("test_resnet"), 64))
        == "maxpool layer1 layer2 layer3 layer4".split()
    )


def test_gala_trains_a_network_whose_activations_are_in_place():
    model = network_of("test_nfnet").train()
    layers = gala.spatial_layers(model.eval(), 64)
    with gala.activities(model.train(), layers) as found:
        model(rand(3, 3, 64, 64).float())
    attention_loss(found, rand(3, 64, 64).float(), HAS_MAP).backward()
    assert model.stem.conv1.weight.grad.any()


def test_tokens_without_a_class_token_among_them_have_positions_too():
    """CaiT adds its token after its blocks."""
    model = network_of("cait_xxs24_224", img_size=64, depth=2)
    layers = gala.spatial_layers(model, 64)
    with torch.no_grad(), gala.activities(model, layers) as found:
        model(rand(1, 3, 64, 64).float())
    assert {tuple(activity.shape) for activity in found} == {(1, 4, 4)}


def test_a_model_without_known_positions_is_refused():
    with torch.device("meta"):
        model = timm.create_model("mixer_s32_224").eval()
    with pytest.raises(InputError, match="gala: no layer of MlpMixer has known positions"):
        gala.spatial_layers(model, 224)
