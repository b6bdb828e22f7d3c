"""Claims about the memory of jobs: autograd keeps no more, shapes scale it, what cannot fit is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from visalign.study import memory
from visalign.study.memory import MB, Memory, activations

ROOT = Path(__file__).parents[3]
SIDE = 224**2


def kept_by_autograd(architecture: str) -> tuple[float, int]:
    """Bytes that a gradient with respect to one image keeps, without values, and pixels of the image."""
    import timm
    import torch

    with torch.device("meta"):
        model = timm.create_model(architecture, pretrained=False).eval().requires_grad_(False)
        own = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers())}
        side = model.pretrained_cfg["input_size"][-1]
        kept: dict[int, torch.Tensor] = {}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            kept.setdefault(tensor.untyped_storage()._cdata, tensor)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            model(torch.zeros(1, 3, side, side, requires_grad=True))
    return sum(t.untyped_storage().nbytes() for key, t in kept.items() if key not in own), side**2


ARCHITECTURES = (
    "tf_efficientnet_lite0 resnet10t mobilenetv3_large_100 vit_tiny_patch16_224 densenet161".split()
)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_autograd_keeps_is_within_the_forecast(architecture):
    import timm
    import torch

    with torch.device("meta"):
        parameters = sum(p.numel() for p in timm.create_model(architecture, pretrained=False).parameters())
    kept, pixels = kept_by_autograd(architecture)
    assert 0.1 * activations(parameters, pixels) < kept < activations(parameters, pixels)


def test_activations_go_with_pixels_and_the_root_of_parameters():
    assert activations(1e6, SIDE) == pytest.approx(60 * MB)
    assert activations(4e6, 2 * SIDE) == pytest.approx(240 * MB)


def test_each_image_of_a_batch_costs_its_activations():
    one, two = (memory.gradient(1e6, SIDE, batch, gpu=False) for batch in (1, 2))
    assert two - one == pytest.approx(60 * MB + 20 * SIDE)
    on_gpu = [memory.gradient(1e6, SIDE, batch, gpu=True) for batch in (1, 2)]
    assert on_gpu[1] - on_gpu[0] == 20 * SIDE  # its memory holds them
    assert memory.forward(1e6, SIDE, 8, 0, gpu=False) < memory.gradient(1e6, SIDE, 8, gpu=False)


def test_gram_matrices_cost_their_blocks_and_their_squares():
    """3,200 stimuli of 600,000 values: blocks, and at most four matrices of 82 MB and the product of one."""
    squares = 4 * 8 * 3200**2 + 4 * 3200**2
    taken = memory.grams(3200, 600_000, batch=1024, threads=1) - memory.ARRAYS
    assert taken == 2.5 * 2**27 + squares
    assert memory.grams(3200, 600_000, batch=1024, threads=2) - taken > memory.ARRAYS + 2.5 * 2**27
    # Of batches of 32, a chunk of 4 MiB holds 65,536 values of each stimulus, which are read together.
    chunks = memory.grams(3200, 600_000, batch=32, threads=1) - memory.ARRAYS
    assert chunks == 2.5 * 4 * 3200 * 65_536 + squares
    assert memory.grams(20, 100, batch=32, threads=1) - memory.ARRAYS < MB


def test_maps_cost_their_bytes_whatever_the_images_show():
    assert memory.maps_of(1001) - memory.maps_of(1) == 1000 * (5 * 64 * 64 * 4 + memory.ROW)
    assert memory.compared(10, 2 * SIDE) - memory.compared(10, SIDE) == 64 * 80 * SIDE


def test_the_limit_of_a_container_is_that_of_the_machine(tmp_path):
    whole = memory.machine_mb(())
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "small").write_text("512000000\n")
    assert memory.machine_mb([tmp_path / "max", tmp_path / "absent"]) == whole > 512
    assert memory.machine_mb([tmp_path / "small"]) == 512


@pytest.fixture
def study(tmp_path, monkeypatch, known_models):
    from studies import DATA_CONFIG, SMALL, load, write

    monkeypatch.chdir(tmp_path)
    known_models(DATA_CONFIG)
    return load(write(SMALL))


def test_every_rule_with_jobs_of_its_own_has_a_forecast():
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    rules = set(re.findall(r"^rule (\w+):", text, re.M))
    assert memory.OF_RULES.keys() <= rules
    assert rules - memory.OF_RULES.keys() == {"downloads", "models_card", "train_apart", "train_rows"}


def test_jobs_are_sized_by_their_names(study):
    own = Memory(study, Path("results"))
    assert own.images("photographs") == 20  # as its source lists them
    Path("results/stimuli").mkdir(parents=True)
    Path("results/stimuli/scenes.csv").write_text("stimulus_id\na\nb\nc\n")
    assert own.images("scenes") == 3  # as a run counted them
    assert own.parameters("a") == memory.PARAMETERS
    small, large = own.peak("saliency", ("b", "photographs")), own.peak("saliency", ("a", "photographs"))
    per_pixel = study.config["saliency"]["batch_size"] * (activations(memory.PARAMETERS, 1) + 20)
    assert large - small == pytest.approx(per_pixel * (160**2 - 64**2))
    assert own.mb("saliency", ("a", "photographs")) % 100 == 0
    assert own.mb("saliency", ("a", "photographs")) * MB >= memory.MARGIN * large


def test_on_a_cluster_a_job_gets_what_a_cpu_or_a_gpu_takes(study):
    both, jobs = Memory(study, gpu=None), [("features", ("a", "scenes")), ("saliency", ("a", "photographs"))]
    for rule, names in [*jobs, ("gram", ("a", "scenes", "whole_image"))]:
        each = [Memory(study, gpu=gpu).peak(rule, names) for gpu in (False, True)]
        assert both.peak(rule, names) == max(each)
        assert (each[0] < each[1]) == (rule != "gram")  # a GPU's libraries, for networks only


def test_a_recording_is_as_large_as_its_file(study):
    own = Memory(study, Path("results"))
    unknown = own.peak("recordings", ("it",))
    assert unknown == memory.recorded(memory.RECORDING)
    Path("it.nc").write_bytes(bytes(10**6))
    assert own.peak("recordings", ("it",)) == memory.recorded(10**6)
    Path("results/recordings").mkdir(parents=True)
    Path("results/recordings/it.nc").write_bytes(bytes(3 * 10**6))
    rows = own.images("scenes")
    assert own.peak("neural", ("a", "it")) == memory.predictions(rows, 3 * 10**6, 1)


def test_retries_ask_for_more_and_what_cannot_fit_is_told(study):
    own, names = Memory(study), ("a", "photographs")
    needed = own.mb("saliency", names)
    asked = own.of("saliency")
    assert [asked(names, 1, attempt) for attempt in (1, 2, 3)] == [needed, 2 * needed, 3 * needed]
    jobs = [("saliency", names, 1), ("models_card", ("a",), 1)]
    assert own.faults(jobs, needed) == []
    (fault,) = own.faults(jobs, needed - 1)
    assert fault.startswith(f"saliency/a/photographs: takes about {needed} MB of memory, and {needed - 1} MB")


def test_a_network_is_as_large_as_a_weight_file_of_its_architecture(study):
    row = study.models["a"]
    study.models["b"] |= {"weights": "file", "source": "weights.pth"}
    Path("weights.pth").write_bytes(bytes(4000))
    assert row["weights"] == "random" and Memory(study).parameters("a") == 1000
    row["parameters"] = 7
    assert Memory(study).parameters("a") == 7
