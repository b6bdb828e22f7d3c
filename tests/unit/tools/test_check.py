"""Claims about the check of a study before it runs: every fault at once, and none where all is right."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file

from visalign.cli import main
from visalign.io.sheets import read_config
from visalign.study import check
from visalign.study.study import CACHE, Study

ROOT = Path(__file__).parents[3]
SHEETS = {
    "models": (
        "model\tarchitecture\tweights\tsource\tinput_size\tlabel_space\n"
        "net\ttest_resnet\trandom\t0\t\t\n"
        "own\ttest_resnet\tfile\tnet.safetensors\t\t\n"
        "vit\ttest_vit\trandom\t0\t\t\n"
        "words\ttest_resnet\trandom\t0\t\twords\n"
    ),
    "stimuli": (
        "stimuli\tsource\tpath\tlabels\tlabel_space\n"
        "photos\tfolder\tphotos\tphotos.csv\timagenet-1k\n"
        "views\tfolder\tviews\tviews.csv\timagenet-1k\n"
        "classes\tfolder\tclasses\t\timagenet-1k\n"
        "simulated\ttfrecord\tresults/simulate/clicks.tfrecords\t\timagenet-1k\n"
    ),
    "recordings": "recording\treader\tpath\tstimuli\nsites\tarrays\tsites/card.yaml\tphotos\n",
    "maps": "maps\treader\tpath\tlabels\tstimuli\npeople\tfolder\tmaps\tpeople.csv\tphotos\n",
}
NAMES = [f"image{number}.png" for number in range(4)]
LABELS = "name,label\n" + "".join(f"{name},{label}\n" for label, name in enumerate(NAMES))


def write_images(folder, mode, names=NAMES, size=(32, 24)):
    Path(folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in names:
        pixels = rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(Path(folder, name))


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """A study that is right, of labelled images, recorded and clicked on; its models have been looked up."""
    folder = tmp_path_factory.mktemp("study")
    here = Path.cwd()
    os.chdir(folder)
    try:
        for name, text in SHEETS.items():
            Path(f"{name}.tsv").write_text(text)
        for name, mode in (
            ("photos", "RGB"),
            ("views", "RGB"),
            ("classes/12", "RGB"),
            ("classes/40", "RGB"),
            ("maps", "L"),
        ):
            write_images(name, mode)
        for name in ("photos", "views", "people"):
            Path(f"{name}.csv").write_text(LABELS)
        Path("sites").mkdir()
        np.save("sites/r.npy", np.random.default_rng(0).normal(size=(4, 3)))
        card = {"responses": "r.npy", "stimulus_ids": NAMES, "time_bins": [[70, 170]]}
        Path("sites/card.yaml").write_text(yaml.safe_dump(card))
        save_file(timm.create_model("test_resnet").state_dict(), "net.safetensors")
        config = {name: {"sheet": f"{name}.tsv"} for name in SHEETS}
        Path("study.yaml").write_text(
            yaml.safe_dump(config | {"accuracy": {"stimuli": ["photos", "classes", "views", "simulated"]}})
        )
        Study.load(read_config("study.yaml"), "study.yaml", CACHE)
    finally:
        os.chdir(here)
    return folder


@pytest.fixture
def study(right, tmp_path, monkeypatch):
    """A copy of it in the current folder, for a test to change."""
    shutil.copytree(right, tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study")


def edit(path, old, new):
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def append(path, line):
    with Path(path).open("a") as file:
        file.write(line + "\n")


def checked(capsys, *, refused=False):
    """Run the command; return what it prints, and the faults that it tells."""
    capsys.readouterr()
    if refused:
        with pytest.raises(SystemExit) as end:
            main(["check", "study.yaml"])
        assert end.value.code == 2
    else:
        main(["check", "study.yaml"])
    out, err = capsys.readouterr()
    prefix = "visalign check: error: "
    return out, [line.removeprefix(prefix) for line in err.splitlines() if line.startswith(prefix)]


def test_a_study_that_is_right_has_no_fault_and_says_what_it_measures_and_what_not(study, capsys):
    Path("photos/notes.txt").write_text("the camera was on a tripod")
    out, faults = checked(capsys)
    assert faults == [] and out.endswith("nothing is wrong\n")
    kept, left = out.split("left out:")
    for line in ("accuracy   photos: 3 models", "neural     sites: 4 models", "clickme    people: 3 models"):
        assert line in kept
    reason = "1 models: label space imagenet-1k of photos is not the model's words"
    assert f"accuracy   photos: {reason}" in left and f"attacks    people: {reason}" in left
    assert "photos: 1 files: notes.txt" in left and "results/simulate/clicks.tfrecords" in left


def plant_a_label():
    edit("views.csv", "image1.png,1", "image1.png,1.5")


def plant_a_broken_image():
    Path("photos/image2.png").write_bytes(b"\x89PNG\r\n\x1a\n")


def plant_weights():
    state = load_file("net.safetensors")
    save_file({f"{name}.old": tensor for name, tensor in state.items()}, "net.safetensors")


def plant_square_maps():
    write_images("squares", "L", size=(32, 32))
    edit("maps.tsv", "\tmaps\t", "\tsquares\t")


def plant_a_curve():
    edit("study.yaml", "accuracy:", "clickme: {revelation: {human_curve: curve.csv}}\naccuracy:")


#: What is planted, and how the fault is told.
PLANTED = (
    (lambda: append("study.yaml", "acuracy: {}"), "study.yaml: acuracy: unknown key"),
    (lambda: append("study.yaml", "attacks: {budget: 5}"), "study.yaml: attacks.budget: 5 is less than"),
    (
        lambda: append("models.tsv", "more\ttest_resnet\trandm\t0"),
        "models.tsv:6: weights: 'randm' is not one of",
    ),
    (
        lambda: append("recordings.tsv", "more\tarrays\tsites/card.yaml\tphoto"),
        "recordings.tsv: more: stimuli: 'photo' is unknown (known: photos",
    ),
    (
        lambda: edit(
            "maps.tsv", "people.csv\tphotos", "people.csv\tphotos\ngone\tfolder\tgone\tpeople.csv\tphotos"
        ),
        "maps.tsv: gone: gone: no such file or folder",
    ),
    (plant_a_label, "views.csv: label: line 3: '1.5' is not a whole number"),
    (plant_a_broken_image, "photos/image2.png: not a readable image"),
    (
        lambda: Path("classes/40").rename("classes/forty"),
        "classes: class folders are named by index and word: '12' beside 'forty'",
    ),
    (
        lambda: edit("sites/card.yaml", "image3.png", "image3"),
        "sites/card.yaml: stimulus_id: 1 of 4 not in the stimulus set photos, first 'image3': "
        "there is 'image3.png' (one of 4)",
    ),
    (lambda: shutil.copy("maps/image0.png", "maps/image0.tif"), "maps: image0.png: 2 maps of this name"),
    (plant_weights, "models.tsv: own: source: net.safetensors: "),
    (
        lambda: edit("models.tsv", "test_vit\trandom\t0\t", "test_vit\trandom\t0\t17"),
        "models.tsv: vit: input_size: 17: ",
    ),
)


def test_all_faults_are_told_at_once_and_nothing_else(study, capsys):
    for plant, _ in PLANTED:
        plant()
    _, faults = checked(capsys, refused=True)
    assert [told for _, told in PLANTED if not any(fault.startswith(told) for fault in faults)] == []
    assert len(faults) == len(PLANTED)


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (
            lambda: edit("people.csv", "image1.png,1", "image1.png,7"),
            "people.csv: label: 7 for 'image1.png', where the stimulus set photos has 1",
        ),
        (lambda: edit("people.csv", "image3.png,3\n", ""), "maps: stimulus_id: 1 of 4 not in the maps"),
        (plant_square_maps, "squares/image0.png: the map has 32 × 32 pixels"),
        (lambda: np.save("sites/r.npy", np.ones((5, 3))), "sites/card.yaml: stimulus_id: 4 values"),
        (plant_a_curve, "curve.csv: no such file"),
    ],
)
def test_a_mismatch_between_files_is_a_fault(study, capsys, plant, told):
    plant()
    _, faults = checked(capsys, refused=True)
    assert len(faults) == 1 and faults[0].startswith(told)


def test_files_that_no_stage_reads_are_not_asked_for(study, capsys):
    append("stimuli.tsv", "unused\tfolder\tgone")
    shutil.rmtree("sites")
    edit("study.yaml", "accuracy:", "neural: {enabled: false}\naccuracy:")
    out, faults = checked(capsys)
    assert faults == [] and "neural     sites: 4 models: stage neural is switched off" in out


def test_what_a_study_makes_itself_is_not_checked_since_a_run_makes_it_anew(study, capsys):
    Path("results/simulate").mkdir()
    Path("results/simulate/clicks.tfrecords").write_bytes(b"of an earlier config, and cut")
    assert checked(capsys)[1] == []


def test_a_state_that_was_right_is_not_checked_again_before_a_run_and_a_changed_file_is(study):
    def faults():
        found = []
        check.before_run(Study.load(read_config("study.yaml"), "study.yaml", CACHE), found, "clean.json")
        return found

    assert faults() == []
    times = os.stat("views.csv")
    text = Path("views.csv").read_text()
    Path("views.csv").write_text(text.replace("image1.png,1", "image1.png,x"))
    os.utime("views.csv", ns=(times.st_atime_ns, times.st_mtime_ns))  # neither size nor time tells
    assert faults() == []
    os.utime("views.csv")
    assert (
        [fault.split(":")[0] for fault in faults()]
        == ["views.csv"]
        == [fault.split(":")[0] for fault in faults()]
    )
    Path("views.csv").write_text(text)
    Path("photos/more.png").write_bytes(Path("photos/image0.png").read_bytes()[:9])
    assert faults() == []  # a table says which images there are
    Path("classes/12/more.png").write_bytes(b"")
    assert [fault.split(":")[0] for fault in faults()] == ["classes/12/more.png"]


def test_snakemake_refuses_a_study_with_faults_before_the_first_job_unless_told_not_to_check(study):
    plant_a_label()
    edit("study.yaml", "  - simulated\n", "")  # which nothing here makes
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-n",
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--configfile",
        "study.yaml",
    ]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode and "views.csv: label: line 3: '1.5'" in refused.stdout + refused.stderr
    unchecked = subprocess.run([*command, "--config", "check=False"], capture_output=True, text=True)
    assert unchecked.returncode == 0, unchecked.stderr[-2000:]


def test_what_is_known_of_models_is_checked_without_torch(study):
    code = "import sys, visalign.cli as cli; cli.main(['check', 'study.yaml']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False", done.stderr
