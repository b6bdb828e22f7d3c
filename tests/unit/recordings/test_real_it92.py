"""Claims about monkey and human IT on 92 images, from the dissimilarities of Kriegeskorte and others (2008).

They are read where they are (a copy of demos/92imageData of rsagroup/rsatoolbox), and no part of the project.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import io, linalg, stats
from scipy.spatial.distance import pdist, squareform

from visalign import cli

FILE = (
    Path(__file__).resolve().parents[4]
    / "shared/real/kriegeskorte92/Kriegeskorte_Neuron2008_supplementalData.mat"
)
pytestmark = pytest.mark.skipif(
    not FILE.is_file(),
    reason=f"the dissimilarities of IT are not at {FILE} (they are not part of the project)",
)


def patterns(condensed: np.ndarray) -> np.ndarray:
    """Patterns (92, 93) of which 1 − Pearson r are the dissimilarities: a root of 1 − D, of zero mean."""
    similarities = 1 - squareform(condensed)
    return linalg.cholesky(similarities, lower=True) @ linalg.helmert(len(similarities) + 1)


def test_rsa_of_monkey_and_human_it_is_that_of_the_published_dissimilarities(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    published = io.loadmat(FILE)["RDMs_mIT_hIT_fig1"][0]
    monkey, human = (published[index]["RDM"].ravel().astype(float) for index in range(2))
    for name, condensed in (("monkey", monkey), ("human", human)):
        np.save(f"{name}.npy", patterns(condensed))
        np.testing.assert_allclose(pdist(np.load(f"{name}.npy"), "correlation"), condensed, atol=1e-12)
    cli.main("neural --features monkey.npy --responses human.npy --metrics rsa --json".split())
    found = json.loads(capsys.readouterr().out)["rsa"]["raw"]
    assert found["value"] == pytest.approx(stats.spearmanr(monkey, human).statistic, abs=1e-9)
    assert found["value"] == pytest.approx(0.439, abs=5e-4)
    assert found["floor"] < 0.1 < found["ci_low"] < found["value"] < found["ci_high"]
