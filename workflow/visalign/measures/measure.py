"""What a measure is: its metrics, its panels, and what all stages need to know of it.

It imports the standard library only, since every start of Snakemake passes here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from visalign.io.rows import MapsRow, ProbeRow, RecordingRow
    from visalign.maps.card import MapsCard
    from visalign.recordings.card import RecordingCard


#: The figure of all headlines that name no other.
MAIN_FIGURE = "alignment"
#: Status of the scores of a measure whose stage, its name, is off.
NOT_CHOSEN = "not among {}.models"
SWITCHED_OFF = "stage {} is switched off"


class Facts(Protocol):
    """What measures read of a study, which is built on them."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The whole config."""

    @property
    def recordings(self) -> Mapping[str, RecordingRow]:
        """Rows of the sheet of recordings."""

    @property
    def maps(self) -> Mapping[str, MapsRow]:
        """Rows of the sheet of maps."""

    @property
    def probes(self) -> Mapping[str, ProbeRow]:
        """Rows of the sheet of probes."""

    def protocol(self, recording: str) -> str:
        """Name of the protocol of a recording."""


class Results(Protocol):
    """What the paragraph of a measure reads of results."""

    @property
    def scores(self) -> pd.DataFrame:
        """The score table."""

    @property
    def recordings(self) -> Mapping[str, RecordingCard]:
        """Cards of recordings."""

    @property
    def maps(self) -> Mapping[str, MapsCard]:
        """Cards of maps."""


class Sizes(Protocol):
    """What the costs of a measure rest on: how much there is to do in a study."""

    @property
    def study(self) -> Facts:
        """The study."""

    def images(self, stimuli: str) -> int:
        """Number of images of a stimulus set."""

    def parameters(self, model: str) -> int:
        """Number of parameters of a model."""

    def pixels(self, model: str) -> int:
        """Pixels of a model's input."""

    def rows(self, stimuli: str, protocol: str) -> int:
        """Rows of a Gram matrix."""

    def attacked(self, stimuli: str) -> int:
        """Number of images that are attacked."""


@dataclass(frozen=True)
class Metric:
    """A metric of the score table.

    Attributes
    ----------
    name, meaning : str
        What it is, and what the ``n`` of its scores counts.
    title : str
        What it is called as an axis; '' for its name.
    simulated : {'dataset', 'never'}
        Whether its scores rest on simulated data where their dataset is simulated.
    """

    name: str
    meaning: str
    title: str = ""
    simulated: Literal["dataset", "never"] = "dataset"


class Scale(NamedTuple):
    """A convention of scores, and what it is called at an axis."""

    convention: str
    label: str


#: What the reference is called that is people's score.
PEOPLE = "people"


class Reference(NamedTuple):
    """A metric that the scores of a panel are read against: a line, or its interval as a band."""

    metric: str
    name: str
    band: bool = False


class Void(NamedTuple):
    """A word of the status of scores that cannot be compared with others, and why they cannot."""

    word: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The one metric and convention by which a measure enters a panel of accuracy against alignment.

    Attributes
    ----------
    panel, title : str
        Name of the panel in files and config, and over it.
    metric, convention, label : str
        What its y axis shows: metric and convention of scores, and what these are called.
    raw : str
        Convention on whose scale floor and ceiling are shown beside the score.
    otherwise : Scale, optional
        Stands in on benchmarks of which no score has the convention.
    void : Void, optional
        Which scores count as missing.
    title_of : callable, optional
        Benchmark -> title of its panel, where that is not `title`.
    figure : str
        Figure of several panels that it is in, ``results/figures/accuracy_vs_FIGURE``.
    references : tuple of Reference
        What its scores are read against.
    binomial : bool
        Whether a score is a share of its ``n`` units, so that its standard error is known.
    without : str
        Another metric: this headline is that of benchmarks on which no model has a value of it. '' for a
        headline of all benchmarks.
    stage : str
        Name of the measure; set by it.
    """

    panel: str
    title: str
    metric: str
    convention: str
    label: str
    raw: str
    otherwise: Scale | None = None
    void: Void | None = None
    title_of: Callable[[str], str] | None = None
    figure: str = MAIN_FIGURE
    references: tuple[Reference, ...] = ()
    binomial: bool = False
    without: str = ""
    stage: str = ""


class Passes(NamedTuple):
    """How often a job shows an image to its network: forward, and backward in units of a pass forward."""

    forward: float
    backward: float = 0


@dataclass(frozen=True)
class Cost:
    """What the jobs of a rule of a measure take; see `tools.plan`.

    Attributes
    ----------
    rule : str
    work : callable, optional
        (sizes, *names of the job) -> units of work, proportional to time; of a rule that runs no network.
    passes : callable, optional
        The same -> `Passes`; of a rule that runs a network, the first of whose names is the model.
    disk : callable, optional
        The same -> bytes of the store that the job makes.
    """

    rule: str
    work: Callable[..., float] | None = None
    passes: Callable[..., Passes] | None = None
    disk: Callable[..., float] | None = None

    def __post_init__(self) -> None:
        if (self.work is None) == (self.passes is None):
            raise TypeError(f"cost of {self.rule}: either its work or its passes")


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A way to score models on data sets, declared once for all who ask which measures there are.

    Attributes
    ----------
    name : str
        Of its stage, of its section in the config, and first part of its benchmarks.
    title : str
    summary : str
        One line for the help of its command.
    over : {'stimuli', 'recordings', 'maps', 'probes'}
        What its datasets are: ``stimuli`` of its section of the config, or rows of a sheet.
    labelled : bool
        Whether its scores need labels that the outputs of a model name.
    needs : tuple of str
        Stages that it rests on.
    metrics : tuple of Metric
        All that its score rows may hold.
    headlines : tuple of Headline
        Its panels of accuracy against alignment.
    reason_metrics : tuple of str
        Metrics of rows that only give a reason.
    low_level : {'', 'features', 'importance maps'}
        What of an image statistic it compares; '' for a measure that no image statistic has.
    across_models : str
        Stage of which ``results/STAGE/DATASET.csv`` holds further scores, of all models together.
    of_training : mapping of str to (metric, convention)
        Effects of training that stand beside those of ``train evaluate``, by their names.
    costs : tuple of Cost
    methods : callable
        (study, results) -> its paragraph of the methods; see `Facts` and `Results`.
    """

    name: str
    title: str
    summary: str
    over: Literal["stimuli", "recordings", "maps", "probes"]
    labelled: bool
    needs: tuple[str, ...]
    metrics: tuple[Metric, ...]
    reason_metrics: tuple[str, ...]
    methods: Callable[[Facts, Results], str]
    headlines: tuple[Headline, ...] = ()
    low_level: Literal["", "features", "importance maps"] = ""
    across_models: str = ""
    of_training: Mapping[str, tuple[str, str]] | None = None
    costs: tuple[Cost, ...] = ()

    def __post_init__(self) -> None:
        own = tuple(replace(headline, stage=self.name) for headline in self.headlines)
        object.__setattr__(self, "headlines", own)
        names = [metric.name for metric in self.metrics]
        asked = {*self.reason_metrics, *(headline.metric for headline in own)}
        asked |= {headline.without for headline in own if headline.without}
        asked |= {reference.metric for headline in own for reference in headline.references}
        if asked - set(names) or len(set(names)) < len(names):
            raise TypeError(f"measure {self.name}: metrics: each once, and those of headlines among them")

    def metric(self, name: str) -> Metric:
        """Return the metric of a name."""
        return next(metric for metric in self.metrics if metric.name == name)
