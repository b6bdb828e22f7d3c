"""What jobs read: the files of each rule that depend on more than its wildcards.

Only the rules import this, since it marks files as Snakemake does. Stores and folders are marked ancient: a
rerun that changes nothing touches them, so their times say nothing; what changed stands in the manifest
beside them (docs/design.md).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from snakemake.io import ancient

from visalign.maps import lists
from visalign.maps import readers as map_readers
from visalign.recordings import readers as recording_readers
from visalign.stimuli import sources
from visalign.study import fetched, layout
from visalign.study.settings import options
from visalign.study.study import Study
from visalign.zoo.weights import NamedWeights, files_of

#: Sheets that say what a study is of.
SHEETS = ("models", "train", "stimuli", "recordings", "maps", "probes")


@dataclass(frozen=True)
class Inputs:
    """Look-ups of the rules in a study, by the names that wildcards hold."""

    study: Study

    # --- sheets ---

    def sheets(self) -> list[str | list[str]]:
        """Sheets of the study; an empty list stands for one that is not there."""
        return [self.study.section(kind)["sheet"] or [] for kind in SHEETS]

    def model_sheet(self) -> str | list[str]:
        """Sheet of all models: the config's, or where some are trained, one that has them too; [] of none."""
        if self.study.trained:
            return layout.TRAINED_SHEET
        sheet = self.study.config["models"]["sheet"]
        return sheet if sheet and self.study.models else []

    def select(self) -> list[str]:
        """Patterns of the models of `model_sheet` that are in the study."""
        return ["*"] if self.study.trained else self.study.config["models"]["select"]

    # --- stimuli ---

    def of_stimuli(self, stimuli: str) -> list[str]:
        """Files that a stimulus set is made from and whose change makes it anew.

        Of a folder or pattern those that are fetched; its other files are a parameter, see `fetched.listing`.
        """
        row = self.study.stimuli[stimuli]
        path = row.get("path", "")
        several = fetched.of_path(path) if path and fetched.is_several(path) else []
        return [*sources.files(row), *several]

    def pixels(self, model: str, stimuli: str) -> dict[str, str]:
        """A stimulus set as a model sees it."""
        store = layout.pixels(stimuli, self.study.transform(model, stimuli))
        return {"pixels": ancient(store), "pixels_manifest": layout.manifest(store)}

    # --- models ---

    def of_weights(self, row: NamedWeights) -> list[str]:
        """Files of weights of a row that are there; one that is missing is its job's own error.

        So it does not keep other models from being scored.
        """
        return [str(file) for file in files_of(row) if file.is_file()]

    def network(self, model: str, stimuli: str) -> dict[str, str]:
        """A model and a stimulus set as it sees it."""
        weights = {"card": layout.card(model), "weights": ancient(self.study.weights(model))}
        return weights | self.pixels(model, stimuli)

    def network_on_maps(self, model: str, maps: str) -> dict[str, str]:
        """A model and the stimulus set of a map set."""
        return self.network(model, self.study.stimuli_of(maps))

    def of_training(self, model: str) -> dict[str, str]:
        """What a training reads: its base, its images with maps and without, and those it is followed on."""
        recipe = self.study.trained[model]
        stimuli = self.study.stimuli_of(recipe["maps"])
        files = {
            "card": layout.card(recipe["base"]),
            "weights": ancient(self.study.weights(recipe["base"])),
            "mapped": layout.stimuli(stimuli),
            "images": ancient(layout.images(stimuli)),
            "maps": layout.maps(recipe["maps"]),
        }
        if "stimuli" in recipe:
            files["stimuli"] = layout.stimuli(recipe["stimuli"])
            files["other_images"] = ancient(layout.images(recipe["stimuli"]))
        if "validation" in recipe:
            stimuli = self.study.stimuli_of(recipe["validation"])
            pixels = self.pixels(model, stimuli)
            files |= {
                "validation": layout.stimuli(stimuli),
                "validation_maps": layout.maps(recipe["validation"]),
                "validation_pixels": pixels["pixels"],
                "validation_manifest": pixels["pixels_manifest"],
            }
        return files

    def trained_on(self, model: str) -> list[str]:
        """Tables of the images that a model and its bases are trained on."""
        stimuli = []
        while model in self.study.trained:
            recipe = self.study.trained[model]
            stimuli += [self.study.stimuli_of(recipe["maps"])]
            stimuli += [recipe["stimuli"]] if "stimuli" in recipe else []
            model = recipe["base"]
        return [layout.stimuli(name) for name in dict.fromkeys(stimuli)]

    def scored_on(self, model: str) -> list[str]:
        """Tables of the images that a trained model is scored on, or compared with its baseline."""
        stimuli = self.study.scored_on(model)
        if model in self.study.paired_models():
            stimuli += [self.study.stimuli_of(maps) for maps in self.study.compared_on()]
        return [layout.stimuli(name) for name in dict.fromkeys(stimuli)]

    def compared_models(self) -> dict[str, list[str]]:
        """Tables and cards of trained models that have a baseline, and of their baselines."""
        models, maps = self.study.paired_models(), self.study.compared_on()
        return {
            "images": [layout.per_image(model, name) for model in models for name in maps],
            "cards": [layout.manifest(layout.trained_weights(model)) for model in models],
        }

    # --- recordings ---

    def of_recording(self, recording: str) -> list[str]:
        """The file of a recording, and those that it names."""
        row = self.study.recordings[recording]
        # A simulated card comes with its files, and their checksums are in it.
        simulated = recording in self.study.config["simulate"]["recordings"]
        named = [] if simulated else recording_readers.of(row["reader"]).files(row["path"])
        ids = [row["order"]] if "order" in row else []
        return [row["path"], *named, *ids]

    def gram(self, model: str, recording: str) -> dict[str, str]:
        """Gram matrices of a model on the stimuli of a recording."""
        stimuli = self.study.recordings[recording]["stimuli"]
        store = layout.gram(model, stimuli, self.study.protocol(recording))
        return {"gram": ancient(store), "gram_manifest": layout.manifest(store)}

    def table_of_recording(self, recording: str) -> str:
        """Table of the stimuli of a recording."""
        return layout.stimuli(self.study.recordings[recording]["stimuli"])

    # --- maps ---

    def of_maps(self, maps: str) -> dict[str, str | list[str]]:
        """Files that a map set is read from; of a pattern, whose listing is a parameter, what is fetched."""
        row = self.study.maps[maps]
        several = "*" in row["path"] or fetched.is_several(row["path"])
        return {
            "path": fetched.of_path(row["path"]) if several else row["path"],
            "labels": row.get("labels", []),
            "clicks": row.get("clicks", []),
        }

    def click_log(self, maps: str) -> dict[str, str]:
        """Click log of a map set, if there is one."""
        row = self.study.maps[maps]
        path = map_readers.of(row["reader"]).click_log(lists.files_of(maps, row))
        return {"clicks": path} if path else {}

    def table_of_maps(self, maps: str) -> str:
        """Table of the stimuli of a map set."""
        return layout.stimuli(self.study.stimuli_of(maps))

    def ceilings(self, maps: str, model: str) -> str:
        """People's agreement on a map set within the crop of a model."""
        return layout.ceilings(maps, self.study.transform(model, self.study.stimuli_of(maps)))

    def saliency(self, model: str, maps: str) -> dict[str, str]:
        """Saliency of a model on the stimuli of a map set."""
        store = layout.saliency(model, self.study.stimuli_of(maps))
        return {"saliency": ancient(store), "saliency_manifest": layout.manifest(store)}

    def perturbations(self, model: str, maps: str) -> dict[str, str]:
        """Perturbations of the stimuli of a map set."""
        store = layout.perturbations(model, self.study.stimuli_of(maps))
        return {"perturbations": ancient(store), "perturbations_manifest": layout.manifest(store)}

    def revelation(self, model: str, maps: str) -> dict[str, str]:
        """What the score of a model needs of its revelation, where there is one."""
        if not self.study.reveals(model, maps):
            return {}
        people = self.study.config["clickme"]["revelation"]["human_curve"]
        return {"revelation": layout.revelation(model, maps)} | ({"human_curve": people} if people else {})

    # --- probes ---

    def probed(self, model: str, probe: str) -> dict[str, str]:
        """Pooled layers of a model on the stimuli of a probe, its pixels, and what people answered."""
        row = self.study.probes[probe]
        store = layout.features(model, row["stimuli"])
        files = {"features": ancient(store), "features_manifest": layout.manifest(store)}
        files |= self.pixels(model, row["stimuli"]) | {"table": layout.stimuli(row["stimuli"])}
        people = row.get("people", "")
        given = {"trials": row.get("trials", ""), "people": "" if os.path.isdir(people) else people}
        beside = layout.images(row["stimuli"])  # comes with the table
        return files | {name: path for name, path in given.items() if path and not path.startswith(beside)}

    def answers_of_probe(self, probe: str) -> str:
        """Options that name the trials of a probe, or those that its source writes, and people's answers."""
        row = self.study.probes[probe]
        trials = row.get("trials", layout.trials(row["stimuli"]))
        return options({"trials": trials, "people": row.get("people")}, "trials", "people")

    # --- simulation ---

    def simulated(self, kind: Literal["recordings", "clicks"], dataset: str, stage: str) -> dict[str, str]:
        """What a simulated dataset is made from: stores of its teacher, and the table of its stimuli."""
        simulate = self.study.config["simulate"]
        settings = simulate[kind][dataset]
        path = {"features": layout.features, "saliency": layout.saliency}[stage]
        files = {"table": layout.stimuli(settings["stimuli"])}
        read = {stage: settings["stimuli"]}
        if kind == "recordings":
            read["fit"] = simulate["recordings"][dataset]["fit_stimuli"]
        for name, stimuli in read.items():
            store = path(settings["teacher"], stimuli)
            files |= {name: ancient(store), f"{name}_manifest": layout.manifest(store)}
        return files

    def answered(self, name: str) -> tuple[str, str]:
        """Trials that simulated people answer, and the geometry of their images."""
        stimuli = self.study.config["simulate"]["answers"][name]["stimuli"]
        return layout.trials(stimuli), layout.geometry(stimuli)

    # --- of all models ---

    def present(self, files: list[str]) -> list[str]:
        """The files; with allow_missing, those that exist."""
        missing_allowed = self.study.config["allow_missing"]
        return [file for file in files if os.path.exists(file)] if missing_allowed else files

    def scores(self) -> list[str]:
        """Score files of all models."""
        files = self.present([layout.scores(*names) for names in self.study.score_files()])
        return files + [
            layout.scores_of_all("tolerances", maps) for maps in self.study.maps if self.attacked(maps)
        ]

    def attacked(self, maps: str) -> list[str]:
        """Per-image tables of the attacks on a map set, of all networks."""
        models = [
            model
            for measure, model, dataset in self.study.score_files()
            if (measure, dataset) == ("attacks", maps) and not self.study.is_low_level(model)
        ]
        return self.present([layout.scores_per_image("attacks", model, maps) for model in models])

    def scores_of(self, model: str) -> list[str]:
        """Score files of one model."""
        return self.present(
            [
                layout.scores(measure, model, dataset)
                for measure, dataset, stimuli in self.study.benchmarks()
                if self.study.undefined(measure, model, stimuli) is None
            ]
        )

    def cards(self) -> list[str]:
        """Cards of all models."""
        return self.present(list(map(layout.card, self.study.models)))

    def data_cards(self) -> list[str]:
        """Cards of the recordings and maps that are in use."""
        study = self.study
        cards = [layout.recording_card(name) for name in study.recordings if study.enabled("neural")]
        return cards + [layout.maps_card(name) for name in study.maps if study.enabled("clickme")]

    def tables_in_use(self) -> list[str]:
        """Tables of the stimulus sets that some stage reads."""
        return [layout.stimuli(stimuli) for stimuli in sorted(self.study.in_use()["stimuli"])]

    # --- the report ---

    def galleries(self, model: str) -> list[dict[str, str]]:
        """Map sets on which the model has saliency or perturbations."""
        own = set(self.scores_of(model))
        return [
            {
                "maps": name,
                "stimuli": row["stimuli"],
                "transform": self.study.transform(model, row["stimuli"]),
            }
            for name, row in self.study.maps.items()
            if {layout.scores(measure, model, name) for measure in ("clickme", "attacks")} & own
        ]

    def of_galleries(self, model: str) -> list[str]:
        """What the galleries of a model show; its stores change only with its scores."""
        files, own = [], set(self.scores_of(model))
        for gallery in self.galleries(model):
            maps, stimuli = gallery["maps"], gallery["stimuli"]
            files += [layout.stimuli(stimuli), layout.maps(maps), layout.maps_card(maps)]
            files.append(ancient(layout.pixels(stimuli, gallery["transform"])))
            for measure, store in (("clickme", layout.saliency), ("attacks", layout.perturbations)):
                if layout.scores(measure, model, maps) in own:
                    shown = layout.saliency if self.study.is_low_level(model) else store
                    files.append(layout.scores_per_image(measure, model, maps))
                    files.append(ancient(shown(model, stimuli)))
                    if measure == "clickme":
                        files.append(layout.gallery(model, maps))
        return files

    def probes(self, model: str) -> list[dict[str, str]]:
        """Probes of a model, each with its stimuli as the model sees them."""
        own = set(self.scores_of(model))
        return [
            {
                "probe": name,
                "stimuli": row["stimuli"],
                "transform": self.study.transform(model, row["stimuli"]),
            }
            for name, row in self.study.probes.items()
            if layout.scores("probes", model, name) in own
        ]

    def of_probes(self, model: str) -> list[str]:
        """What the page of a model shows of its probes: decisions, learning curves and images."""
        files = []
        for shown in self.probes(model):
            files += [layout.decisions(model, shown["probe"]), layout.learning_curves(model, shown["probe"])]
            files.append(layout.stimuli(shown["stimuli"]))
            files.append(ancient(layout.pixels(shown["stimuli"], shown["transform"])))
        return files

    def has_probes(self) -> bool:
        """Whether the study scores probes, and so has a figure of them."""
        return any(measure == "probes" for measure, _, _ in self.study.score_files())

    def figures(self) -> list[str]:
        """Figures of several panels, which the report links to."""
        stems = [layout.FIGURE, *([layout.PROBE_FIGURE] if self.has_probes() else [])]
        return [f"{stem}.svg" for stem in stems]

    def probe_figure(self) -> list[str]:
        """The figure of probes that the report shows, or none."""
        return [f"{layout.PROBE_FIGURE}.png"] if self.has_probes() else []

    def pages(self) -> list[str]:
        """Pages of the models that have scores."""
        return [layout.page(model) for model in self.study.models if self.scores_of(model)]

    def targets(self) -> list[str]:
        """Final outputs of the stages that are switched on."""
        study, files = self.study, [layout.SCORES]
        files += [layout.TREND] if study.enabled("trend") else []
        files += [layout.REPORT] if study.enabled("report") else []
        files += [layout.METHODS] if study.enabled("trend") else []
        files += [f"{layout.FIGURE}.png", *self.probe_figure()] if study.enabled("figures") else []
        return files + ([layout.COMPARISON] if study.paired_models() and study.compared_on() else [])


def weights_of(study: Study) -> dict[str, NamedWeights]:
    """What weights are made from, for those that are not trained, by their name."""
    found: dict[str, NamedWeights] = {}
    for weights, models in study.models_of_weights.items():
        row = study.models[models[-1]]
        named: NamedWeights = {"architecture": row["architecture"], "weights": row["weights"]}
        if "source" in row:
            named["source"] = row["source"]
        found[weights] = named
    return found
