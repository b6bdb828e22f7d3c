"""What a way to compare features with responses is: a regression of these on those, or a similarity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self

if TYPE_CHECKING:
    import numpy as np

    from visalign.stats.cross_validation import Pair

#: One layer of a recording's stimuli: what `gram.matrix.gram` gives, or its features X (n, p).
Layer = Mapping[str, "np.ndarray"]
#: What an option may be.
Value = int | str
#: Variants of a metric in the score table, METRIC_VARIANT, and what they are.
VARIANTS = {
    "layer": "the same for one layer",
    "nested": "the same, layer chosen on inner splits",
    "published": "the same, layer chosen on the reported stimuli: optimistic",
    "optimism": "published less nested",
}
#: Further ones of metrics that predict each neuroid.
OF_PREDICTIONS = {
    "reliable": "the same over reliable neuroids only, divided by their own ceiling; n of these",
    "attainable": "what a perfect model of that layer would score with these trials; n neuroids",
    "grid": "rank correlation of site-mean predicted and measured activity over the grid; n images",
    "grid_quarter": "the same with half the positions per side",
}


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of comparisons: a whole number from `least`, or one of `choices`.

    ``help`` is what the command line says of it.
    """

    name: str
    default: Value
    help: str
    least: int = 1
    choices: tuple[str, ...] = ()


class Predicted(NamedTuple):
    """What a regression that was fitted on a training set says of its test stimuli.

    ``responses`` (n_test, m), NaN of a neuroid that cannot be fitted; ``used``: how many of what the fit
    counts it used, see `Regression.counted`; ``filled``: missing training responses that the fit filled.
    """

    responses: np.ndarray
    used: int = 0
    filled: int = 0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A way to compare the features of a layer with responses.

    Attributes
    ----------
    name : str
        Of its metric in the score table, and on the command line.
    meaning : str
        What the metric is, and what its n counts.
    described : str
        What a methods section calls it; options in braces.
    options : tuple of Option
    settings : mapping
        Values of the options: the defaults, unless `using` says others.
    """

    name: str
    meaning: str
    described: str
    options: tuple[Option, ...] = ()
    settings: Mapping[str, Value] = field(default_factory=dict)
    kind: ClassVar[str]
    variants: ClassVar[Mapping[str, str]]

    def __post_init__(self) -> None:
        own = {option.name: self.settings.get(option.name, option.default) for option in self.options}
        object.__setattr__(self, "settings", own)

    def using(self, **settings: Value) -> Self:
        """Return the same with options as given; those of other comparisons are passed over."""
        return replace(self, settings={**self.settings, **settings})

    def metrics(self) -> dict[str, str]:
        """Return what it adds to the score table: metric -> meaning, the own one first."""
        variants = {f"{self.name}_{name}": meaning for name, meaning in self.variants.items()}
        return {self.name: self.meaning} | variants


@dataclass(frozen=True, kw_only=True)
class Regression(Comparison):
    """A comparison that predicts each neuroid on stimuli that it was not fitted on.

    Attributes
    ----------
    predict : callable
        ``(layer, Y, pairs, groups, **settings)`` to a list of `Predicted`, see `fit`.
    jointly : bool
        Whether the prediction of a neuroid depends on the others that it is fitted with.
    counted : str or None
        The option that says how many of something fits use, where features may have fewer.
    """

    predict: Callable[..., list[Predicted]]
    jointly: bool = False
    counted: str | None = None
    kind: ClassVar[str] = "regression"
    variants: ClassVar[Mapping[str, str]] = VARIANTS | OF_PREDICTIONS

    def fit(
        self, layer: Layer, Y: np.ndarray, pairs: list[Pair], groups: np.ndarray | None = None
    ) -> list[Predicted]:
        """Fit on the training stimuli of each pair and predict responses to its test stimuli.

        Parameters
        ----------
        Y : ndarray, shape (n, m)
            Responses, NaN where missing.
        pairs : list of (train, test)
            Indices of stimuli.
        groups : ndarray, shape (n,), optional
            Unit of each stimulus, such as the image of a grid recording: those of one are left out
            together where a fit leaves stimuli out.
        """
        return self.predict(layer, Y, pairs, groups, **self.settings)


@dataclass(frozen=True, kw_only=True)
class Similarity(Comparison):
    """A comparison of the relations that all pairs of stimuli have in features and in responses.

    Attributes
    ----------
    relate, deviate, agree_within, centre, limit : callable
        What `relations`, `deviations`, `agreements`, `centred` and `best` call; all but `deviate` with the
        settings as keywords.
    """

    relate: Callable[..., np.ndarray]
    deviate: Callable[[np.ndarray], np.ndarray]
    agree_within: Callable[..., np.ndarray]
    centre: Callable[..., tuple[np.ndarray, float]]
    limit: Callable[..., float]
    kind: ClassVar[str] = "similarity"
    variants: ClassVar[Mapping[str, str]] = VARIANTS

    def relations(self, gram: Layer, absent: np.ndarray | None = None) -> np.ndarray:
        """Relations (n, n) of all pairs of stimuli, NaN for stimuli (n,) that are `absent`.

        Parameters
        ----------
        gram : mapping
            What `gram.matrix.gram` gives.
        """
        return self.relate(gram, absent, **self.settings)

    def agreement(self, one: np.ndarray, other: np.ndarray) -> float:
        """Similarity of two matrices of relations (n, n), n from 4 on, without a missing one."""
        from visalign.gram.similarity import cosine

        return cosine(self.deviations(one), self.deviations(other))

    def deviations(self, relations: np.ndarray) -> np.ndarray:
        """Deviations (n, n) of relations from what says nothing: `agreement` is the cosine of two."""
        return self.deviate(relations)

    def agreements(self, one: np.ndarray, other: np.ndarray, subsets: np.ndarray) -> np.ndarray:
        """`agreement` within each subset (k,) of the stimuli, the columns of `subsets`, bool (n, k)."""
        return self.agree_within(one, other, subsets, **self.settings)

    def centred(self, values: np.ndarray) -> tuple[np.ndarray, float]:
        """Relations (n, n) of responses (n, m) whose inner products are covariances, and their scale.

        The scale undoes what patterns were divided by: noise lengthens patterns, those of halves of the
        repetitions more, so that halves and whole are brought to one scale by it.
        """
        return self.centre(values, **self.settings)

    def best(self, r: float) -> float:
        """Similarity of noise-free responses with mean ones whose relations correlate with theirs by r."""
        return self.limit(r, **self.settings)
