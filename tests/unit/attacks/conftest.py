"""A network that is attacked, and what was found."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def case():
    """A network, images, labels with two that the network gets wrong."""
    from small_networks import network, pixels

    model, images = network(), pixels(14, (3, 12, 12), seed=3)
    labels = model(images).argmax(dim=1)
    labels[[2, 9]] = (labels[[2, 9]] + 1) % 12
    return model, images, labels


@pytest.fixture(scope="module")
def attacked(case):
    from visalign.attacks.minimum_norm import minimum_norm

    return minimum_norm(*case, budget=40, batch_size=5)
