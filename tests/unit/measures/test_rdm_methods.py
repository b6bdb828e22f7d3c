"""Claims about what a methods section says of dissimilarity matrices."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist

from visalign.measures.neural_methods import of_ceilings, of_recording
from visalign.recordings import card as cards
from visalign.recordings import rdm, rdm_card


def card_of(tmp_path, subjects: int) -> cards.RecordingCard:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 30))
    pairs = [pdist(X + rng.standard_normal(X.shape), "correlation") for _ in range(subjects)]
    np.save(tmp_path / "d.npy", np.array(pairs) if subjects > 1 else pairs[0])
    recording = rdm.read_rdm(tmp_path / "d.npy", None, "IT")
    origin: cards.Origin = {"name": "r", "source": "d.npy", "reader": "rdm", "region": "IT", "version": 1}
    return rdm_card.of_rdm(recording, cards.Settings(10, 1, 0.1), origin)


def test_one_matrix_has_no_ceiling(tmp_path):
    assert of_recording("r", card_of(tmp_path, 1), "whole_image") == (
        "r (measured; IT, dissimilarities of 12 stimuli, one matrix; nothing can be predicted of them; one "
        "subject only: no subject-to-subject ceiling)"
    )


def test_several_subjects_have_bounds(tmp_path):
    card = card_of(tmp_path, 3)
    said = of_recording("r", card, "whole_image")
    bounds = card["subject_ceiling"]
    assert "matrices of 3 subjects, each compared with the model and averaged over" in said
    assert f"between {bounds['value']:.3f} and {bounds['upper']:.3f}: Spearman" in said
    assert "neuroid" not in said


def test_nothing_is_said_of_predictions_without_a_ceiling(tmp_path):
    assert of_ceilings({"r": card_of(tmp_path, 3)}) == []
