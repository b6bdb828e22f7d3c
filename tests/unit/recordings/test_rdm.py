"""Claims about dissimilarity matrices: what is read, what they are to RSA and CKA, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import linalg, stats
from scipy.io import savemat
from scipy.spatial.distance import pdist, squareform

from visalign.comparisons import chosen
from visalign.errors import InputError
from visalign.gram.matrix import gram
from visalign.gram.similarity import above_diagonal, rdm
from visalign.recordings import form
from visalign.recordings.rdm import by_subject, is_rdm, layer, least_eigenvalue, read_rdm

N = 7
IDS = ["g", "b", "a", "d", "c", "f", "e"]
FILE = (
    Path(__file__).resolve().parents[4]
    / "shared/real/kriegeskorte92/Kriegeskorte_Neuron2008_supplementalData.mat"
)
real = pytest.mark.skipif(
    not FILE.is_file(),
    reason=f"the dissimilarities of IT are not at {FILE} (they are not part of the project)",
)


def pairs_of(subjects: int, n: int = N) -> np.ndarray:
    """Correlation distances (subjects, pairs) of noise."""
    rng = np.random.default_rng(0)
    return np.array([pdist(rng.standard_normal((n, 30)), "correlation") for _ in range(subjects)])


def structures(pairs: np.ndarray, *names: str) -> np.ndarray:
    """A structure array of condensed matrices as of the toolbox for RSA."""
    result = np.zeros((1, len(names)), dtype=[("name", object), ("color", object), ("RDM", object)])
    for index, name in enumerate(names):
        result[0, index] = (name, np.zeros((1, 3)), pairs[index][None])
    return result


def write(folder: Path, name: str) -> tuple[Path, str | None]:
    """Three subjects in one of the forms of a file; path and variable."""
    pairs = pairs_of(3)
    squares = np.array([squareform(each) for each in pairs])
    if name.endswith(".npy"):
        np.save(folder / name, {"pairs.npy": pairs, "squares.npy": squares}[name])
        return folder / name, None
    variables = {
        "stack.mat": ({"X": squares.transpose(1, 2, 0)}, None),
        "field.mat": ({"S": structures(pairs, "x", "y", "z"), "other": np.ones(3)}, "S.RDM"),
        "each.mat": ({"A": squares[0], "B": pairs[1], "C": pairs[2][:, None]}, "A, B,C"),
        "cells.mat": ({"C": np.array([*squares, None], dtype=object)[:3]}, "C"),
    }
    content, variable = variables[name]
    savemat(folder / name, content)
    return folder / name, variable


@pytest.mark.parametrize(
    "name", ["pairs.npy", "squares.npy", "stack.mat", "field.mat", "each.mat", "cells.mat"]
)
def test_every_form_of_a_file_is_the_same_recording(tmp_path, name):
    path, variable = write(tmp_path, name)
    recording = read_rdm(path, IDS, "IT", variable=variable, subject="x,y,z")
    assert is_rdm(recording) and recording["stimulus_id"].values.tolist() == sorted(IDS)
    assert set(recording["region"].values) == {"IT"}
    form.write_recording(tmp_path / "r.nc", recording)
    back = form.read_recording(tmp_path / "r.nc")
    assert is_rdm(back)
    found, order = by_subject(back), np.argsort(IDS)
    assert list(found) == ["x", "y", "z"]
    for own, pairs in zip(found.values(), pairs_of(3), strict=True):
        np.testing.assert_array_equal(own, squareform(pairs)[np.ix_(order, order)])


@pytest.mark.parametrize("shape", ["pairs", "square"])
@pytest.mark.parametrize("suffix", [".npy", ".mat"])
def test_one_subject_needs_no_name(tmp_path, shape, suffix):
    values = pairs_of(1)[0] if shape == "pairs" else squareform(pairs_of(1)[0])
    path = tmp_path / f"one{suffix}"
    np.save(path, values) if suffix == ".npy" else savemat(path, {"X": values, "labels": "some words"})
    recording = read_rdm(path, IDS, "IT")
    ((name, found),) = by_subject(recording).items()
    assert name == "" and found.shape == (N, N)
    assert recording["neuroid_id"].values.tolist() == sorted(IDS)


def test_stimuli_without_names_are_numbered(tmp_path):
    np.save(tmp_path / "one.npy", pairs_of(1)[0])
    recording = read_rdm(tmp_path / "one.npy", None, "IT")
    assert recording["stimulus_id"].values.tolist() == ["1", "2", "3", "4", "5", "6", "7"]


def test_subjects_are_called_as_the_file_calls_them_or_numbered(tmp_path):
    path, variable = write(tmp_path, "field.mat")
    assert list(by_subject(read_rdm(path, IDS, "IT", variable=variable))) == ["x", "y", "z"]
    path, _ = write(tmp_path, "pairs.npy")
    assert list(by_subject(read_rdm(path, IDS, "IT"))) == ["1", "2", "3"]
    with pytest.raises(InputError, match=r"subject: 2 names, 'x,y', of 3 matrices"):
        read_rdm(path, IDS, "IT", subject="x,y")
    with pytest.raises(InputError, match=r"subject: 'x,y,x': a name for each subject, none twice"):
        read_rdm(path, IDS, "IT", subject="x,y,x")


# --- what matrices are to RSA and CKA ---


def pseudo_responses(dissimilarities: np.ndarray) -> np.ndarray:
    """Patterns (n, n + 1) of mean 0 of which 1 − Pearson r are the dissimilarities (n, n)."""
    values, vectors = linalg.eigh(1 - dissimilarities)
    root = vectors * np.sqrt(np.maximum(values, 0))
    return root @ linalg.helmert(len(root) + 1)


def test_patterns_with_the_dissimilarities_have_the_same_rsa_and_cka():
    """To 1e-10: what is lost is rounding, of n products."""
    X = np.random.default_rng(1).standard_normal((40, 60))
    D = squareform(pairs_of(1, 40)[0])
    patterns = pseudo_responses(D)
    np.testing.assert_allclose(pdist(patterns, "correlation"), squareform(D, checks=False), atol=1e-12)
    for comparison in (
        chosen("cka"),
        chosen("rsa"),
        chosen("rsa", comparison="pearson"),
        chosen("rsa", dissimilarity="squared_euclidean", comparison="pearson"),
    ):
        a = comparison.relations(gram([X], np.float64))
        expected = comparison.agreement(a, comparison.relations(gram([patterns], np.float64)))
        found = comparison.agreement(a, comparison.relations(layer(D)))
        assert found == pytest.approx(expected, abs=1e-10)
        assert abs(found) > 1e-3


@pytest.mark.parametrize("scale", [1, 7.3, 400])
def test_rsa_of_dissimilarities_of_any_kind_is_that_of_scipy_ties_too(scale):
    """Ratings are no 1 − r, and many are equal: patterns made from them would order these at random."""
    rng = np.random.default_rng(2)
    rated, n = scale * rng.integers(1, 5, size=780) / 3, 40
    D, X = squareform(rated), rng.standard_normal((n, 60))
    assert least_eigenvalue(D) < -0.01
    np.testing.assert_allclose(rdm(layer(D), "correlation"), rated, rtol=1e-12)
    for name, oracle in (("spearman", stats.spearmanr), ("pearson", stats.pearsonr)):
        comparison = chosen("rsa", comparison=name)
        a = comparison.relations(gram([X], np.float64))
        found = comparison.agreement(a, comparison.relations(layer(D)))
        assert found == pytest.approx(oracle(pdist(X, "correlation"), rated).statistic, abs=1e-10)
    ranks = chosen("rsa").relations(layer(D))[above_diagonal(n)]
    np.testing.assert_array_equal(ranks, stats.rankdata(rated))


def test_a_negative_eigenvalue_is_told_from_rounding():
    D = squareform(pairs_of(1, 40)[0])  # of 30 numbers each: ten eigenvalues are 0
    assert abs(np.linalg.eigvalsh(1 - D)[0]) < 1e-12
    assert least_eigenvalue(D) == 0
    assert least_eigenvalue(D.astype(np.float32).astype(float)) == 0
    values = np.linalg.eigvalsh(1 - D**2)
    assert least_eigenvalue(D**2) == pytest.approx(values[0] / values[-1]) and values[0] < -0.01
    assert least_eigenvalue(squareform(pairs_of(1)[0])) > 0


# --- what is refused ---


def changed(**changes: float) -> np.ndarray:
    """A matrix with other values at places such as `at_0_1`."""
    D = squareform(pairs_of(1)[0])
    for place, value in changes.items():
        i, j = map(int, place.removeprefix("at_").split("_"))
        D[i, j] = value
    return D


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (changed(at_2_4=3.5), r"not symmetric: 3.5 at row 3, column 5, but 0\.\d+ at row 5, column 3"),
        (changed(at_3_3=0.2), r"0.2 on the diagonal, at 4, expected 0$"),
        (1 - changed(), r"1 on the diagonal, at 1, expected 0: are these similarities\?"),
        (changed(at_1_2=-0.5, at_2_1=-0.5), r"-0.5 at row 2, column 3 is negative"),
        (changed(at_1_2=np.nan, at_2_1=np.nan), r"nan at row 2, column 3 \(2 not finite\)"),
        (changed(at_1_2=np.inf), r"1 values are not finite, the first at \(1, 2\)"),
        (np.ones(21), r"all dissimilarities are 1: there is nothing to compare"),
        (pairs_of(1)[0][:-1], r"20 pairs, which is n \(n - 1\) / 2 of no number n of stimuli"),
        (pairs_of(2)[:, :-1], r"subject 1: 20 pairs, which is n \(n - 1\) / 2 of no number"),
        (pairs_of(1, 6)[0], r"6 stimuli, but 7 stimulus ids"),
        (squareform(pairs_of(1, 8)[0]), r"8 stimuli, but 7 stimulus ids"),
        (np.array([0.5, 0.4, 0.3]), r"3 stimuli, but 7 stimulus ids"),
        (np.zeros((2, 7, 6)), r"subject 1: shape \(7, 6\), not square"),
        (np.array(["a", "b"]), r"shape \(2,\), type <U1; expected numbers of dissimilarities"),
        (np.stack([changed(), changed(at_3_3=0.2)]), r"subject 2: 0.2 on the diagonal"),
    ],
)
def test_what_is_no_dissimilarity_matrix_of_the_stimuli_is_refused(tmp_path, values, reason):
    np.save(tmp_path / "d.npy", values)
    with pytest.raises(InputError, match=rf"d\.npy: .*{reason}") as error:
        read_rdm(tmp_path / "d.npy", IDS, "IT")
    assert "\n" not in str(error.value)


def test_rounding_is_no_fault(tmp_path):
    """A diagonal of 1e-16 and pairs that differ in their last digit are what software writes."""
    D = changed(at_3_3=2e-16, at_0_1=squareform(pairs_of(1)[0])[0, 1] * (1 + 2e-16))
    np.save(tmp_path / "d.npy", D)
    ((_, found),) = by_subject(read_rdm(tmp_path / "d.npy", sorted(IDS), "IT")).items()
    np.testing.assert_array_equal(found, found.T)
    assert (found.diagonal() == 0).all()
    np.testing.assert_array_equal(found[above_diagonal(N)], D[above_diagonal(N)])


def test_subjects_have_the_same_stimuli(tmp_path):
    savemat(tmp_path / "d.mat", {"A": pairs_of(1)[0], "B": pairs_of(1, 8)[0]})
    with pytest.raises(InputError, match=r"d\.mat: B: 8 stimuli, but .*d\.mat: A has 7"):
        read_rdm(tmp_path / "d.mat", None, "IT", variable="A,B")


def test_a_variable_is_asked_for_where_none_or_several_fit(tmp_path):
    path, _ = write(tmp_path, "field.mat")
    found = r"S\(1\)\.RDM \(x\), S\(2\)\.RDM \(y\), S\(3\)\.RDM \(z\)"
    with pytest.raises(InputError, match=rf"variable: say which dissimilarities of 7 .*found: {found}\)"):
        read_rdm(path, IDS, "IT")
    with pytest.raises(InputError, match=r"variable: say which dissimilarities of 8 .*\(found: none\)"):
        read_rdm(path, [*IDS, "h"], "IT")
    with pytest.raises(InputError, match=r"variable: no 'T' \(variables: S, other\)"):
        read_rdm(path, IDS, "IT", variable="T.RDM")
    with pytest.raises(InputError, match=r"variable: S\(1\) is no matrix of numbers \(fields: name"):
        read_rdm(path, IDS, "IT", variable="S")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"absent\.npy: no such file of dissimilarities"):
        read_rdm(tmp_path / "absent.npy", IDS, "IT")
    (tmp_path / "d.xlsx").write_text("x")
    with pytest.raises(
        InputError, match=r"d\.xlsx: dissimilarities are read from \.npy and \.mat, not \.xlsx"
    ):
        read_rdm(tmp_path / "d.xlsx", IDS, "IT")
    np.save(tmp_path / "d.npy", pairs_of(1)[0])
    with pytest.raises(InputError, match=r"variable: 'X' is for \.mat files"):
        read_rdm(tmp_path / "d.npy", IDS, "IT", variable="X")
    with pytest.raises(InputError, match=r"d\.npy: sha1: "):
        read_rdm(tmp_path / "d.npy", IDS, "IT", sha1="0" * 40)


# --- published ones ---


@real
def test_the_published_matrices_of_it_are_read_by_name():
    ids = [f"{index:02d}" for index in range(92)]
    with pytest.raises(InputError, match=r"\(1\)\.RDM \(mIT_674neurons\), .*\(2\)\.RDM \(hITvisStim_316vx\)"):
        read_rdm(FILE, ids, "IT")
    recording = read_rdm(FILE, ids, "IT", variable="RDMs_mIT_hIT_fig1.RDM")
    found = by_subject(recording)
    assert sorted(found) == ["hITvisStim_316vx", "mIT_674neurons"]
    monkey, human = found["mIT_674neurons"], found["hITvisStim_316vx"]
    above = above_diagonal(92)
    assert stats.spearmanr(monkey[above], human[above]).statistic == pytest.approx(0.439, abs=5e-4)
    for D in (monkey, human):
        assert least_eigenvalue(D) > 0
        np.testing.assert_allclose(pdist(pseudo_responses(D), "correlation"), D[above], atol=1e-10)
        np.testing.assert_allclose(rdm(layer(D), "correlation"), D[above], atol=1e-15)
    rsa = chosen("rsa")
    one, other = (rsa.relations(layer(D)) for D in (monkey, human))
    assert rsa.agreement(one, other) == pytest.approx(0.439, abs=5e-4)
