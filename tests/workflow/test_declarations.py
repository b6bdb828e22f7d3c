"""Claims about what is declared: a measure, a comparison, a reader are files of their own and a line each."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from visalign.stimuli import sources

pytestmark = pytest.mark.timeout(1200)
ROOT = Path(__file__).parents[2]
TOY = Path(__file__).parent / "toy"
LIBRARY = Path("workflow/visalign")
#: New files, and where they go.
FILES = {
    "measure.py": LIBRARY / "measures/size.py",
    "stage.py": LIBRARY / "stages/size.py",
    "rule.smk": Path("workflow/rules/size.smk"),
    "comparison.py": LIBRARY / "comparisons/constant.py",
    "reader.py": LIBRARY / "recordings/read_table.py",
}
#: Modules with a tuple, its last member, and the new one.
LINES = {
    LIBRARY / "measures/__init__.py": ("    attacks.MEASURE,\n", "    size.MEASURE,\n"),
    LIBRARY / "comparisons/__init__.py": ("    rsa.COMPARISON,\n", "    constant.COMPARISON,\n"),
    LIBRARY / "recordings/readers.py": ("    ARRAYS,\n", "    TABLE,\n"),
}
IMPORTS = {
    LIBRARY / "measures/__init__.py": ("attacks, clickme, neural", "attacks, clickme, neural, size"),
    LIBRARY / "comparisons/__init__.py": ("cka, pls, ridge, rsa", "cka, constant, pls, ridge, rsa"),
    LIBRARY / "recordings/readers.py": (
        "from visalign.recordings.reader import Reader\n",
        "from visalign.recordings.read_table import TABLE\nfrom visalign.recordings.reader import Reader\n",
    ),
}
CONFIG = """
models: {sheet: config/models/small.tsv}
stimuli: {sheet: config/stimuli.tsv}
recordings: {sheet: config/recordings.tsv}
maps: {sheet: config/maps.tsv, enabled: false}
accuracy: {stimuli: [photographs]}
neural: {metrics: [pls, constant], components: 2, shrinkage: 500, train_size: 0.7, splits: 3, inner_splits: 1}
"""
MODELS = "model\tarchitecture\tweights\tsource\tfamily\tinput_size\tlayers\n" + "".join(
    f"net{i}\t{architecture}\trandom\t{i}\tfamily{i}\t64\t{layer}\n"
    for i, (architecture, layer) in enumerate([("test_resnet", "layer3"), ("test_vit", "blocks.5")])
)


def write_study(folder):
    """Write a study of two networks and one recording, which only the new reader reads."""
    (folder / "config/config.yaml").write_text(CONFIG)
    (folder / "config/models/small.tsv").write_text(MODELS)
    header = "recording\treader\tpath\tstimuli\tregion\n"
    (folder / "config/recordings.tsv").write_text(f"{header}own\ttable\town.csv\tphotographs\tIT\n")
    ids = sources.listed({"stimuli": "photographs", "source": "photographs"}).stimulus_id
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(len(ids), 4))
    tables = [
        pd.DataFrame(signal + 0.3 * rng.normal(size=signal.shape), columns=list("abcd")).assign(
            stimulus_id=ids, repetition=repetition
        )
        for repetition in range(4)
    ]
    pd.concat(tables).to_csv(folder / "own.csv", index=False)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished study in a copy of the workflow that has the new measure, comparison and reader."""
    folder = tmp_path_factory.mktemp("declared")
    shutil.copy(ROOT / "Snakefile", folder)
    for name in ("workflow", "config", "profiles", "envs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, path in FILES.items():
        shutil.copy(TOY / name, folder / path)
    for path, (last, new) in LINES.items():
        text = (folder / path).read_text()
        named, names = IMPORTS[path]
        assert text.count(last) == text.count(named) == 1
        (folder / path).write_text(text.replace(last, last + new).replace(named, names))
    write_study(folder)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(folder / "workflow")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def scores(study):
    return pd.read_csv(study / "results/scores.csv")


def test_a_new_measure_has_its_rows(scores, study):
    own = scores[scores["benchmark"] == "size/own"].set_index("model")
    cards = {
        name: json.loads((study / f"results/models/{name}.json").read_text()) for name in ("net0", "net1")
    }
    expected = {name: np.log10(card["parameters"]) for name, card in cards.items()}
    assert own["value"].to_dict() == pytest.approx(expected)
    assert set(own["metric"]) == {"log_parameters"} and set(own["version"]) == {1}


def test_a_new_reader_and_a_new_comparison_have_their_rows(scores):
    neural = scores[scores["benchmark"] == "neural/own/IT/70-170/whole_image"]
    assert {"pls", "constant", "constant_layer", "constant_optimism"} <= set(neural["metric"])
    assert neural[neural["metric"] == "constant"]["value"].notna().all()


def test_a_new_measure_has_its_panel(study):
    panels = json.loads((study / "results/trend.json").read_text())["panels"]
    [panel] = [panel for panel in panels if panel["measure"] == "size"]
    assert {point["model"] for point in panel["points"] + panel["shown_only"]} == {"net0", "net1"}
    assert list((study / "results/figures/measures").glob("size*.png"))


def test_a_new_measure_and_a_new_comparison_are_in_the_methods(study):
    methods = (study / "results/methods.md").read_text()
    assert "**Size.** Decimal logarithm of the parameters of 2 models." in " ".join(methods.split())
    assert "training means, shrunk by 500" in " ".join(methods.split())


def test_a_new_measure_has_its_column_in_the_report(study):
    page = (study / "results/report.html").read_text()
    assert "Size of the model" in page and "log₁₀ parameters" in page


def test_the_command_line_knows_the_new_measure(study):
    done = subprocess.run(
        [sys.executable, "-m", "visalign", "--help"],
        env=os.environ | {"PYTHONPATH": str(study / "workflow")},
        capture_output=True,
        text=True,
    )
    assert "how large a model is" in done.stdout
