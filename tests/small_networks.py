"""Small networks and images of which the nearest boundaries are known, or cheap to search."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)


def linear_classifier(n_classes=10, shape=(3, 6, 6), seed=0):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(n_classes, int(np.prod(shape)), generator=generator)
    bias = torch.randn(n_classes, generator=generator)
    return weight, bias, lambda x: x.flatten(1) @ weight.T + bias


def pixels(n, shape=(3, 6, 6), low=0.0, high=1.0, seed=1):
    return low + (high - low) * torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed))


def network(seed=0, n_classes=12, activation=nn.ReLU):
    """An untrained convolutional network whose answer depends on the image."""
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 12, 3, padding=1), activation(), nn.Conv2d(12, 16, 3, stride=2), activation()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(144, n_classes)).eval()
    with torch.no_grad():
        inputs = pixels(64, (3, 12, 12), seed=9)
        logits = model(inputs)
        model[-1].weight *= 5 / logits.std(dim=0)[:, None]
        model[-1].bias -= model(inputs).mean(dim=0)
    return model


def boundary_distances(weight, bias, image, label):
    """Exact distance to each class's boundary without the box, and the perturbations."""
    others = [c for c in range(len(weight)) if c != label]
    normal = (weight[label] - weight[others]).double()
    value = normal @ image.flatten().double() + (bias[label] - bias[others]).double()
    delta = -(value / (normal * normal).sum(dim=1))[:, None] * normal
    return delta.norm(dim=1), delta


def constant(x):
    return torch.tensor([2.0, 1.0, 0.0]).expand(len(x), 3) + 0 * x.flatten(1).sum(dim=1, keepdim=True)
