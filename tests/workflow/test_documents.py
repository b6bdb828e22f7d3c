"""Claims about docs/add-a-*.md: what they say works as it stands.

A block of code whose first line names a file is that file; rows of a sheet are added to it. Lines of a diff
are replaced, and commands run, in a copy of the repository.
"""

import csv
import io
import json
import os
import re
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
DOCUMENTS = sorted(path.stem for path in (ROOT / "docs").glob("add-a-*.md"))


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


def blocks(document):
    """Blocks of code of a document: (language, text)."""
    text = (ROOT / f"docs/{document}.md").read_text()
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)


class Copy:
    """A copy of the repository, in which a document is followed."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copy(ROOT / "Snakefile", folder)
        for name in ("workflow", "config", "profiles", "envs"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))

    def write(self, text):
        """Write the file that the first line of a block names."""
        first, rest = text.split("\n", 1)
        path = self.folder / first.removeprefix("# ")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".tsv" and path.exists():
            self.add_rows(path, rest)
        else:
            path.write_text(rest)

    def add_rows(self, path, text):
        """Add rows to a sheet, under its columns and those that it lacks."""
        old, new = (list(csv.DictReader(io.StringIO(t), delimiter="\t")) for t in (path.read_text(), text))
        columns = list(dict.fromkeys([*old[0], *new[0]]))
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows(old + new)

    def replace(self, text):
        """Replace the lines of a diff, each of which must be there once."""
        path = self.folder / re.search(r"^\+\+\+ b/(.*)$", text, re.M)[1]
        for old, new in re.findall(r"^-(?!--)(.*\n)((?:^\+(?!\+\+).*\n)+)", text, re.M):
            content = path.read_text()
            assert content.count(old) == 1, f"{path}: {old!r}"
            path.write_text(content.replace(old, re.sub(r"^\+", "", new, flags=re.M)))

    def run(self, command):
        """Run a command as a user would, who is in the environment."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-ec", command],
            cwd=self.folder,
            env=os.environ | {"PATH": path, "PYTHONPATH": str(self.folder / "workflow")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout + done.stderr

    def follow(self, document):
        """Do what a document says, from top to bottom."""
        for language, text in blocks(document):
            {"diff": self.replace, "sh": self.run}.get(language, self.write)(text)


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """Copies in which each document was followed, by its name."""

    def follow(document):
        copy = Copy(tmp_path_factory.mktemp(document))
        copy.follow(document)
        return copy

    return follow


def test_every_document_of_additions_is_followed_here():
    assert sorted(set(re.findall(r'followed\("([\w-]+)"\)', Path(__file__).read_text()))) == DOCUMENTS


def test_a_model_is_added_by_rows(followed):
    folder = followed("add-a-model").folder
    cards = {
        name: json.loads((folder / f"results/models/{name}.json").read_text())
        for name in ("mine", "mine_untrained")
    }
    assert cards["mine"]["parameters"] == cards["mine_untrained"]["parameters"] > 100_000
    assert cards["mine"]["sha256"] != cards["mine_untrained"]["sha256"]


def test_a_recording_is_added_by_a_row_and_a_reader_by_a_file(followed):
    copy = followed("add-a-recording")
    card = json.loads((copy.folder / "results/recordings/mine.json").read_text())
    assert (card["n_stimuli"], card["n_neuroids"], card["n_repetitions"]) == (20, 4, 6)
    # One trial has as much noise as signal: six of them have a reliability of 6 / 7.
    assert 0.6 < card["ceiling"]["value"] < 0.98
    header, row = "recording\treader\tpath\tstimuli\tregion\n", "own\ttable\town.csv\tphotographs\tIT\n"
    copy.write(f"# config/recordings.tsv\n{header}{row}")
    ids = pd.read_csv(copy.folder / "data/mine/stimuli.csv")["stimulus_id"]
    responses = pd.DataFrame(np.random.default_rng(0).normal(size=(len(ids), 3)), columns=list("abc"))
    tables = [responses.assign(stimulus_id=ids, repetition=repetition) for repetition in (0, 1)]
    pd.concat(tables).to_csv(copy.folder / "own.csv", index=False)
    copy.run("snakemake --cores 2 results/recordings/own.json")
    card = json.loads((copy.folder / "results/recordings/own.json").read_text())
    assert card["n_neuroids"] == 3 and card["ceiling"]["value"] == pytest.approx(1)


def test_a_source_of_stimuli_is_added_by_a_file_and_a_line(followed):
    table = pd.read_csv(followed("add-a-stimulus-source").folder / "results/stimuli/stripes.csv")
    assert table["label"].tolist() == [0, 1, 2, 3] * 3
    assert table["sha256"].nunique() == 12 and set(table["height"]) == {64}


@pytest.fixture(scope="module")
def study(followed):
    """A finished study with the new measure and comparison, on a recording that the new reader reads."""
    copy = followed("add-a-measure")
    (language, reader), (_, line) = blocks("add-a-recording")[-2:]
    assert language == "python"
    copy.write(reader)
    copy.replace(line)
    write_study(copy.folder)
    copy.run("snakemake --cores 2")
    return copy.folder


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
