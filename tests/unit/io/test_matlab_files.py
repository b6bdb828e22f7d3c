"""Claims about names of variables of MATLAB files: they are those of MATLAB, and all else is refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from visalign.errors import InputError
from visalign.io import matlab_files


@pytest.fixture
def file(tmp_path):
    """A structure array of two elements, a cell array of two words, a nested structure, and a matrix."""
    subjects = np.zeros((1, 2), dtype=[("name", object), ("values", object)])
    for index, name in enumerate(("one", "two")):
        subjects[0, index] = (name, np.full((2, 3), index + 1.0))
    cells = np.empty((2, 1), dtype=object)
    cells[:, 0] = ["cat", "dog"]
    numbers = np.arange(6.0).reshape(2, 3)
    path = tmp_path / "file.mat"
    content = {"S": subjects, "C": cells, "X": numbers, "deep": {"inner": {"Y": numbers + 10}}}
    savemat(path, content)
    return path


@pytest.mark.parametrize(
    ("name", "names", "firsts"),
    [
        ("X", ["X"], [0]),
        ("S.values", ["S(1).values", "S(2).values"], [1, 2]),
        ("S(2).values", ["S(2).values"], [2]),
        ("deep.inner.Y", ["deep.inner.Y"], [10]),
    ],
)
def test_a_name_gives_the_values_that_matlab_gives(file, name, names, firsts):
    found = matlab_files.read(file, name)
    assert [each.name for each in found] == names
    assert [each.value[0, 0] for each in found] == firsts
    assert all(each.value.shape == (2, 3) for each in found)


def test_a_field_called_name_labels_the_others_of_its_element(file):
    assert [each.label for each in matlab_files.read(file, "S.values")] == ["one", "two"]
    assert matlab_files.read(file, "deep.inner.Y")[0].label == ""


def test_cells_are_elements(file):
    assert [matlab_files.text(each.value) for each in matlab_files.read(file, "C")] == ["cat", "dog"]
    (second,) = matlab_files.read(file, "C{2}")
    assert (second.name, matlab_files.text(second.value)) == ("C{2}", "dog")


def test_elements_are_counted_down_the_columns(tmp_path):
    cells = np.empty((2, 2), dtype=object)
    cells[:] = [["11", "12"], ["21", "22"]]
    savemat(tmp_path / "c.mat", {"C": cells})
    found = matlab_files.read(tmp_path / "c.mat", "C")
    assert [matlab_files.text(each.value) for each in found] == ["11", "21", "12", "22"]


def test_all_arrays_of_numbers_of_a_file_are_found(file):
    found = {each.name: each.value[0, 0] for each in matlab_files.numeric(file)}
    assert found == {"S(1).values": 1, "S(2).values": 2, "X": 0, "deep.inner.Y": 10}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Z", r"no 'Z' \(variables: S, C, X, deep\)"),
        ("S(3).values", r"S\(3\): there are 2"),
        ("S.value", r"S\(1\) has no field 'value' \(fields: name, values\)"),
        ("X.values", r"X has no field 'values' \(it is no structure\)"),
        ("X(2)", r"X is an array of numbers or words, it has no \(2\)"),
        ("S(0).values", r"'S\(0\).values' is not a name as of MATLAB"),
        ("S[1]", r"'S\[1\]' is not a name as of MATLAB"),
        ("", "'' is not a name as of MATLAB"),
    ],
)
def test_other_names_are_refused_with_what_there_is(file, name, reason):
    with pytest.raises(InputError, match=reason) as error:
        matlab_files.read(file, name)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.mat: no such file"):
        matlab_files.read(tmp_path / "absent.mat", "X")
    (tmp_path / "text.mat").write_text("no MATLAB file " * 20)
    with pytest.raises(InputError, match=r"text\.mat: not a readable MATLAB file: "):
        matlab_files.read(tmp_path / "text.mat", "X")


def test_version_7_3_is_refused_with_what_to_do(tmp_path):
    with h5py.File(tmp_path / "new.mat", "w", userblock_size=512) as file:
        file["X"] = np.zeros((2, 2))
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    with open(tmp_path / "new.mat", "r+b") as file:
        file.write(header)
    with pytest.raises(InputError, match=r"new\.mat: a MATLAB file of version 7\.3: save it with .*'-v7'"):
        matlab_files.read(tmp_path / "new.mat", "X")
