"""What a methods section says of neural recordings and of how features were compared with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from visalign.comparisons import COMPARISONS, names
from visalign.measures.measure import Facts
from visalign.measures.rdm_methods import of_dissimilarities
from visalign.measures.wording import enumeration, kind, listing, of_regions, reliability, span
from visalign.neural import predictivity, response_halves, similarity_scores
from visalign.stats import resampling

if TYPE_CHECKING:
    from visalign.io.files import Json
    from visalign.recordings.card import RecordingCard

#: Words of the method of a ceiling, on a recording's card, that is of the config's number of half-splits.
HALVES = "random half-splits"
#: Words of the status of a score whose responses had gaps.
FILLED = "filled by a joint fit"
SELECTION = {
    "nested": "The layer was chosen in each split on {inner_splits} inner splits of its training stimuli, "
    "never on the stimuli that are reported.",
    "published": "The layer was the best on the reported stimuli themselves, as published, which is "
    "optimistic.",
}
SIMILARITY_SELECTION = {
    "nested": f"in {similarity_scores.HALVINGS} halvings of the stimuli the layer was chosen on one half and "
    "measured on the other, in both directions.",
    "published": "the layer was the best on all of them, as published, which is optimistic.",
}
POSITIONS = (
    "Features were brought to the grid of a grid recording as means over equal cells of the scene "
    "(interpolated where a layer is coarser): position k of G, from 0, is taken to be the centre of cell k, "
    "(k + ½) / G of the scene's side."
)
ATTAINABLE = (
    "Few and noisy responses keep even a perfect model below 1: what it would score with these stimuli and "
    "repetitions, the attainable score, is that of readouts with the spread of the recorded signal, planted "
    "in the selected layer under noise of the recorded variance."
)


def of_recording(name: str, card: RecordingCard, protocol: str) -> str:
    """Describe one recording with the ceiling of each time window."""
    if "dissimilarities" in card:
        return of_dissimilarities(name, card)
    windows = [
        f"{window['window']} ms {reliability(window['ceiling'])}"
        for window in card["time_bins"]
        if window["window"]
    ]
    ceiling, shown = card["ceiling"], card["repetitions_per_stimulus"]
    most = shown["max"]
    repetitions = f"{span((shown['min'], most))} repetition{'s' if most > 1 else ''}"
    return (
        f"{name} ({kind(card)}; {enumeration(filter(None, card['regions'])) or 'unknown region'}, "
        f"{card['n_neuroids']} neuroids, {card['n_stimuli']} stimuli, {repetitions}; "
        f"{protocol.replace('_', ' ')}; ceiling {', '.join(windows) or reliability(ceiling)}: "
        f"{ceiling['status'] if ceiling['value'] is None else ceiling['method']})"
    )


def of_neural(study: Facts, cards: Mapping[str, RecordingCard], statuses: Iterable[str]) -> str:
    """Describe the comparison of features with neural responses, from config, cards and scores' statuses."""
    settings = study.config["neural"]
    protocols = {name: study.protocol(name) for name in study.recordings}
    regions = [region for card in cards.values() for region in card["regions"]]
    recordings = [of_recording(name, card, protocols[name]) for name, card in cards.items()]
    ways = [one for metric in settings["metrics"] for one in COMPARISONS if one.name == metric]
    sentences = [f"**{of_regions(regions)}.** Recordings: {listing(recordings)}."]
    if any(HALVES in (card["ceiling"]["method"] or "") for card in cards.values()):
        sentences.append(
            "Split-half ceilings come from {ceiling_splits} half-splits of the repetitions (seed "
            "{ceiling_seed}).".format(**study.config["recordings"])
        )
    sentences.append(
        "Features and responses were compared by "
        f"{', '.join(one.described.format(**settings) for one in ways)}."
    )
    if any(protocol.startswith("grid-") for protocol in protocols.values()):
        sentences.append(POSITIONS)
    if any(one.kind == "regression" for one in ways):
        gaps = any(FILLED in status for status in statuses)
        sentences += of_regressions(settings, protocols, cards, study.config["seed"], gaps)
    if any(one.kind == "similarity" for one in ways):
        sentences.append(of_similarities(settings))
    return " ".join(sentences)


def of_regressions(
    settings: Json,
    protocols: Mapping[str, str],
    cards: Mapping[str, RecordingCard],
    seed: int,
    gaps: bool,
) -> list[str]:
    """Sentences on predictions: splits, layer, gaps, what scores are divided by, floor and interval."""
    sentences = []
    if "whole_image" in protocols.values():
        sentences.append(
            f"Whole images: {settings['splits']} shuffle splits with {settings['train_size']:g} of the "
            f"stimuli for training (seed {settings['split_seed']}), Pearson r per neuroid on held-out "
            "stimuli, median over neuroids, mean over splits."
        )
    if any(protocol.startswith("grid-") for protocol in protocols.values()):
        sentences.append(
            "Grids: one image left out at a time, Pearson r per site over its positions, median over sites, "
            "mean over images."
        )
    sentences.append(SELECTION[settings["layer_selection"]].format(**settings))
    if gaps:
        sentences.append(
            "Missing responses were filled by a joint fit of all neuroids for partial least squares, and "
            "left out of each neuroid's fit for ridge regression; the status of the scores has their number."
        )
    return [
        *sentences,
        *of_ceilings(cards),
        f"Floors are mean scores of {predictivity.FLOORS} derangements, in which every stimulus, or the "
        "grid of every image, has the responses to another.",
        f"95 % intervals: {resampling.DRAWS} bootstrap draws of stimuli (grids: images) and neuroids "
        "together, with the ceiling of each draw and without new fits, the same for all models (seed "
        f"{seed}); expanded percentiles (Hesterberg 2015).",
    ]


def of_ceilings(cards: Mapping[str, RecordingCard]) -> list[str]:
    """Sentences on the conventions of predictions, by what kind of ceiling the recordings have."""
    known: dict[str, list[str]] = {"reliability": [], "site_pairs": [], "none": []}
    for name, card in cards.items():
        if "dissimilarities" in card:  # nothing is predicted of it
            continue
        ceiling = card["ceiling"]
        known["none" if ceiling["value"] is None else ceiling.get("kind", "reliability")].append(name)
    sentences = []
    if known["reliability"]:
        sentences += [
            "The ceiling c is a reliability, so that r of the noise-free responses is √c: the headline is "
            "r²/c, 1 for these. It may exceed 1 by chance, (r/c)² and r/c even without it.",
            ATTAINABLE,
        ]
    if known["site_pairs"]:
        sentences.append(
            f"The grids of {enumeration(known['site_pairs'])} were not repeated: what is given as their "
            "ceiling is the likeness of pairs of sites, no reliability. There the headline is r; "
            "r/site_pairs, as published, may exceed 1."
        )
    if known["none"]:
        sentences.append(f"Without a ceiling ({enumeration(known['none'])}) the score is r.")
    return sentences


def of_similarities(settings: Json) -> str:
    """Sentences on comparisons of all stimuli at once, in which nothing is fitted."""
    told = enumeration(m.upper() for m in settings["metrics"] if m in names("similarity"))
    return (
        f"{told}, in which nothing is fitted, are of all stimuli: "
        f"{SIMILARITY_SELECTION[settings['layer_selection']]} The headline is raw/ceiling: the ceiling is "
        "the similarity of the noise-free responses, from halves of each stimulus' repetitions "
        f"({response_halves.HALVINGS} halvings). Without repetitions it is the raw similarity. 95 % "
        f"intervals: {similarity_scores.DRAWS} draws of half the stimuli (grids: images) without, and of "
        "neuroids with replacement, brought to the spread of new ones; expanded percentiles. Floors: "
        f"{similarity_scores.DERANGEMENTS} derangements."
    )
