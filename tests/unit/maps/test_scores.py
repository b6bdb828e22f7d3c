"""Claims about the conventions of an alignment: planted truth, closed forms, brute force over pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from visalign.maps import agreement, clicks, scores
from visalign.maps import alignment as map_alignment
from visalign.maps.alignment import Alignment
from visalign.maps.conventions import CONVENTIONS, Means
from visalign.maps.scores import People
from visalign.stats import bootstrap, correlations
from visalign.stats.bootstrap import expanded_quantiles
from visalign.stats.ranks import standard_ranks

SIDE = 24
CENTRE = -np.square(np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2).sum(axis=0)
CENTRE = (CENTRE - CENTRE.mean()) / CENTRE.std()


def smooth(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Smooth random fields (*shape, SIDE, SIDE) of standard deviation 1."""
    fields = gaussian_filter(rng.standard_normal((*shape, SIDE, SIDE)), (0,) * len(shape) + (3, 3))
    return fields / fields.std(axis=(-2, -1), keepdims=True)


def planted(rng: np.random.Generator, n: int, participants: int) -> tuple[np.ndarray, np.ndarray, People]:
    """Expected maps of `n` images, mean maps of participants around them, and how these agree."""
    expected = CENTRE + smooth(rng, n)
    each = expected[:, None] + 2 * smooth(rng, n, participants)
    flat = each.reshape(n, participants, -1)
    halves = np.array([[clicks.random_halves(maps, rng) for maps in flat] for _ in range(10)])
    ceiling = correlations.spearman(halves[:, :, 0], halves[:, :, 1]).mean(axis=0)
    maps = each.mean(axis=1).astype(np.float32)
    ranks = standard_ranks(maps)
    floor = (ranks @ ranks.T).sum(axis=1) - 1
    return expected.astype(np.float32), maps, People(ceiling, floor / (n - 1))


def summarised(alignment: Alignment, people: People | None, rng: np.random.Generator, draws: int) -> dict:
    """Scores by convention."""
    found = scores.summarise("spearman", alignment, people, rng, draws)
    return {str(score.convention): score for score in found}


def scored(maps: np.ndarray, human: np.ndarray, people: People, draws: int = 50) -> dict:
    alignment = map_alignment.align(maps.astype(np.float32), human)
    return summarised(alignment, people, np.random.default_rng(0), draws)


@pytest.mark.parametrize("participants", [5, 8, 24])
def test_the_expected_map_scores_1_and_the_mean_map_0(participants):
    """Ranks are not quite what Spearman and Brown assumed: ρ/attainable is .97 at 5 participants."""
    expected, human, people = planted(np.random.default_rng(1), 60, participants)
    perfect = scored(expected, human, people)
    assert perfect["floor_corrected"].value == pytest.approx(1, abs=0.1)
    assert perfect["rho/attainable"].value == pytest.approx(1, abs=0.04)
    assert perfect["rho/ceiling"].value > 1.02
    centre = np.broadcast_to(expected.mean(axis=0), expected.shape)
    assert scored(centre, human, people)["floor_corrected"].value == pytest.approx(0, abs=0.02)


def test_a_map_without_peoples_centre_bias_may_exceed_1_up_to_the_stated_bound():
    """Bound 1 / √(1 − φ); ranks, of which φ is, are not quite additive: 5 %."""
    expected, human, people = planted(np.random.default_rng(1), 60, 24)
    specific = scored(expected - CENTRE, human, people)["floor_corrected"].value
    bound = (1 - people.floor.mean() / correlations.spearman_brown(people.ceiling.mean())) ** -0.5
    assert 1.1 < specific < 1.05 * bound


@pytest.mark.parametrize("participants", [5, 8, 24])
def test_centre_bias_added_to_a_model_lowers_its_score(participants):
    rng = np.random.default_rng(2)
    expected, human, people = planted(rng, 60, participants)
    noisy = expected + 3 * rng.standard_normal(expected.shape)
    mean = expected.mean(axis=0)
    values = [scored(noisy + weight * mean, human, people)["floor_corrected"].value for weight in (0, 3, 10)]
    assert values[0] > values[1] > values[2] > 0


def test_conventions_are_their_formulas():
    means = Means(rho=0.5, floor=0.2, ceiling=0.6, between=0.3)
    found = {convention.name: convention.value(means) for convention in CONVENTIONS}
    reliability = 2 * 0.6 / 1.6
    assert found == pytest.approx(
        {
            "floor_corrected": 0.3 / (reliability**0.5 * (1 - 0.3 / reliability)),
            "rho/attainable": 0.5 / reliability**0.5,
            "rho/ceiling": 0.5 / 0.6,
            "rho": 0.5,
        }
    )


def of_images(rho, floor, typical=None) -> Alignment:
    rho = np.asarray(rho, float)
    return Alignment(
        rho,
        np.asarray(floor, float),
        np.asarray(floor if typical is None else typical, float),
        [""] * len(rho),
    )


def test_floor_and_ceiling_of_each_convention_are_on_its_scale():
    alignment = of_images([0.4, 0.6], [0.1, 0.3])
    people = People(np.array([0.5, 0.7]), np.array([0.3, 0.3]))
    found = summarised(alignment, people, np.random.default_rng(0), 20)
    scale = {name: (entry.floor, entry.ceiling) for name, entry in found.items()}
    attainable = (1.2 / 1.6) ** 0.5
    assert scale["floor_corrected"] == (0, 1)
    assert scale["rho/attainable"] == pytest.approx((0.2 / attainable, 1))
    assert scale["rho/ceiling"] == pytest.approx((0.2 / 0.6, 1))
    assert scale["rho"] == pytest.approx((0.2, 0.6))


@pytest.mark.parametrize(
    ("ceiling", "between", "lost", "reason"),
    [
        (
            0.6,
            0.75,
            ["floor_corrected"],
            "as alike as those of one: ρ 0.750 between images, reliability 0.750",
        ),
        (0.6, 0.9, ["floor_corrected"], "as alike as those of one"),
        (-0.1, 0.1, ["floor_corrected", "rho/attainable", "rho/ceiling"], "ceiling -0.100"),
        (0.0, 0.0, ["floor_corrected", "rho/attainable", "rho/ceiling"], "ceiling 0.000"),
        (np.nan, 0.1, ["floor_corrected", "rho/attainable", "rho/ceiling"], "ceiling nan"),
    ],
)
def test_without_agreement_about_the_image_there_is_a_reason_and_no_number(ceiling, between, lost, reason):
    people = People(np.full(4, ceiling), np.full(4, between))
    alignment = of_images([0.2, 0.3, 0.4, 0.5], [0.1] * 4)
    found = summarised(alignment, people, np.random.default_rng(0), 50)
    assert [name for name, entry in found.items() if entry.value is None] == lost
    assert all(reason in found[name].status for name in lost)
    assert found["rho"].value == pytest.approx(0.35)


def test_a_denominator_that_may_vanish_leaves_a_bound_open():
    """Images differ in how alike people's maps are: some draws have no span between floor and ceiling."""
    people = People(np.full(8, 0.6), np.array([0.4] * 6 + [1.3, 1.3]))
    alignment = of_images(np.linspace(0.3, 0.5, 8), [0.1] * 8)
    entry = summarised(alignment, people, np.random.default_rng(0), 500)["floor_corrected"]
    assert entry.value > 0 and np.isfinite(entry.ci_low) and entry.ci_high is None


def test_without_people_there_is_only_rho():
    alignment = of_images([0.2, 0.4], [0.1, 0.1])
    found = summarised(alignment, None, np.random.default_rng(0), 50)
    assert list(found) == ["rho"] and found["rho"].ceiling is None and found["rho"].headline
    assert found["rho"].floor == pytest.approx(0.1)


def test_a_single_image_has_no_floor_and_no_interval():
    alignment = of_images([0.7], [np.nan])
    people = People(np.array([0.9]), np.array([np.nan]))
    found = summarised(alignment, people, np.random.default_rng(0), 50)
    assert found["floor_corrected"].value is None
    assert found["floor_corrected"].status == "a single image has no floor"
    assert found["rho"].value == pytest.approx(0.7)
    assert [found["rho"].floor, found["rho"].ci_low, found["rho"].ci_high] == [None] * 3


def test_one_convention_is_the_headline():
    alignment, people = of_images([0.2, 0.4], [0.1, 0.1]), People(np.full(2, 0.6), np.full(2, 0.2))
    found = summarised(alignment, people, np.random.default_rng(0), 50)
    assert [name for name, score in found.items() if score.headline] == ["floor_corrected"]


def test_no_comparable_image_is_a_status_not_a_number():
    alignment = Alignment(*np.full((3, 2), np.nan), ["model map constant", ""])
    people = People(np.full(2, 0.6), np.full(2, 0.2))
    found = summarised(alignment, people, np.random.default_rng(0), 50)
    assert len(found) == 4
    assert all(e.value is None and "model map constant" in e.status for e in found.values())


# --- intervals ---


def test_draws_are_means_over_the_drawn_images():
    values = np.array([[1.0, 4.0], [2.0, np.nan], [3.0, 6.0]])
    found = bootstrap.resampled_means(values, np.random.default_rng(3), 200)
    rng = np.random.default_rng(3)
    for draw in found:
        chosen = values[rng.integers(3, size=3)]
        np.testing.assert_allclose(
            draw, [np.nanmean(column) if np.isfinite(column).any() else np.nan for column in chosen.T]
        )


def test_a_drawn_floor_is_that_of_the_pairs_of_drawn_images():
    """Against the quadratic form over pairs of different images; what is left out is of order 1 / n."""
    rng = np.random.default_rng(0)
    expected, human, people = planted(rng, 40, 8)
    model = expected + 2 * rng.standard_normal(expected.shape)
    alignment = map_alignment.align(model.astype(np.float32), human)
    _, floors, _, between = scores.samples(alignment, people, np.random.default_rng(5), 300)
    ours, theirs = standard_ranks(model.astype(np.float32)), standard_ranks(human)
    rng = np.random.default_rng(5)
    exact = []
    for _ in range(300):
        index = rng.integers(40, size=40)
        different = index[:, None] != index
        exact.append(
            [(a[index] @ b[index].T)[different].mean() for a, b in ((ours, theirs), (theirs, theirs))]
        )
    for found, truth in zip((floors, between), np.transpose(exact), strict=True):
        assert found.mean() == pytest.approx(truth.mean(), abs=0.003)
        assert np.corrcoef(found, truth)[0, 1] > 0.98
        assert found.std() == pytest.approx(truth.std(), rel=0.1)


def test_the_interval_covers_the_score_of_new_images():
    """Nominal .95; 200 experiments of 12 images have a standard error of .015. Images differ in how much of
    the human map a model has; the truth is the score of 1,500 images."""

    def experiment(rng, n):
        human = CENTRE + smooth(rng, n)
        model = 0.3 * CENTRE + rng.uniform(0, 0.8, (n, 1, 1)) * (human - CENTRE)
        model += 1.5 * rng.standard_normal(human.shape)
        return model.astype(np.float32), human.astype(np.float32)

    def score(model, human, draws):
        ours, theirs = standard_ranks(model), standard_ranks(human)
        n, rho = len(ours), np.einsum("np,np->n", ours, theirs)
        sums = (
            ours @ theirs.sum(axis=0) - rho,
            theirs @ ours.sum(axis=0) - rho,
            theirs @ theirs.sum(axis=0) - 1,
        )
        floor, typical, between = (total / (n - 1) for total in sums)
        people, rng = People(np.full(n, 0.7), between), np.random.default_rng(0)
        return summarised(of_images(rho, floor, typical), people, rng, draws)["floor_corrected"]

    truth = score(*experiment(np.random.default_rng(99), 1500), 1).value
    found = [score(*experiment(np.random.default_rng([1, k]), 12), 200) for k in range(200)]
    covered = np.mean([entry.ci_low <= truth <= entry.ci_high for entry in found])
    assert 0.91 <= covered <= 0.99


def test_ceilings_of_other_images_are_drawn_on_their_own():
    alignment = of_images(np.full(5, 0.4), np.full(5, 0.1))
    rng = np.random.default_rng(0)
    ceiling = rng.uniform(0.4, 0.8, 30)
    people = People(ceiling, np.full(5, 0.2), paired=False)
    entry = summarised(alignment, people, rng, 4000)["rho/ceiling"]
    assert entry.value == pytest.approx(0.4 / ceiling.mean())
    # ρ is the same for every image: the interval is that of the mean ceiling alone, wider for five images.
    draws = 0.4 / bootstrap.resampled_means(ceiling[:, None], rng, 4000)[:, 0]
    low, high = bootstrap.expanded_interval(draws, 5)
    assert (entry.ci_low, entry.ci_high) == pytest.approx((low, high), rel=0.05)


def test_a_declared_ceiling_is_the_same_for_every_image():
    described = {
        "ceiling": {"method": "declared", "value": 0.65},
        "floor": {"per_image": [0.1, None, 0.3]},
    }
    people = agreement.people(described, ["a", "b", "c"])
    assert people is not None and people.ceiling.tolist() == [0.65] * 3 and people.paired
    np.testing.assert_array_equal(people.floor, [0.1, np.nan, 0.3])


def test_the_interval_is_of_95_percent_of_the_draws():
    """Expanded for the number of images, as every interval is."""
    expected, human, people = planted(np.random.default_rng(2), 20, 6)
    alignment = map_alignment.align(expected, human)
    found = summarised(alignment, people, np.random.default_rng(4), 400)
    drawn = scores.samples(alignment, people, np.random.default_rng(4), 400)
    for convention in CONVENTIONS:
        ends, score = np.quantile(convention.value(drawn), expanded_quantiles(20)), found[convention.name]
        assert (score.ci_low, score.ci_high) == pytest.approx(tuple(ends), abs=1e-12)
