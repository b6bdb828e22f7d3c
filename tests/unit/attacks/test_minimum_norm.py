"""The minimum-norm attack against closed forms, and what it promises about its results."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from small_networks import boundary_distances, constant, linear_classifier, network, pixels
from torch import nn

from visalign.attacks.minimum_norm import MIN_BUDGET, minimum_norm, minimum_norms
from visalign.attacks.projection import l2, smallest_step
from visalign.attacks.records import CONFIRMING


def box_distance(weight, bias, image, label):
    """Distance to the nearest class's half-space inside the pixel box, by SciPy."""
    x = image.flatten().double().numpy()
    bounds = list(zip(-x, 1 - x, strict=True))
    found = []
    for other in set(range(len(weight))) - {label}:
        normal = (weight[label] - weight[other]).double().numpy()
        value = float(normal @ x + bias[label].item() - bias[other].item())
        constraint = {
            "type": "ineq",
            "fun": lambda d, g=normal, v=value: -(g @ d + v),
            "jac": lambda d, g=normal: -g,
        }
        start = np.clip(-value / (normal @ normal) * normal, -x, 1 - x)
        options = {"maxiter": 500, "ftol": 1e-12}
        solution = minimize(
            lambda d: d @ d,
            start,
            jac=lambda d: 2 * d,
            bounds=bounds,
            constraints=constraint,
            options=options,
        )
        if solution.success:
            found.append(np.sqrt(solution.fun))
    return min(found)


@pytest.mark.parametrize("budget", [MIN_BUDGET, 20, 60])
def test_norm_on_a_linear_classifier_is_the_exact_distance_inside_the_box(budget):
    weight, bias, model = linear_classifier()
    images = pixels(40, low=0.3, high=0.7)
    labels = model(images).argmax(dim=1)
    result = minimum_norm(model, images, labels, budget=budget, batch_size=16)
    exact = []
    for image, label in zip(images, labels, strict=True):
        distance, delta = boundary_distances(weight, bias, image, int(label))
        nearest = delta[distance.argmin()] + image.flatten()
        exact.append(float(distance.min()) if nearest.min() >= 0 and nearest.max() <= 1 else np.nan)
    inside = np.isfinite(exact)
    assert inside.sum() >= 30
    ratio = result.norm[inside] / np.array(exact)[inside]
    assert (ratio >= 1).all()
    assert ratio.max() <= 1.002


def test_norm_on_a_linear_classifier_is_the_box_constrained_quadratic_program_elsewhere():
    weight, bias, model = linear_classifier(n_classes=5, shape=(3, 3, 3), seed=4)
    images = pixels(12, (3, 3, 3), seed=5)
    images = torch.where(images < 0.4, 0.0, torch.where(images > 0.6, 1.0, images))
    labels = model(images).argmax(dim=1)
    result = minimum_norm(model, images, labels, budget=20, batch_size=12)
    exact = np.array([box_distance(weight, bias, x, int(y)) for x, y in zip(images, labels, strict=True)])
    free = [
        float(boundary_distances(weight, bias, x, int(y))[0].min())
        for x, y in zip(images, labels, strict=True)
    ]
    assert (exact > 1.05 * np.array(free)).sum() >= 6, "the box should bind"
    np.testing.assert_allclose(result.norm, exact, rtol=3e-3)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6))
def test_smallest_step_satisfies_the_optimality_conditions(seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(4, 20, generator=generator, dtype=torch.float64)
    normal = torch.randn(4, 20, generator=generator, dtype=torch.float64)
    lower, upper = -x, 1 - x
    corner = torch.where(normal > 0, lower, upper)
    offset = (normal * corner).sum(dim=1) * torch.rand(4, generator=generator, dtype=torch.float64)
    delta = smallest_step(normal, offset, lower, upper)
    assert bool(((delta >= lower) & (delta <= upper)).all())
    torch.testing.assert_close((normal * delta).sum(dim=1), offset, rtol=1e-5, atol=1e-9)
    # inside the box δ is one multiple of −normal; at a bound it falls short of it
    multiplier = (-delta / normal).amax(dim=1, keepdim=True)
    torch.testing.assert_close(delta, (-multiplier * normal).clamp(lower, upper), rtol=1e-5, atol=1e-9)


def test_smallest_step_goes_to_the_corner_when_the_half_space_misses_the_box_and_nowhere_when_feasible():
    normal, lower, upper = (
        torch.tensor([[1.0, -2.0]]).expand(3, 2),
        torch.zeros(3, 2) - 0.5,
        torch.zeros(3, 2) + 0.5,
    )
    offset = torch.tensor([-10.0, 0.0, 3.0])
    expected = torch.tensor([[-0.5, 0.5], [0.0, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(smallest_step(normal, offset, lower, upper), expected)
    assert not smallest_step(torch.zeros(3, 2), offset, lower, upper).any()


def test_every_stored_perturbation_fools_the_model_and_has_the_norm_reported(case, attacked):
    model, images, labels = case
    assert attacked.delta.dtype == torch.float16
    assert attacked.success[attacked.clean_correct].all()
    stored = torch.from_numpy(attacked.delta.numpy())
    for i in np.flatnonzero(attacked.success):
        image = (images[i] + stored[i].float()).clamp(0, 1)
        label = int(model(image[None]).argmax())
        assert label == attacked.adversarial_label[i] != labels[i]
        assert attacked.norm[i] == pytest.approx(
            float((image.double() - images[i].double()).norm()), rel=1e-12
        )


def test_no_smaller_multiple_of_a_perturbation_fools_the_model(case, attacked):
    model, images, labels = case
    rows = torch.from_numpy(np.flatnonzero(attacked.success))
    inside = (images[rows] + 0.996 * attacked.delta[rows].float()).clamp(0, 1)
    assert torch.equal(model(inside).argmax(dim=1), labels[rows])


@pytest.mark.parametrize("dtype, rel", [(torch.float32, 2e-3), (torch.bfloat16, 2e-2)])
def test_norm_hardly_depends_on_the_stored_dtype(case, attacked, dtype, rel):
    result = minimum_norm(*case, budget=40, batch_size=5, stored_dtype=dtype)
    assert result.delta.dtype == dtype
    np.testing.assert_allclose(result.norm, attacked.norm, rtol=rel)


def test_misclassified_images_are_not_attacked(attacked):
    wrong = ~attacked.clean_correct
    assert np.flatnonzero(wrong).tolist() == [2, 9]
    assert not attacked.success[wrong].any()
    assert np.isnan(attacked.norm[wrong]).all()
    assert (attacked.adversarial_label[wrong] == -1).all()
    assert (attacked.gradient_evaluations[wrong] == 0).all()
    assert (attacked.forward_evaluations[wrong] == 1).all()
    assert not attacked.delta[torch.from_numpy(wrong)].any()


def test_norm_never_increases_with_the_budget(case):
    budgets = [*range(MIN_BUDGET, 24), 30, 40, 60, 100]
    norms = [minimum_norm(*case, budget=budget, batch_size=14).norm for budget in budgets]
    steps = np.diff(np.array(norms), axis=0)
    assert (steps[:, np.isfinite(norms[-1])] <= 0).all()


def test_result_does_not_depend_on_batch_size_or_order(case, attacked):
    model, images, labels = case
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    for batch_size in (1, 3, 14):
        result = minimum_norm(model, images[order], labels[order], budget=40, batch_size=batch_size)
        np.testing.assert_allclose(result.norm, attacked.norm[order.numpy()], rtol=1e-6)
        np.testing.assert_array_equal(
            result.gradient_evaluations, attacked.gradient_evaluations[order.numpy()]
        )


def test_two_runs_are_identical(case, attacked):
    again = minimum_norm(*case, budget=40, batch_size=5)
    assert torch.equal(again.delta, attacked.delta)
    np.testing.assert_array_equal(again.norm, attacked.norm)


@pytest.mark.parametrize("budget", [MIN_BUDGET, 25, 60])
def test_counted_evaluations_are_those_made_and_within_the_budget(case, budget):
    model, images, labels = case
    result = minimum_norm(model, images, labels, budget=budget, batch_size=4)
    assert result.gradient_evaluations.max() <= budget
    # the counts of an image alone, by the passes that the model sees: rows of a call are one image, repeated,
    # but for the last one, which runs image and perturbed image again
    calls = {"forward": 0, "gradient": 0}

    def counted(x):
        x.requires_grad and x.register_hook(lambda g: calls.__setitem__("gradient", calls["gradient"] + 1))
        calls["forward"] += not x.requires_grad
        return model(x)

    alone = minimum_norm(counted, images[:1], labels[:1], budget=budget, batch_size=1)
    assert calls["gradient"] == alone.gradient_evaluations[0] == result.gradient_evaluations[0]
    assert calls["forward"] + 1 == alone.forward_evaluations[0] == result.forward_evaluations[0]


def test_one_search_finds_what_a_search_of_each_budget_finds(case):
    """But for sums that are rounded otherwise once other images have left; 12 to 200 end in every way."""
    budgets = [60, MIN_BUDGET, 25, 24, 35, 200, 45]
    together = minimum_norms(*case, budgets=budgets, batch_size=5)
    ended = set()
    for budget, found in zip(budgets, together, strict=True):
        alone = minimum_norm(*case, budget=budget, batch_size=5)
        for name, values in vars(alone).items():
            np.testing.assert_allclose(
                np.asarray(getattr(found, name), float),
                np.asarray(values, float),
                rtol=1e-3 if name == "delta" else 1e-6,
                atol=1e-6 if name == "delta" else 0,
                err_msg=f"{name} within {budget}",
            )
        ended |= {bool(n < budget) for n in alone.gradient_evaluations[alone.clean_correct]}
    assert ended == {True, False}, "some searches end before their budget"
    assert len({found.norm.tobytes() for found in together}) > 4, "larger budgets find more"


def test_one_search_takes_the_gradients_of_the_largest_budget_and_few_passes_more(case):
    model, images, labels = case
    calls = {"forward": 0, "gradient": 0}

    def counted(x):
        x.requires_grad and x.register_hook(lambda g: calls.__setitem__("gradient", calls["gradient"] + 1))
        calls["forward"] += not x.requires_grad
        return model(x)

    found = minimum_norms(counted, images[:1], labels[:1], budgets=[12, 20, 35, 100], batch_size=1)
    assert calls["gradient"] == found[-1].gradient_evaluations[0]
    # rows of a call are two: image and perturbed image, run again once a budget
    assert calls["forward"] + 1 - found[-1].forward_evaluations[0] == 3 * CONFIRMING // 2


def test_images_are_handed_over_with_the_result_of_the_largest_budget(case):
    seen = {}

    def finished(index, result):
        seen.update(zip(index.tolist(), result.norm.tolist(), strict=True))

    found = minimum_norms(*case, budgets=[60, 12], batch_size=5, finished=finished)
    np.testing.assert_array_equal([seen[image] for image in range(14)], found[0].norm)


def test_parameters_gather_no_gradient_and_calling_under_no_grad_works(case, attacked):
    model, images, labels = case
    with torch.no_grad():
        result = minimum_norm(model, images, labels, budget=40, batch_size=5)
    np.testing.assert_array_equal(result.norm, attacked.norm)
    assert all(parameter.grad is None for parameter in model.parameters())


def deaf(x):
    """A model with a gradient, but a margin that no image can overcome."""
    return torch.stack([100 + 0 * x[:, 0, 0, 0], x.flatten(1).mean(dim=1), 0 * x[:, 0, 0, 0]], dim=1)


def not_a_number(x):
    """A model that answers clean images (all pixels .5) and nothing else."""
    clean = (x.flatten(1) == 0.5).all(dim=1, keepdim=True)
    return torch.where(clean, constant(x), torch.nan)


@pytest.mark.parametrize("model", [constant, deaf, not_a_number])
def test_a_model_that_cannot_be_fooled_gives_censored_images(model):
    images = torch.full((3, 3, 4, 4), 0.5)
    result = minimum_norm(model, images, torch.tensor([0, 0, 1]), budget=20, batch_size=2)
    assert result.clean_correct.tolist() == [True, True, False]
    assert not result.success.any()
    assert np.isnan(result.norm).all()
    assert (result.largest_tried_norm[:2] > 1).all(), "the search reaches far into the box"
    assert result.largest_tried_norm[2] == 0
    assert not result.delta.any()


def test_largest_tried_norm_is_at_least_the_norm_found(attacked):
    assert (attacked.largest_tried_norm[attacked.success] >= attacked.norm[attacked.success]).all()


def test_no_class_of_the_label_s_group_counts_as_a_change(case, attacked):
    model, images, labels = case
    groups = torch.arange(12) % 2
    result = minimum_norm(model, images, labels, budget=60, batch_size=14, groups=groups)
    hit = result.success
    assert hit[result.clean_correct].all()
    assert (result.adversarial_label[hit] % 2 != labels.numpy()[hit] % 2).all()
    assert (result.norm[hit] >= attacked.norm[hit] * 0.99).all()
    image = (images + result.delta.float()).clamp(0, 1)
    assert (model(image).argmax(dim=1).numpy() == result.adversarial_label)[hit].all()


def test_each_image_is_handed_over_once_with_its_result_when_it_leaves_the_search(case, attacked):
    seen = []
    minimum_norm(*case, budget=40, batch_size=5, finished=lambda *found: seen.append(found))
    assert seen[0][0].tolist() == [2, 9], "the misclassified come first"
    assert all((np.diff(index) > 0).all() for index, _ in seen)
    assert np.sort(np.concatenate([index for index, _ in seen])).tolist() == list(range(14))
    assert len(seen) > 1 + 3, "the images of the three batches leave at different moments"
    for index, found in seen:
        for name, values in vars(found).items():
            np.testing.assert_array_equal(values, getattr(attacked, name)[index])


def test_an_image_is_handed_over_before_the_model_runs_on_the_next_batch(case):
    model, images, labels = case
    calls, seen = [], []
    minimum_norm(
        lambda x: calls.append(0) or model(x),
        *(images, labels),
        budget=40,
        batch_size=1,
        finished=lambda index, found: seen.append(len(calls)),
    )
    assert len(seen) == 13 and (np.diff(seen) > 0).all()


def test_result_does_not_depend_on_the_other_images_where_groups_are_uneven(case):
    """Fewer classes lie outside the large group than are screened otherwise."""
    model, images, labels = case
    groups = (torch.arange(12) == labels[5]).long()
    together = minimum_norm(model, images, labels, budget=20, batch_size=14, groups=groups)
    alone = minimum_norm(model, images[5:6], labels[5:6], budget=20, batch_size=1, groups=groups)
    assert alone.forward_evaluations[0] == together.forward_evaluations[5]
    np.testing.assert_allclose(alone.norm[0], together.norm[5], rtol=1e-6)


def test_smooth_network_solution_is_perpendicular_to_the_boundary():
    """First-order optimality: inside the box δ is parallel to the gradient of the margin."""
    model, images = network(seed=5, activation=nn.Tanh), pixels(8, (3, 12, 12), 0.3, 0.7, seed=6)
    labels = model(images).argmax(dim=1)
    result = minimum_norm(model, images, labels, budget=60, batch_size=8)
    inputs = (images + result.delta.float()).clamp(0, 1).requires_grad_(True)
    logits, label = model(inputs), torch.from_numpy(result.adversarial_label)
    own, other = logits.gather(1, labels[:, None]), logits.gather(1, label[:, None])
    (gradient,) = torch.autograd.grad((own - other).sum(), inputs)
    delta = (inputs - images).detach()
    cosine = (-gradient * delta).flatten(1).sum(dim=1) / (l2(gradient) * l2(delta))
    inside = ((inputs > 0) & (inputs < 1)).flatten(1).all(dim=1)
    assert inside.sum() >= 4
    assert cosine[inside].min() > 0.995


@pytest.mark.parametrize(
    "change, message",
    [
        ({"budget": MIN_BUDGET - 1}, f"budget: {MIN_BUDGET - 1} .* at least {MIN_BUDGET}"),
        ({"batch_size": 0}, "batch_size: 0"),
        ({"tolerance": 0.5}, r"tolerance: 0\.5"),
        ({"groups": torch.zeros(12, dtype=torch.int64)}, "groups: every class is in the same one"),
    ],
)
def test_arguments_out_of_range_are_named(case, change, message):
    with pytest.raises(ValueError, match=message):
        minimum_norm(*case, **({"budget": 20, "batch_size": 4} | change))


def test_no_budget_at_all_is_refused(case):
    with pytest.raises(ValueError, match="budgets: none"):
        minimum_norms(*case, budgets=[], batch_size=4)


def test_images_out_of_the_pixel_box_or_without_labels_are_refused(case):
    model, images, labels = case
    with pytest.raises(ValueError, match=r"expected \[0, 1\]"):
        minimum_norm(model, images * 255, labels, budget=20, batch_size=4)
    with pytest.raises(ValueError, match="images: shape"):
        minimum_norm(model, images, labels[:3], budget=20, batch_size=4)
