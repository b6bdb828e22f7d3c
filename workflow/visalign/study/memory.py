"""How much memory jobs take, from the shapes of what they read and make.

Each rule has a function of shapes below, in bytes of the peak resident memory of its process; `Memory` looks
the shapes up in a study. What a process takes before it has read anything is measured, and so are the bytes
of activations; the rest counts arrays. `MARGIN` comes on top. Retries ask for twice and three times as much.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from visalign.errors import InputError
from visalign.io.rows import ModelRow
from visalign.stimuli import sources
from visalign.study import layout
from visalign.study.costs import FEATURE_BYTES, Sizes, transform_pixels
from visalign.study.study import Study
from visalign.zoo.origins import package_weights
from visalign.zoo.weights import files_of

MB = 10**6
#: What a job takes with its imports: of the standard ones, of xarray or dask, of torch with timm. Measured:
#: 110 to 210, 255 to 310 and 750 to 820 MB.
PLAIN, ARRAYS, TORCH = 220 * MB, 320 * MB, 850 * MB
#: Memory of the host that a process with a GPU takes besides: libraries of CUDA and pinned batches. An
#: assumption.
CUDA = 3000 * MB
#: Images of a batch of `train evaluate`.
EVALUATED = 64
#: Share of a network's features that are its largest layer's, and values of a grid position in a layer.
LARGEST_LAYER, POOLED = 0.5, 2048
#: On top of everything.
MARGIN = 1.25
#: Bytes of activations of an image of 224 pixels that a gradient keeps in a network of a million parameters,
#: with what is alive beside them; they grow with the root of the parameters. Of 37 architectures of
#: config/models/timm.tsv, of 2 to 1,136 million parameters, autograd keeps 12 to 84 % of it, and 114 and
#: 121 % in two of large attention (vit_giant_patch14_dinov2, xcit_medium_24_p8_224). EfficientNet-Lite0 to
#: Lite2 took 80 to 90 % of it in runs.
ACTIVATIONS, GROWTH = 60 * MB, 0.5
#: Share of it that a pass forward has at a time, and how many times the search for perturbations.
FORWARD, SEARCH = 0.3, 1.4
#: Bytes of a block of features in float32, or of one chunk of all stimuli where that is more (`gram.matrix`);
#: of a chunk of a batch in float16 (`io.stores`); and how many times a block is there: read, shifted, shifted
#: in float64. A block of 600 MB took 1.8 times its size where float32 was enough.
BLOCK, CHUNK, COPIES = 128 << 20, 4 << 20, 2.5
#: Bytes of relations of several layers at a time (`neural.similarity_scores`), and how many layers may be.
RELATIONS, LAYERS = 512 << 20, 24
#: Bytes of one processed map.
MAP = 4 * 64**2
#: Bytes of an image whose features are probed, and trials beyond which features are fewer.
PROBED, LARGEST_PROBE = 120_000, 4000
#: Bytes of a stimulus table by row, as text and in memory.
ROW = 3000
#: Bytes of a panel of a figure as it is drawn: 19 of them took 290 MB.
PANEL = 20 * MB
#: Where nothing says how large it is: parameters of a network, bytes of a recording.
PARAMETERS, RECORDING = 30_000_000, 160 * MB
#: Rows of a batch where the config leaves it to the command, on a CPU and on a GPU: of features, of attacks.
FEATURE_ROWS, ATTACK_ROWS = (32, 1024), (8, 64)


def machine_mb(limits: Iterable[str | Path] = ("/sys/fs/cgroup/memory.max",)) -> int:
    """Memory of this machine in MB, or of the container that holds this process."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in limits:
        with suppress(OSError, ValueError):  # no such file, or "max"
            found.append(int(Path(limit).read_text()))
    return min(found) // MB


# --- of networks ---


def activations(parameters: float, pixels: float) -> float:
    """Bytes of activations of an image that a gradient with respect to it keeps."""
    return ACTIVATIONS * (parameters / 1e6) ** GROWTH * pixels / 224**2


def weights(parameters: float) -> float:
    """Bytes of a network that is loaded: the file's and its own."""
    return 8 * parameters


def gradient(parameters: float, pixels: float, batch: int, gpu: bool) -> float:
    """A network that is differentiated with respect to a batch of images."""
    activated = 0 if gpu else batch * activations(parameters, pixels)
    return TORCH + CUDA * gpu + weights(parameters) + activated + 20 * batch * pixels


def forward(parameters: float, pixels: float, batch: int, recorded: float, gpu: bool) -> float:
    """A network that is shown batches, of which `recorded` bytes an image are kept in float16.

    Two batches are there at a time, in float32.
    """
    alive = 0 if gpu else FORWARD * batch * activations(parameters, pixels)
    shown = (6 if gpu else 40) * pixels  # as bytes, of which a GPU makes floats
    return TORCH + CUDA * gpu + weights(parameters) + alive + batch * (4 * recorded + shown)


def training(parameters: float, pixels: float, batch: int, devices: int, maps: int, gpu: bool) -> float:
    """Training: weights, gradients, two moments; activations of a gradient of a gradient; cached images."""
    activated = 0 if gpu else 2 * batch * activations(parameters, pixels)
    each = TORCH + CUDA * gpu + 24 * parameters + activated + 40 * batch * pixels
    return devices * each + (512 << 20) + maps * MAP


# --- of arrays ---


def pixels_of(images: int, pixels: int, threads: int) -> float:
    """Images decoded, transformed and stored in batches of 64; those that are decoded may be of 50 MB."""
    return PLAIN + images * ROW + 64 * 6 * pixels + threads * 50 * MB


def grams(rows: int, values: float, batch: int, threads: int) -> float:
    """Gram matrices of features of `values` each: products by block in float64, blocks on every thread.

    Parameters
    ----------
    rows : int
        Stimuli, or positions.
    values : float
        Of the largest layer, of a row.
    batch : int
        Stimuli of a chunk of the store of features.
    """
    block = min(4 * rows * values, max(BLOCK, 2 * CHUNK * rows / batch))
    parts = min(threads + 3, -(-4 * rows * values // max(block, 1)) + 2)
    return ARRAYS + threads * COPIES * block + parts * 8 * rows**2 + 4 * rows**2


def predictions(rows: int, recording: float, threads: int) -> float:
    """Scores from Gram matrices: each thread has one, its training part, what solves it, or several."""
    square = 8 * rows**2
    return ARRAYS + threads * (5 * square + min(RELATIONS, LAYERS * square)) + 4 * recording


def recorded(source: float) -> float:
    """A recording in its form, and its ceilings: copies of the file's responses, halves in float64."""
    return ARRAYS + 5 * source


def maps_of(images: int) -> float:
    """Human maps read and written: in a list, in one array, and in the file's bytes twice."""
    return ARRAYS + images * (5 * MAP + ROW)


def compared(images: int, pixels: int) -> float:
    """Maps of a model against all human maps, a batch of 64 at a time, ranks and block means in float64."""
    return PLAIN + images * (2 * MAP + ROW) + 64 * 8 * 10 * pixels


def of_all(models: int) -> float:
    """Tables and pages of the whole study."""
    return PLAIN + models * MB


# --- of the jobs of a study ---


class Memory(Sizes):
    """Memory of the jobs of a study.

    Parameters
    ----------
    study : Study
    results : Path
        Folder in which numbers of images and of parameters are looked up, where a run made them.
    gpu : bool, optional
        Whether networks run on a GPU; None where it is not known here, on a cluster: then what takes more.
    """

    def __init__(self, study: Study, results: Path = Path(layout.RESULTS), gpu: bool | None = False) -> None:
        super().__init__(study, results)
        self.gpu = bool(gpu)
        self.elsewhere = Memory(study, results, gpu=True) if gpu is None else None
        self.counted: dict[str, int] = {}
        self.of_architecture: dict[str, int] = {}

    def mb(self, rule: str, names: tuple[str, ...], threads: int = 1) -> int:
        """Memory that a job asks for, in MB of 10⁶ bytes, whole hundreds.

        Parameters
        ----------
        names : tuple of str
            Of the job: its wildcards, in their order.
        """
        return 100 * -(-round(MARGIN * self.peak(rule, names, threads)) // (100 * MB))

    def peak(self, rule: str, names: tuple[str, ...], threads: int = 1) -> float:
        """Bytes of a job's peak without margin; jobs that no function is about take what imports take."""
        own = OF_RULES[rule](self, threads, *names) if rule in OF_RULES else PLAIN
        return own if self.elsewhere is None else max(own, self.elsewhere.peak(rule, names, threads))

    def of(self, rule: str) -> Callable[..., int]:
        """Memory of a rule's jobs, as a function of what Snakemake knows of them; a retry asks for more."""

        def asked(wildcards: Iterable[str], threads: int, attempt: int) -> int:
            return attempt * self.mb(rule, tuple(wildcards), threads)

        return asked

    def faults(self, jobs: Iterable[tuple[str, tuple[str, ...], int]], limit: int) -> list[str]:
        """Say which jobs do not fit.

        Parameters
        ----------
        jobs : iterable of (rule, names, threads)
        limit : int
            MB that a job may take where jobs run.
        """
        needed = {(rule, names): self.mb(rule, names, threads) for rule, names, threads in jobs}
        return [
            f"{'/'.join([rule, *names])}: takes about {own} MB of memory, and {limit} MB are there: smaller "
            "batches, fewer images, a larger machine, or, where it has more: --resources mem_mb=..."
            for (rule, names), own in needed.items()
            if own > limit
        ]

    # --- shapes ---

    def images(self, stimuli: str) -> int:
        """Number of images of a set: as a run or its files say, else its sheet."""
        if stimuli not in self.counted:
            self.counted[stimuli] = self._count(stimuli)
        return self.counted[stimuli]

    def _count(self, stimuli: str) -> int:
        clicks = self.study.config["simulate"]["clicks"]
        if (self.results / "stimuli" / f"{stimuli}.csv").exists():
            return super().images(stimuli)
        if stimuli in clicks:  # the shards show the images that were clicked on
            return self.images(clicks[stimuli]["stimuli"])
        with suppress(InputError, OSError, KeyError):
            return len(sources.listed(self.study.stimuli[stimuli]).stimulus_id)
        return super().images(stimuli)

    def parameters(self, model: str) -> int:
        """Number of parameters: of sheet or card, or of a weight file of its architecture; else a guess."""
        with suppress(InputError, OSError, KeyError):
            return super().parameters(model)
        architecture = self.study.models[model]["architecture"]
        if architecture not in self.of_architecture:
            rows = [row for row in self.study.models.values() if row["architecture"] == architecture]
            sizes = [file.stat().st_size // 4 for row in rows for file in weight_files(row) if file.is_file()]
            self.of_architecture[architecture] = max(sizes, default=PARAMETERS)
        return self.of_architecture[architecture]

    def maps(self, maps: str) -> int:
        """Number of maps of a set: that of its images."""
        return self.images(self.study.stimuli_of(maps))

    def recording(self, recording: str, internal: bool) -> float:
        """Bytes of the responses of a recording, of its file or in its internal form; else `RECORDING`."""
        own = self.results / "recordings" / f"{recording}.nc"
        source = Path(self.study.recordings[recording]["path"])
        for file in (own, source) if internal else (source,):
            with suppress(OSError):
                return float(os.path.getsize(file))
        return RECORDING

    def batch(self, stage: str, automatic: tuple[int, int]) -> int:
        """Images of a batch: as the config asks, or what a command takes on a CPU and on a GPU."""
        asked = self.study.section(stage)["batch_size"]
        return asked if isinstance(asked, int) else automatic[self.gpu]

    def feature_bytes(self, model: str) -> float:
        """Bytes of the layers of an image, as they are stored."""
        return FEATURE_BYTES * self.pixels(model) / 224**2


def weight_files(row: ModelRow) -> list[Path]:
    """Files of the weights of a row that are here before they are fetched or made."""
    if row["weights"] != "package":
        return files_of(row)
    with suppress(InputError):
        return [package_weights(row.get("source", ""))]
    return []


# --- rules: (memory, threads, *names) -> bytes ---


def _stimuli(memory: Memory, threads: int, stimuli: str) -> float:
    return pixels_of(memory.images(stimuli), 0, threads)


def _preprocess(memory: Memory, threads: int, stimuli: str, transform: str) -> float:
    return pixels_of(memory.images(stimuli), transform_pixels(transform), threads)


def _weights(memory: Memory, _: int, name: str) -> float:
    found = map(memory.parameters, memory.study.models_of_weights.get(name, []))
    return TORCH + 2 * weights(max(found, default=PARAMETERS))


def _features(memory: Memory, _: int, model: str, stimuli: str) -> float:
    batch, pixels = memory.batch("features", FEATURE_ROWS), memory.pixels(model)
    if memory.study.is_low_level(model):
        return ARRAYS + 200 * batch * pixels
    recorded = memory.feature_bytes(model) if memory.study.needs_layers(stimuli) else 0
    return forward(memory.parameters(model), pixels, batch, recorded, memory.gpu)


def _saliency(memory: Memory, _: int, model: str, stimuli: str) -> float:
    batch, pixels = memory.batch("saliency", ATTACK_ROWS), memory.pixels(model)
    if memory.study.is_low_level(model):
        return ARRAYS + 200 * batch * pixels
    table = ROW * memory.images(stimuli)
    return gradient(memory.parameters(model), pixels, batch, memory.gpu) + table


def _perturb(memory: Memory, _: int, model: str, stimuli: str) -> float:
    batch, pixels = memory.batch("attacks", ATTACK_ROWS), memory.pixels(model)
    own = gradient(memory.parameters(model), pixels, batch, memory.gpu)
    searched = 0 if memory.gpu else batch * activations(memory.parameters(model), pixels)
    # The images that are attacked, and their perturbations, in float32.
    held = 2 * 3 * 4 * memory.attacked(stimuli) * pixels
    return own + (SEARCH - 1) * searched + held + ROW * memory.images(stimuli)


def _curve(memory: Memory, threads: int, model: str, maps: str) -> float:
    stimuli = memory.study.stimuli_of(maps)
    budgets = max(len(memory.study.config["attacks"]["budgets"]), 1)
    # Human maps at the input in float32, and perturbations of further budgets in float16.
    held = 3 * (4 + 2 * (budgets - 1)) * memory.attacked(stimuli) * memory.pixels(model)
    return _perturb(memory, threads, model, stimuli) + held + 2 * MAP * memory.maps(maps)


def _reveal(memory: Memory, _: int, model: str, maps: str) -> float:
    settings = memory.study.section("clickme")["revelation"]
    pixels, table = memory.pixels(model), (2 * MAP + ROW) * memory.maps(maps)
    shown = min(settings["count"] or sys.maxsize, memory.maps(maps))
    levels = forward(memory.parameters(model), pixels, settings["batch_size"], 0, memory.gpu)
    return levels + table + 8 * shown * pixels


def _fit(memory: Memory, _: int, model: str) -> float:
    recipe, settings = memory.study.trained[model], memory.study.section("train")
    maps, pixels = memory.maps(recipe["maps"]), memory.pixels(model)
    devices = settings["devices"]
    batch = -(-recipe["batch_size"] // devices)
    return training(memory.parameters(model), pixels, batch, devices, maps, memory.gpu)


def _evaluate(memory: Memory, _: int, model: str, maps: str) -> float:
    own = gradient(memory.parameters(model), memory.pixels(model), EVALUATED, memory.gpu)
    return own + (2 * MAP + ROW) * memory.maps(maps)


def _gram(memory: Memory, threads: int, model: str, stimuli: str, protocol: str) -> float:
    images, rows = memory.images(stimuli), memory.rows(stimuli, protocol)
    values = memory.feature_bytes(model) / 2 * LARGEST_LAYER
    batch = memory.batch("features", FEATURE_ROWS)
    if rows == images:
        return grams(rows, values, batch, threads)
    return (
        grams(rows, POOLED, batch, threads) + 4 * rows * POOLED + 4 * images * values
    )  # positions, and the layer


def _neural(memory: Memory, threads: int, model: str, recording: str) -> float:
    rows = memory.rows(memory.study.recordings[recording]["stimuli"], memory.study.protocol(recording))
    return predictions(rows, memory.recording(recording, internal=True), threads)


def _probes(memory: Memory, _: int, model: str, probe: str) -> float:
    images = memory.images(memory.study.probes[probe]["stimuli"])
    return PLAIN + PROBED * images + 24 * min(images, LARGEST_PROBE) ** 2


def _read_maps(memory: Memory, _: int, maps: str) -> float:
    return maps_of(memory.maps(maps))


def _ceilings(memory: Memory, _: int, maps: str, transform: str) -> float:
    return compared(memory.maps(maps), transform_pixels(transform))


def _compared(memory: Memory, _: int, model: str, maps: str) -> float:
    return compared(memory.maps(maps), memory.pixels(model))


def _figures(memory: Memory, _: int) -> float:
    study = memory.study
    windows = [len(row.get("windows", "").split(",")) for row in study.recordings.values()]
    return of_all(len(study.models)) + PANEL * (sum(windows) + 3 * len(study.maps))


def _of_all(memory: Memory, _: int, *names: str) -> float:
    return of_all(len(memory.study.models))


#: Rule -> bytes of its jobs. Others take what imports take.
OF_RULES: dict[str, Callable[..., float]] = {
    "stimuli": _stimuli,
    "preprocess": _preprocess,
    "models_weights": _weights,
    "train_fit": _fit,
    "train_evaluate": _evaluate,
    "train_compare": _of_all,
    "features": _features,
    "accuracy": lambda memory, _, model, stimuli: PLAIN + (ROW + 8000) * memory.images(stimuli),
    "gram": _gram,
    "recordings": lambda memory, _, recording: recorded(memory.recording(recording, internal=False)),
    "neural": _neural,
    "probes": _probes,
    "maps_read": _read_maps,
    "maps_ceilings": _ceilings,
    "saliency": _saliency,
    "clickme_score": _compared,
    "clickme_reveal": _reveal,
    "clickme_gallery": _compared,
    "attacks_perturb": _perturb,
    "attacks_score": _compared,
    "attacks_control": _compared,
    "attacks_curve": _curve,
    "tolerances": _of_all,
    "scores": _of_all,
    "trend": _of_all,
    "figures": _figures,
    "methods": _of_all,
    "report_model": lambda memory, _, model: 2 * PLAIN,
    "report_study": _of_all,
    "simulate_recordings": lambda *_: 2 * PLAIN,
    "simulate_grid": lambda *_: 2 * PLAIN,
    "simulate_clicks": lambda *_: 2 * PLAIN,
    "simulate_answers": lambda *_: PLAIN,
}
