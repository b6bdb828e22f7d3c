"""Small models, stimuli and stores that several tests need."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from visalign import cli
from visalign.io import stores


@dataclass(frozen=True)
class ModelFiles:
    """Card and weights of a model, as the stage models writes them."""

    card: str
    weights: str

    @property
    def facts(self) -> dict:
        return json.loads(Path(self.card).read_text())

    def arguments(self) -> list[str]:
        return ["--card", self.card, "--weights", self.weights]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Callable[..., ModelFiles]:
    """Random weights of one of timm's test architectures, at 64 pixels unless told otherwise."""
    made: dict[tuple, ModelFiles] = {}

    def make(architecture: str = "test_resnet", size: int = 64) -> ModelFiles:
        from visalign.zoo import origins

        key = (architecture, size)
        if key not in made:
            folder = tmp_path_factory.mktemp("model")
            files = ModelFiles(str(folder / "model.json"), str(folder / "model.safetensors"))
            config = origins.data_config(architecture) | {"input_size": [3, size, size]}
            arguments = ["--model", "tiny", "--architecture", architecture, "--weights", "random"]
            arguments += ["--source", "0", "--data-config", json.dumps(config)]
            cli.main(["models", "weights", *arguments, "--output", files.weights, "--card", files.card])
            made[key] = files
        return made[key]

    return make


@pytest.fixture
def refused(capsys) -> Callable[..., list[str]]:
    """Run a command that must end with status 2; returns the lines that it writes to stderr."""

    def run(*arguments: object) -> list[str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main(list(map(str, arguments)))
        assert stop.value.code == 2
        return capsys.readouterr().err.splitlines()

    return run


@pytest.fixture
def known_models(monkeypatch) -> Callable[[dict], list]:
    """Let timm know every row of a model sheet without asking it; the rows of each call come to a list."""
    from visalign.zoo import facts as model_facts

    def know(data_config: dict, **more: object) -> list:
        asked: list[list[dict]] = []
        facts = {"num_classes": 1000, "problem": None, "unavailable": None, "fetched": False, **more}

        def ask(rows: list[dict]) -> list[dict]:
            asked.append(rows)
            return [{"data_config": data_config, **facts} for _ in rows]

        monkeypatch.setattr(model_facts, "ask", ask)
        return asked

    return know


@pytest.fixture(scope="session")
def write_pixels() -> Callable[..., list[str]]:
    """Write a store of preprocessed stimuli; returns the command-line arguments that name it."""

    def write(folder: Path, values: np.ndarray) -> list[str]:
        path, manifest = folder / "pixels.zarr", folder / "pixels.json"
        group = stores.open_partial(path, {})
        array = stores.create_array(
            group, "pixels", values.shape, np.uint8, ("stimulus", "channel", "y", "x"), rows=64
        )
        array[:] = values
        stores.write_strings(group, "stimulus_id", [f"s{i}" for i in range(len(values))], "stimulus")
        stores.publish(path, manifest, {})
        return ["--pixels", str(path), "--pixels-manifest", str(manifest)]

    return write


@pytest.fixture(scope="session")
def noise_images() -> np.ndarray:
    """Ten images of noise, uint8 (10, 3, 64, 64)."""
    return np.random.default_rng(0).integers(0, 256, size=(10, 3, 64, 64), dtype=np.uint8)


@pytest.fixture
def cloud() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sixty noisy models of seven families that rise to x = .6 and fall beyond."""
    rng = np.random.default_rng(0)
    x, families = rng.uniform(size=60), np.arange(60) % 7
    y = 2 * np.minimum(x, 0.6) - 3 * np.maximum(x - 0.6, 0) + 0.2 * rng.standard_normal(60)
    return x, y + 0.2 * rng.standard_normal(7)[families], families
