"""The methods section of a study, written from its config, data cards and score table.

No number of the study is written here: each comes from the config, a sheet, a card, the score table or a
constant of the stage that uses it.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from visalign.errors import InputError
from visalign.io import tables
from visalign.io.files import read_json
from visalign.io.scores import read_scores
from visalign.io.sheets import read_config
from visalign.measures import BY_NAME, MEASURES
from visalign.measures.wording import enumeration, listing, span
from visalign.methods import trend
from visalign.report import study_page
from visalign.stimuli import images, sources
from visalign.study import axis, credits
from visalign.study.study import Study
from visalign.zoo import image_statistics

if TYPE_CHECKING:
    from visalign.io.rows import RecipeRow
    from visalign.maps.card import MapsCard
    from visalign.recordings.card import RecordingCard
    from visalign.zoo.card import ModelCard

#: What is said of images that were read in another way than most.
PIXELS = {
    images.EXIF: "EXIF orientation applied in {}",
    images.ALPHA: "transparency composited in {}",
    images.SIXTEEN_BITS: "16 bits scaled to 8 in {}",
    "copies": "{} copies of other images",
}
TRANSFORMS = {
    "model": "each model's own evaluation transform",
    "resize": "the whole image resized to the model's input",
}
WEIGHTS = {
    "hub": "with timm's weights",
    "file": "with weight files",
    "package": "with weights of Python packages",
    "random": "untrained controls",
    "own": "with weights that their own code gives them",
    "low-level": "image statistics as controls",
    "train": "trained here from another one",
}
REFERENCES = (
    "Methods follow Linsley, Feng, Serre 2025 (arXiv 2504.16940; trend), Schrimpf et al. 2018 (Brain-Score; "
    "neural predictivity), Linsley et al. 2023 (arXiv 2306.03779; maps), Fel et al. 2022 (arXiv 2211.04533; "
    "ClickMe alignment) and Linsley, Feng et al. 2023 (arXiv 2306.03229; adversarial alignment)."
)


def read_study(path: Path) -> Study:
    """Read config and sheets, without timm's data configs: the models' cards have them."""
    config = read_config(path)
    if not isinstance(config, dict):
        raise InputError(f"{path}: not a config")
    return Study.read(config, str(path))


@dataclass(frozen=True)
class Results:
    """What a run of a study left that its methods speak of: the score table, and cards by name."""

    scores: pd.DataFrame
    models: dict[str, ModelCard]
    recordings: dict[str, RecordingCard]
    maps: dict[str, MapsCard]
    stimuli: dict[str, dict[str, int]]  # in how many images of a set what was done, as `PIXELS` says it


def read_results(study: Study, directory: Path) -> Results:
    """Read the score table, and the cards of the stages that are switched on."""

    def cards(kind: str, names: Iterable[str]) -> dict[str, Path]:
        wanted = any(study.enabled(measure.name) for measure in MEASURES if measure.over == kind)
        return {name: directory / kind / f"{name}.json" for name in (names if wanted else ())}

    files = {name: directory / "models" / f"{name}.json" for name in study.models}
    return Results(
        read_scores(directory / "scores.csv"),
        {name: read_json(file) for name, file in files.items() if file.exists()},  # the rest failed
        {name: read_json(file) for name, file in cards("recordings", study.recordings).items()},
        {name: read_json(file) for name, file in cards("maps", study.maps).items()},
        {name: read_pixels(directory / "stimuli" / f"{name}.csv") for name in study.in_use()["stimuli"]},
    )


def read_pixels(path: Path) -> dict[str, int]:
    """Count what was done to the images of a stimulus table, and copies of others among them."""
    if not path.exists():  # of a set whose stage failed
        return {}
    table = tables.read_table(path, required=("sha256",))
    copies = int(table["sha256"].duplicated().sum())
    return images.counts(table["decoded"]) | ({"copies": copies} if copies else {})


def of_simulation(study: Study, results: Results) -> str:
    """Say which data are simulated, and how."""
    flags = {name: card["simulated"] for name, card in results.recordings.items()}
    flags |= {name: card["simulated"] for name, card in results.maps.items()}
    names = [name for name, simulated in flags.items() if simulated]
    if not names:
        kinds = {"recordings": results.recordings, "importance maps": results.maps}
        measured = enumeration(kind for kind, found in kinds.items() if found)
        return f"All {measured} are measured data." if measured else ""
    simulate = study.config["simulate"]
    settings = {name: dict(row) for name, row in simulate["recordings"].items()}
    settings |= {name: dict(row) for name, row in simulate["clicks"].items()}

    def told(name: str) -> str:
        given = dict(settings.get(name, {}))
        windows = given.pop("windows", None)
        if isinstance(windows, dict) and windows:
            given["reliability"] = ", ".join(f"{value} at {window} ms" for window, value in windows.items())
        facts = [f"{key.replace('_', ' ')} {value}" for key, value in given.items()]
        return f"{name} ({', '.join(facts)})" if facts else name

    return (
        f"**Simulated data.** {listing(map(told, names))}. What rests on them shows that the pipeline "
        "recovers what was planted, and says nothing about brains or people."
    )


def of_origins(study: Study, results: Results) -> str:
    """Cite those whose data they are, with the licence of each; '' where the sheets name none."""
    told = [
        f"{listing(credit['names'])}: {listing(filter(None, (credit['citation'].rstrip('.'), licence)))}"
        for credit in credits.of(study)
        for licence in [f"licence {credit['licence']}" if credit["licence"] else ""]
    ]
    return f"**Data.** {'. '.join(told)}." if told else ""


def of_models(study: Study, results: Results) -> str:
    """Describe models, their transforms and layers; '' where there are none."""
    if not study.models:
        return ""
    origins = Counter(row["weights"] for row in study.models.values())
    families = {row["family"] or (name,) for name, row in study.models.items()}  # '' is one of its own
    sides = span(card["data_config"]["input_size"][-1] for card in results.models.values())
    chosen = "the stem, stages or blocks, head and pre-logits of each model"
    if any(row["layers"] != "auto" for row in study.models.values()):
        chosen += ", or those that the model sheet names"
    layered = results.scores[results.scores["metric"].str.endswith(study_page.PER_LAYER)]
    counts = layered.groupby("model")["layer"].nunique()
    recorded = (
        f" Activations of {chosen} were recorded ({span(counts)} layers a model)." if len(counts) else ""
    )
    return (
        f"**Models.** {len(study.models)} models of {len(families)} families "
        f"({', '.join(f'{n} {WEIGHTS[origin]}' for origin, n in origins.items())}), with inputs of {sides} "
        f"pixels a side.{recorded}"
    )


def of_low_level(study: Study, results: Results) -> str:
    """Define the low-level models; '' where there are none."""
    low = {name: row["architecture"] for name, row in study.models.items() if study.is_low_level(name)}
    if not low:
        return ""
    told = "; ".join(f"{name}: {image_statistics.DEFINITIONS[what]}" for name, what in low.items())
    return (
        f"**Low-level controls.** {told}. Filters are in pixels of the input, of which all but the means of "
        "colours see the luma (Rec. 709). Features are scored as those of layers are, importance maps as "
        "saliency is, and as perturbations are on the images drawn for these."
    )


def of_training(study: Study, results: Results) -> str:
    """Describe how the trained models were trained, those of one recipe together; '' where there are none."""
    if not study.trained:
        return ""
    recipes: dict[str, list[str]] = {}
    for name, row in study.trained.items():
        recipes.setdefault(recipe(row), []).append(name)
    told = "; ".join(f"{listing(names)}: {words}" for words, names in recipes.items())
    return (
        f"**Training.** {told}. The harmonizer (Fel et al. 2022) adds the squared distance between "
        "standardised saliency and human maps over five levels of a binomial pyramid; attention supervision "
        "(Linsley et al. 2019) adds that between the activity of stages and the maps, each of norm 1."
    )


def recipe(row: RecipeRow) -> str:
    """One recipe as text, but for its seed."""
    supervised = {"none": "no supervision", "harmonizer": "the harmonizer", "gala": "attention supervision"}
    kind = supervised[row["supervision"]]
    if row["supervision"] != "none":
        kind += f" of weight {row['weight']:g}"
    rate = f"{row['optimiser']}, learning rate {row['learning_rate']:g}, {row['schedule']} schedule"
    images = f"{row['maps']}" + (f" and {row['stimuli']}" if "stimuli" in row else "")
    return (
        f"from {row['base']} by {kind}, {row['steps']} steps of {row['batch_size']} images of {images}, "
        f"{row['share']:.0%} with maps ({rate}; {row['batch_norm']} statistics of batch normalisation)"
    )


def of_stimuli(study: Study, results: Results) -> str:
    """Describe stimulus sets and the transform that each went through."""
    parts = []
    for name, row in study.stimuli.items():
        facts = [sources.of(row).describe(row)]
        facts += [PIXELS[what].format(n) for what, n in results.stimuli.get(name, {}).items()]
        parts.append(f"{name}: {', '.join(facts)}; {TRANSFORMS[row['transform']]}")
    return f"**Stimuli.** {'. '.join(parts)}." if parts else ""


def of_others(study: Study, results: Results) -> str:
    """Say which scores are of others; '' where there are none."""
    added = [table.described() for table in study.added]
    told = f"**Scores of others.** From {enumeration(added)}, not measured here." if added else ""
    if table := axis.published(study):
        told += f" Published top-1 accuracies are those of {table['table']}."
    return told.strip()


def of_what_is_missing(study: Study, results: Results) -> str:
    """Say in one sentence what was not measured, and why; '' where all was."""
    missing = study.not_measured()
    told = enumeration(f"{BY_NAME[name].title} ({reason})" for name, reason in missing.items())
    return f"Not measured: {told}." if missing else ""


def of_trend(study: Study, results: Results) -> str:
    """Describe the statistics of accuracy, or of what else is the x axis, against alignment."""
    return trend.of_trend(study)


def of_software(study: Study, results: Results) -> str:
    """List versions of software and stages, and the seed."""
    versions = study_page.versions(results.scores)
    told = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"**Software.** visalign; {told}. Seed {study.config['seed']} unless another is given. {REFERENCES}"
    )


#: Paragraphs in order, each with the stage without which it is left out ('' for none).
PARAGRAPHS: tuple[tuple[str, Callable[[Study, Results], str]], ...] = (
    ("", of_simulation),
    ("", of_origins),
    ("", of_models),
    ("", of_low_level),
    ("", of_training),
    ("", of_stimuli),
    *((measure.name, measure.methods) for measure in MEASURES),
    ("", of_others),
    ("", of_what_is_missing),
    ("trend", of_trend),
    ("", of_software),
)


def methods_text(study: Study, results: Results) -> str:
    """Return the methods of a study as Markdown."""
    missing = study.not_measured()
    paragraphs = [
        write(study, results)
        for stage, write in PARAGRAPHS
        if not stage or (study.enabled(stage) and stage not in missing)
    ]
    return "\n\n".join(["# Methods", *(textwrap.fill(text, 110) for text in paragraphs if text)]) + "\n"
