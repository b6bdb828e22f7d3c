"""Claims about files of fixations: OSIE's form in MATLAB, and tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from visalign.errors import InputError
from visalign.maps import fixation_files

OSIE = Path(__file__).resolve().parents[4] / "shared/real/osie/fixations.mat"


def cell(*values: object) -> np.ndarray:
    """Return a cell array (n, 1)."""
    array = np.empty((len(values), 1), dtype=object)
    array[:, 0] = values
    return array


def person(x: object, y: object, duration: object = None) -> dict:
    fields = {"fix_x": x, "fix_y": y}
    return fields if duration is None else fields | {"fix_duration": duration}


ENTRIES = (
    {"img": "a.jpg", "subjects": cell(person([1.5, 2], [3, 4], [100, 50]), person(7.0, 8.0, 90))},
    {"img": "b.jpg", "subjects": cell(person([], [], []), person([5, np.nan], [6, np.nan], [20, 30]))},
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(trials: list[fixation_files.Trial]) -> list[tuple]:
    return [(t.image, t.person, t.xy.tolist(), t.duration.tolist()) for t in trials]


def matlab(*entries: dict, **variables: object) -> list[fixation_files.Trial]:
    savemat("f.mat", {"fixations": cell(*entries)} | variables)
    return fixation_files.read("f.mat")


def table(text: str, name: str = "f.csv") -> list[fixation_files.Trial]:
    Path(name).write_text(text)
    return fixation_files.read(name)


def test_a_matlab_file_is_read_by_image_and_person():
    first, second, third, fourth = matlab(*ENTRIES)
    assert told([first, second]) == [
        ("a.jpg", "1", [[1.5, 3], [2, 4]], [100, 50]),
        ("a.jpg", "2", [[7, 8]], [90]),
    ]
    assert (third.image, third.person, third.xy.shape, third.duration.shape) == ("b.jpg", "1", (0, 2), (0,))
    np.testing.assert_array_equal(fourth.xy, [[5, 6], [np.nan, np.nan]])


def test_one_image_and_one_person_are_read_as_several_are():
    """MATLAB's cells of one are told from what is in them by their fields only."""
    found = matlab({"img": "a.jpg", "subjects": cell(person([1, 2], [3, 4]))})
    assert found[0].xy.tolist() == [[1, 3], [2, 4]] and np.isnan(found[0].duration).all() and len(found) == 1


def test_a_person_who_is_an_empty_cell_has_no_fixation():
    found = matlab({"img": "a.jpg", "subjects": cell(np.zeros((0, 0)), person([1, 2], [3, 4]))})
    assert [(trial.person, len(trial.xy)) for trial in found] == [("1", 0), ("2", 2)]


def test_a_struct_array_is_read_as_a_cell_array():
    dtype = [("img", object), ("subjects", object)]
    array = np.array([(entry["img"], entry["subjects"]) for entry in ENTRIES], dtype=dtype)
    savemat("s.mat", {"mine": array})
    expected = matlab(*ENTRIES)
    for one, other in zip(fixation_files.read("s.mat"), expected, strict=True):
        assert (one.image, one.person) == (other.image, other.person)
        np.testing.assert_array_equal(one.xy, other.xy)


def test_a_table_is_read_in_the_order_of_its_rows():
    text = "person,image,x,y,duration\nann,a.jpg,1.5,3,100\n007,a.jpg,7,8,\nann,b.jpg,,,5\nann,a.jpg,2,4,50\n"
    first, second, third = table(text)
    assert told([first]) == [("a.jpg", "ann", [[1.5, 3], [2, 4]], [100, 50])]
    assert (second.person, second.xy.tolist()) == ("007", [[7, 8]]) and np.isnan(second.duration).all()
    assert third.image == "b.jpg" and np.isnan(third.xy).all()
    (alone,) = table("image\tperson\tx\ty\na\tb\t1\t2\n", "f.tsv")
    assert told([alone])[0][:3] == ("a", "b", [[1, 2]]) and np.isnan(alone.duration).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("person,image,x\na,b,1\n", "f.csv: no column 'y'"),
        ("person,image,x,y\na,b,1,\n", "f.csv: x, y: line 2: one of the two is empty"),
        ("person,image,x,y\na,b,1,2\na,b,one,2\n", "f.csv: x: line 3: 'one' is not a number"),
        ("person,image,x,y\na,b,inf,2\n", "f.csv: x: line 2: 'inf' is not a number|f.csv: x: line 2: inf"),
        ("person,image,x,y\n,b,1,2\n", "f.csv: person: line 2: empty, expected a name"),
        ("person,image,x,y,duration\na,b,1,2,3\na,b,1,2,-4\n", "f.csv: duration: line 3: -4 is negative"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(text, message):
    with pytest.raises(InputError, match=message):
        table(text)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([ENTRIES[0]] * 2, "f.mat: entry 2: img: 'a.jpg' is there twice"),
        ([{"img": 3, "subjects": cell(person(1, 2))}] * 2, "f.mat: entry 1: img: 3 is no name of an image"),
        ([{"img": "a"}] * 2, r"f.mat: entry 1: no field 'subjects' \(fields: img\)"),
        ([{"img": "a", "subjects": cell({"x": 1}, {"x": 2})}], "f.mat: a: person 1: no field 'fix_x'"),
        (
            [{"img": "a", "subjects": cell(person([1, 2], [1]))}],
            "a: person 1: fix_x and fix_y: 2 and 1 numbers",
        ),
        (
            [{"img": "a", "subjects": cell(person([1, 2], [1, 2], [3]))}],
            "a: person 1: fix_duration: 1 numbers for 2 fixations",
        ),
        (
            [{"img": "a", "subjects": cell(person([1, np.nan], [1, 2]))}],
            "a: person 1: fix_x, fix_y: fixation 2: nan: one of the two is missing",
        ),
        (
            [{"img": "a", "subjects": cell(person(1, 1), person([1, 2], [1, np.inf]))}],
            "a: person 2: fix_y: fixation 2: inf: not finite",
        ),
        (
            [{"img": "a", "subjects": cell(person([1, 2], [1, 2], [3, -4]))}],
            "a: person 1: fix_duration: fixation 2: -4: negative",
        ),
        (
            [{"img": "a", "subjects": cell(person("one", "two"))}],
            "a: person 1: fix_x: <U3 values, not numbers",
        ),
    ],
)
def test_what_is_wrong_with_a_matlab_file_is_named(entries, message):
    with pytest.raises(InputError, match=message):
        matlab(*entries)


def test_files_that_hold_something_else_are_refused():
    savemat("two.mat", {"a": 1, "b": 2})
    savemat("number.mat", {"a": np.eye(3)})
    Path("damaged.mat").write_bytes(b"MATLAB 5.0 MAT-file" + b"\0" * 200)
    Path("f.npz").write_bytes(b"")
    for name, message in (
        ("two.mat", r"two.mat: no variable 'fixations' \(variables: a, b\)"),
        ("number.mat", r"number.mat: entry 1: no field 'img' \(fields: none, it is float64\)"),
        ("damaged.mat", "damaged.mat: not a readable MATLAB file: "),
        ("f.npz", r"f.npz: fixations are in a MATLAB file \(.mat\) or a table \(.csv, .tsv\)"),
        ("none.mat", "none.mat: no such file of fixations"),
    ):
        with pytest.raises(InputError, match=message):
            fixation_files.read(name)


def test_version_7_3_is_refused_with_what_to_do():
    h5py = pytest.importorskip("h5py")
    with h5py.File("new.mat", "w", userblock_size=512) as file:
        file["fixations"] = [1.0]
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    with open("new.mat", "r+b") as file:
        file.write(header)
    with pytest.raises(InputError, match=r"new\.mat: a MATLAB file of version 7\.3: save it with -v7"):
        fixation_files.read("new.mat")


@pytest.mark.skipif(not OSIE.is_file(), reason=f"needs OSIE's fixations, {OSIE}")
def test_osie_is_read_whole():
    """700 images, 15 people each; counts taken with scipy.io.loadmat alone."""
    trials = fixation_files.read(OSIE)
    assert len(trials) == 700 * 15 and len({trial.image for trial in trials}) == 700
    assert {trial.person for trial in trials} == {str(number) for number in range(1, 16)}
    assert sum(len(trial.xy) for trial in trials) == 98321
    assert trials[0].image == "1001.jpg" and trials[0].xy[:2].tolist() == [[395.5, 265.7], [390.6, 326.4]]
    assert trials[0].duration[:2].tolist() == [246, 136]
