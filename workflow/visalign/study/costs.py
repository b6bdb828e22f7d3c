"""How much the jobs of a study have to do, and how many bytes they leave."""

from __future__ import annotations

import csv
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from visalign import measures
from visalign.io.files import read_json
from visalign.measures.measure import Cost, Passes
from visalign.stimuli import sources
from visalign.study.study import Study
from visalign.zoo.weights import trained_here

#: Bytes of the automatic layers of an image of 224 pixels, and how many layers.
FEATURE_BYTES, LAYERS = 2.5e6, 12
#: Bytes of the features of an image that a low-level model gives, at most.
LOW_LEVEL_BYTES = 4 * 32 * 28**2
#: Passes backward of an image in a training, by its supervision: with respect to activations and to weights;
#: with the harmonizer to the image too, and then through all of that once more.
TRAINED = {"none": 2, "gala": 2, "harmonizer": 5}
#: Reductions of a saliency store.
REDUCTIONS = 2


@dataclass
class Sizes:
    """How much a study's jobs have to do.

    Parameters
    ----------
    study : Study
    results : Path
        Folder in which tables of stimuli and cards of models are looked up, where a run made them.
    """

    study: Study
    results: Path

    def images(self, stimuli: str) -> int:
        """Number of images of a stimulus set."""
        table = self.results / "stimuli" / f"{stimuli}.csv"
        if table.exists():
            with table.open(newline="") as file:
                return sum(1 for _ in csv.reader(file)) - 1
        row = self.study.stimuli[stimuli]
        return sources.of(row).counted(row)

    def parameters(self, model: str) -> int:
        """Number of parameters of a model: the sheet's, or its card's."""
        row = self.study.models[model]
        if self.study.is_low_level(model):
            return 0
        if "parameters" in row:
            return row["parameters"]
        if trained_here(row) and not (self.results / "models" / f"{model}.json").exists():
            return self.parameters(row["source"])
        return read_json(self.results / "models" / f"{model}.json")["parameters"]

    def timed_as(self, rule: str, names: tuple[str, ...]) -> str:
        """What a job is timed with: those of its rule, low-level models apart from networks."""
        low = rule in ("features", "saliency") and self.study.is_low_level(names[0])
        return f"{rule} of low-level models" if low else rule

    def pixels(self, model: str) -> int:
        """Pixels of a model's input."""
        _, height, width = self.study.data_configs[model]["input_size"]
        return height * width

    def rows(self, stimuli: str, protocol: str) -> int:
        """Rows of a Gram matrix: images, or their grid positions."""
        grid = re.match(r"grid-(\d+)", protocol)
        return self.images(stimuli) * (int(grid[1]) ** 2 if grid else 1)

    def attacked(self, stimuli: str) -> int:
        """Number of images that are attacked."""
        return min(self.study.config["attacks"]["count"] or sys.maxsize, self.images(stimuli))

    def work(self, rule: str, names: tuple[str, ...]) -> float:
        """Work of a job, in units of its rule; 0 for jobs of constant time.

        That of a network is passes × pixels × parameters; of an image statistic, passes × pixels.

        Raises
        ------
        KeyError
            Names that are not of this study.
        """
        cost = COSTS.get(rule)
        if cost is None:
            return 0
        if cost.work is not None:
            return cost.work(self, *names)
        model = names[0]
        each = 1 if self.study.is_low_level(model) else self.parameters(model)
        return sum(self.passes(rule, names)) * self.pixels(model) * each

    def passes(self, rule: str, names: tuple[str, ...]) -> Passes:
        """How often a job shows an image to its model; none where it runs no model."""
        passes = COSTS[rule].passes if rule in COSTS else None
        return passes(self, *names) if passes else Passes(0)

    def on_gpu(self, rule: str, names: tuple[str, ...]) -> bool:
        """Whether a job runs a network, for which it asks for a GPU."""
        return rule in NETWORK and not self.study.is_low_level(names[0])

    def disk(self, rule: str, names: tuple[str, ...]) -> float:
        """Bytes that a job's store takes; 0 where it is small."""
        disk = COSTS[rule].disk if rule in COSTS else None
        return disk(self, *names) if disk else 0


def transform_pixels(transform: str) -> int:
    """Pixels of an image under a transform, from its key, such as 224x224-center-0.875-bicubic."""
    height, width = transform.partition("-")[0].split("x")
    return int(height) * int(width)


def shown(sizes: Sizes, _: str, stimuli: str) -> Passes:
    """Passes of showing images to a model."""
    return Passes(forward=sizes.images(stimuli))


def differentiated(sizes: Sizes, _: str, stimuli: str) -> Passes:
    """Passes of the gradient with respect to images, which takes as long backward as forward."""
    return Passes(forward=sizes.images(stimuli), backward=sizes.images(stimuli))


def evaluated(sizes: Sizes, model: str, maps: str) -> Passes:
    """Passes of the gradients of a trained model on the images of a map set."""
    return differentiated(sizes, model, sizes.study.stimuli_of(maps))


def trained(sizes: Sizes, model: str) -> Passes:
    """Passes of a training: of the images of all its batches."""
    recipe = sizes.study.trained[model]
    images = recipe["steps"] * recipe["batch_size"]
    return Passes(forward=images, backward=TRAINED[recipe["supervision"]] * images)


def preprocessed(sizes: Sizes, stimuli: str, transform: str) -> float:
    """Pixels of a stimulus set under a transform."""
    return sizes.images(stimuli) * transform_pixels(transform)


def agreed(sizes: Sizes, maps: str, transform: str) -> float:
    """Work of the ceiling of a map set under a transform."""
    return preprocessed(sizes, sizes.study.maps[maps]["stimuli"], transform)


def weights_bytes(sizes: Sizes, weights: str) -> float:
    """Bytes of a weight file, and of its like in the cache of the hub."""
    model = sizes.study.models_of_weights[weights][0]
    row = sizes.study.models[model]
    return 4 * sizes.parameters(model) * (2 if row["weights"] == "hub" else 1)


def features_bytes(sizes: Sizes, model: str, stimuli: str) -> float:
    """Bytes of the features of a stimulus set, or of logits where nothing reads more."""
    values = FEATURE_BYTES * sizes.pixels(model) / 224**2
    if sizes.study.is_low_level(model):
        values = LOW_LEVEL_BYTES
    return sizes.images(stimuli) * (values if sizes.study.needs_layers(stimuli) else 2000)


def gram_bytes(sizes: Sizes, model: str, stimuli: str, protocol: str) -> float:
    """Bytes of the Gram matrices of a model's layers."""
    return 8 * LAYERS * sizes.rows(stimuli, protocol) ** 2


def saliency_bytes(sizes: Sizes, model: str, stimuli: str) -> float:
    """Bytes of a model's saliency."""
    return sizes.images(stimuli) * sizes.pixels(model) * 4 * REDUCTIONS


#: Rule -> what its jobs take: of stages that serve several measures, and of the measures' own.
COSTS: dict[str, Cost] = {
    cost.rule: cost
    for cost in (
        Cost("models_weights", work=lambda sizes, weights: 0, disk=weights_bytes),
        Cost("train_fit", passes=trained),
        Cost("train_evaluate", passes=evaluated),
        Cost("stimuli", work=lambda sizes, stimuli: sizes.images(stimuli)),
        Cost("preprocess", work=preprocessed, disk=lambda *job: 3 * preprocessed(*job)),
        Cost("features", passes=shown, disk=features_bytes),
        Cost("gram", work=lambda sizes, _, *rows: sizes.rows(*rows) ** 2, disk=gram_bytes),
        Cost("maps_read", work=lambda sizes, maps: sizes.images(sizes.study.maps[maps]["stimuli"])),
        Cost("maps_ceilings", work=agreed),
        Cost("saliency", passes=differentiated, disk=saliency_bytes),
    )
} | measures.COSTS
#: Rules whose jobs run a network.
NETWORK = tuple(rule for rule, cost in COSTS.items() if cost.passes)
