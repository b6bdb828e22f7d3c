"""Where every result is: the one place that knows the paths under ``results/``.

Each function returns the path of what it is named after. Stores (``.zarr``) and weights (``.safetensors``)
have a manifest or card of the same name beside them, see `manifest`. Rules write the patterns of their own
outputs out, so that one sees what they make; a test compares them with these functions.
"""

from __future__ import annotations

from pathlib import PurePosixPath

RESULTS = "results"
SCORES = f"{RESULTS}/scores.csv"
TREND = f"{RESULTS}/trend.json"
METHODS = f"{RESULTS}/methods.md"
REPORT = f"{RESULTS}/report.html"
FIGURE = f"{RESULTS}/figures/accuracy_vs_alignment"
PROBE_FIGURE = f"{RESULTS}/figures/accuracy_vs_probes"
TIMINGS = f"{RESULTS}/benchmarks"
#: That sheets and files were found to agree, see `study.check`.
CHECK = f"{RESULTS}/check.json"
#: Cache of what is known of models without their weights.
DATA_CONFIGS = f"{RESULTS}/models/data_configs.json"
#: The sheet of models, where some are trained; and their comparison with baselines.
TRAINED_SHEET = f"{RESULTS}/train/models.tsv"
COMPARISON = f"{RESULTS}/train/comparison.md"


def made(path: str) -> bool:
    """Whether a path is that of a result, and not of a file that a study is given."""
    return path.startswith(f"{RESULTS}/")


def manifest(store: str) -> str:
    """JSON beside a store, or the card beside weights."""
    return str(PurePosixPath(store).with_suffix(".json"))


def stimuli(name: str) -> str:
    """Table of a stimulus set."""
    return f"{RESULTS}/stimuli/{name}.csv"


def images(name: str) -> str:
    """Folder of the images that a stimulus set makes itself."""
    return f"{RESULTS}/stimuli/{name}"


def trials(stimuli: str) -> str:
    """Trials of visual tasks that a stimulus set makes itself."""
    return f"{images(stimuli)}/trials.csv"


def geometry(stimuli: str) -> str:
    """Coordinates of what a stimulus set of visual tasks shows."""
    return f"{images(stimuli)}/geometry.json"


def pixels(stimuli: str, transform: str) -> str:
    """Store of a stimulus set after a transform."""
    return f"{RESULTS}/preprocess/{stimuli}/{transform}.zarr"


def weights(weights_id: str) -> str:
    """Weights of a row of the model sheet, see `zoo.weights.weights_id`."""
    return f"{RESULTS}/models/weights/{weights_id}.safetensors"


def trained_weights(model: str) -> str:
    """Weights of a model that the study trains."""
    return f"{RESULTS}/train/{model}.safetensors"


def card(model: str) -> str:
    """Card of a model."""
    return f"{RESULTS}/models/{model}.json"


def apart(model: str) -> str:
    """That the images on which a model is trained are apart from those on which it is scored."""
    return f"{RESULTS}/train/apart/{model}.json"


def per_image(model: str, maps: str) -> str:
    """Table of a trained model on a map set, image by image."""
    return f"{RESULTS}/train/{model}/{maps}.csv"


def features(model: str, stimuli: str) -> str:
    """Store of layer activations and logits."""
    return f"{RESULTS}/features/{model}/{stimuli}.zarr"


def gram(model: str, stimuli: str, protocol: str) -> str:
    """Store of one Gram matrix per layer."""
    return f"{RESULTS}/gram/{model}/{stimuli}/{protocol}.zarr"


def recording_card(recording: str) -> str:
    """Card of a recording."""
    return f"{RESULTS}/recordings/{recording}.json"


def maps(name: str) -> str:
    """Importance maps of a map set, processed."""
    return f"{RESULTS}/maps/{name}.npz"


def maps_card(name: str) -> str:
    """Card of a map set."""
    return manifest(maps(name))


def ceilings(maps: str, transform: str) -> str:
    """People's agreement on a map set within the crop of a transform."""
    return f"{RESULTS}/maps/{maps}/{transform}.json"


def saliency(model: str, stimuli: str) -> str:
    """Store of saliency, or of the importance maps of a low-level model."""
    return f"{RESULTS}/saliency/{model}/{stimuli}.zarr"


def perturbations(model: str, stimuli: str) -> str:
    """Store of the smallest perturbations."""
    return f"{RESULTS}/attacks/{model}/{stimuli}.zarr"


def revelation(model: str, maps: str) -> str:
    """Answers of a model to partly revealed images."""
    return f"{RESULTS}/clickme/{model}/{maps}_revelation.npz"


def gallery(model: str, maps: str) -> str:
    """Picture of a model's best, median and worst image of a map set."""
    return f"{RESULTS}/clickme/{model}/{maps}_gallery.png"


def scores(measure: str, model: str, dataset: str) -> str:
    """Score rows of a model on a benchmark."""
    return f"{RESULTS}/{measure}/{model}/{dataset}.csv"


def scores_per_image(measure: str, model: str, dataset: str) -> str:
    """Table of a benchmark, image by image."""
    return f"{RESULTS}/{measure}/{model}/{dataset}_images.csv"


def decisions(model: str, probe: str) -> str:
    """Table of what a probe of a model decided, trial by trial."""
    return f"{RESULTS}/probes/{model}/{probe}_trials.csv"


def learning_curves(model: str, probe: str) -> str:
    """Table of the learning curves of a probe of a model."""
    return f"{RESULTS}/probes/{model}/{probe}_curve.csv"


def scores_of_all(stage: str, dataset: str) -> str:
    """Score rows of all models on a dataset, of a stage that compares them."""
    return f"{RESULTS}/{stage}/{dataset}.csv"


def page(model: str) -> str:
    """Page of a model in the report."""
    return f"{RESULTS}/report/{model}.html"
