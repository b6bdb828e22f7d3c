"""Claims about the published probe: step by step it is torch's."""

import numpy as np
import pytest

from visalign.probes import published_probe


def data(n=200, p=30, d=2.0, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(n) % 2)
    X = rng.standard_normal((n, p)) * 3 + 5
    X[:, 0] += 3 * d * label
    return X, label


class Recorded:
    """A generator that keeps what it drew, so that torch can be given the same."""

    def __init__(self, seed):
        self.rng, self.drawn = np.random.default_rng(seed), []

    def __getattr__(self, name):
        def draw(*arguments):
            self.drawn.append((name, getattr(self.rng, name)(*arguments)))
            return self.drawn[-1][1]

        return draw


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_training_equals_torch_with_the_same_draws(dropout):
    torch = pytest.importorskip("torch")
    X, label = data()
    train, validation, test = np.arange(150), np.arange(150, 180), np.arange(180, 200)
    rng, rate = Recorded(0), 1e-2
    found = published_probe.train(
        X[train],
        label[train],
        (X[validation], label[validation]),
        X[test],
        rng,
        epochs=4,
        rate=rate,
        dropout=dropout,
    )
    drawn = iter(rng.drawn)
    tensor = torch.from_numpy(X)
    norm = torch.nn.BatchNorm1d(30, eps=1e-6, affine=False, dtype=torch.float64)
    linear = torch.nn.Linear(30, 1, dtype=torch.float64)
    start = next(drawn)[1] / np.sqrt(30)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(start[None, :-1]))
        linear.bias.copy_(torch.from_numpy(start[-1:]))
    optimiser = torch.optim.AdamW(linear.parameters(), lr=rate, weight_decay=1e-4)
    best = -1.0
    for epoch in range(1, 5):
        norm.train()
        order = next(drawn)[1]
        for first in range(0, 150 - 15, 16):
            rows = train[order[first : first + 16]]
            z = norm(tensor[rows])
            if dropout:
                z = z * torch.from_numpy((next(drawn)[1] >= dropout) / (1 - dropout))
            logits = linear(z)[:, 0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                logits, torch.from_numpy(label[rows].astype(float))
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        norm.eval()
        with torch.no_grad():
            values = linear(norm(tensor))[:, 0].numpy()
        accuracy = ((values[validation] > 0) == label[validation]).mean()
        assert found.validation[epoch - 1] == accuracy
        if accuracy > best:
            best, expected, best_epoch = accuracy, values[test], epoch
    assert next(drawn, None) is None and found.epoch == best_epoch
    np.testing.assert_allclose(found.values, expected, rtol=1e-8)


def test_it_learns_what_a_feature_knows():
    X, label = data(1200, 10, d=4.0)
    rng = np.random.default_rng(0)
    found = published_probe.train(X[:800], label[:800], (X[800:900], label[800:900]), X[900:], rng, rate=1e-3)
    assert ((found.values > 0) == label[900:]).mean() > 0.93


def test_the_reported_epoch_is_the_first_of_the_best_on_validation():
    X, label = data(120)
    rng = np.random.default_rng(0)
    found = published_probe.train(X[:80], label[:80], (X[80:], label[80:]), X[80:], rng, epochs=6)
    assert found.epoch == found.validation.argmax() + 1
    assert ((found.values > 0) == label[80:]).mean() == found.validation.max()


def test_fewer_stimuli_than_a_batch_are_refused():
    X, label = data(30)
    with pytest.raises(ValueError, match="15 training stimuli are no batch of 16"):
        published_probe.train(X[:15], label[:15], (X, label), X, np.random.default_rng(0))
