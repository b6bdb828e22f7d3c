"""Claims about recorded activations: they are the layer's own, in order, and what float16 loses is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from visalign.zoo.activations import recorded, share_lost


class Small(nn.Sequential):
    """A classifier whose first layer is overwritten by the second, as in VGG."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))

    def get_classifier(self) -> nn.Module:
        return self[2]


def inputs(n: int = 5) -> torch.Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(0))


def test_a_layer_is_recorded_before_what_follows_overwrites_it():
    model = Small().requires_grad_(False)
    linear = model[0](inputs())
    with recorded(model, ["0", "1", "pre_logits"]) as shown:
        found = shown(inputs())
    assert (linear < 0).any()
    torch.testing.assert_close(found["0"], linear)
    torch.testing.assert_close(found["1"], linear.relu())
    torch.testing.assert_close(found["pre_logits"], linear.relu())
    torch.testing.assert_close(found["logits"], model[2](linear.relu()))


def test_a_view_that_is_overwritten_through_another_is_copied_too():
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.view, self.change = nn.Flatten(), nn.ReLU(inplace=True)

        def forward(self, x):
            x = x + 0
            flat = self.view(x[..., None])
            self.change(x)
            return flat

    with recorded(Views(), ["view"]) as shown:
        torch.testing.assert_close(shown(inputs())["view"], inputs())


def test_only_what_is_overwritten_is_copied_and_only_the_first_pass_is_repeated():
    model, passes, made = Small().requires_grad_(False), [], []
    model.register_forward_pre_hook(lambda module, inputs: passes.append(len(inputs[0])))
    model[1].register_forward_hook(lambda module, inputs, output: made.append(output.data_ptr()))
    with recorded(model, ["0", "1"]) as shown:
        first, second = shown(inputs()), shown(inputs()[:3])
    assert passes == [5, 5, 3] and shown.copied == {"0"}
    assert (first["1"].data_ptr(), second["1"].data_ptr()) == tuple(made[1:])
    assert first["0"].data_ptr() not in made
    torch.testing.assert_close(first["0"][:3], second["0"])


def test_recording_stops_with_its_block():
    model = Small()
    with pytest.raises(KeyError), recorded(model, ["0"]) as shown:
        raise KeyError
    model(torch.zeros(1, 4))
    assert shown.outputs == {}


def test_what_a_batch_was_filled_up_with_is_not_returned():
    model = Small().requires_grad_(False)
    with recorded(model, ["1"]) as shown:
        expected = shown(inputs(3))
        shown.forward = lambda batch: model(torch.cat([batch, batch[:2]]))
        found = shown(inputs(3))
    for layer, values in expected.items():
        torch.testing.assert_close(found[layer], values)


@pytest.mark.parametrize(("mean", "sd"), [(1000, 0.3), (3000, 1), (0, 1e-5), (0, 1e-7), (0, 1e-8), (0, 1)])
def test_the_share_lost_to_float16_is_that_of_the_variance(mean, sd):
    """One pair of stimuli and 5000 features tell it within 10 %."""
    values = mean + sd * np.random.default_rng(0).standard_normal((40, 5000))
    stored = values.astype(np.float16)
    errors = (values - stored).var(axis=0).sum() / values.var(axis=0).sum()
    pair = torch.from_numpy(values[[0, -1]]), torch.from_numpy(stored[[0, -1]])
    assert float(share_lost(*pair)) == pytest.approx(errors, rel=0.1)
    assert (errors < 1e-3) == ((mean, sd) in [(0, 1), (0, 1e-5)])


def test_a_single_stimulus_loses_what_its_own_values_lose():
    values = 3000 + torch.randn(1, 5000, generator=torch.Generator().manual_seed(0))
    assert float(share_lost(values, values.half())) == pytest.approx(0.33, rel=0.1)  # steps of 2: 4 / 12
    assert float(share_lost(values, values)) == 0


def test_stimuli_that_are_the_same_lose_nothing():
    values = torch.full((3, 10), 0.1)
    assert not float(share_lost(values, values.half())) > 0
