"""Claims about recordings in plain arrays with a card."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from visalign.errors import InputError
from visalign.recordings import arrays, form

CARD = {"responses": "responses.npy", "stimulus_ids": ["s0", "s1", "s2"], "time_bins": [[70, 170]]}
NEUROIDS = "neuroid_id,region,subject,x,y\nb,IT,Tito,1.5,\na,IT,Chabo,0,2\nc,V4,Tito,,\n"


@pytest.fixture
def write(tmp_path):
    def write(values: np.ndarray | str, files: dict[str, str] | None = None, **changes) -> Path:
        card = {name: value for name, value in (CARD | changes).items() if value is not None}
        if isinstance(values, str):
            (tmp_path / card["responses"]).write_text(values)
        else:
            np.save(tmp_path / card["responses"], values)
        for name, text in (files or {}).items():
            (tmp_path / name).write_text(text)
        (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))
        return tmp_path / "card.yaml"

    return write


def responses_of(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize("n_dims", [2, 3, 4])
def test_responses_have_their_axes_in_the_order_of_the_card(write, n_dims):
    responses = responses_of(3, 4, 5, 2)[(..., *[0] * (4 - n_dims))]
    time_bins = [[70, 170], [170, 270]] if n_dims == 4 else [[70, 170]]
    recording = arrays.read_arrays(write(responses, time_bins=time_bins))
    assert recording.dims == ("stimulus", "repetition", "neuroid", "time_bin")
    for stimulus, neuroid, *more in np.ndindex(responses.shape):
        repetition, time_bin = [*more, 0, 0][:2]
        value = recording.values[stimulus, repetition, neuroid, time_bin]
        assert value == responses[(stimulus, neuroid, *more)]
    assert recording.stimulus_id.values.tolist() == ["s0", "s1", "s2"]
    assert recording.neuroid_id.values.tolist() == ["0000", "0001", "0002", "0003"]
    assert recording.attrs == {"identifier": "card", "simulated": 0, "n_neuroids_other_regions": 0}


def test_float32_stays_and_integers_become_float64(write):
    assert arrays.read_arrays(write(responses_of(3, 4).astype(np.float32))).dtype == np.float32
    assert arrays.read_arrays(write(np.ones((3, 4), np.int16))).dtype == np.float64


def test_everything_that_a_card_can_say_is_read_and_sorted(write):
    responses = responses_of(3, 3)
    responses[0, 1] = np.nan
    stimuli = "stimulus_id,object_name,note\ns2,car,\ns0,NA,\ns1,face,\n"
    path = write(
        responses,
        {"stimuli.csv": stimuli, "neuroids.csv": NEUROIDS},
        stimulus_ids="stimuli.csv",
        neuroids="neuroids.csv",
        identifier="lab.Experiment2024",
        simulated=True,
    )
    recording = arrays.read_arrays(path)
    assert recording.stimulus_id.values.tolist() == ["s0", "s1", "s2"]
    assert recording.object_name.values.tolist() == ["NA", "face", "car"]
    assert recording.neuroid_id.values.tolist() == ["a", "b", "c"]
    assert recording.subject.values.tolist() == ["Chabo", "Tito", "Tito"]
    np.testing.assert_array_equal(recording.x.values, [0, 1.5, np.nan])
    np.testing.assert_array_equal(recording.y.values, [2, np.nan, np.nan])
    np.testing.assert_array_equal(recording.values[:, 0, :, 0], responses[[1, 2, 0]][:, [1, 0, 2]])
    assert recording.attrs["identifier"] == "lab.Experiment2024" and recording.attrs["simulated"] == 1
    it = arrays.read_arrays(path, region="IT")
    assert it.equals(recording.isel(neuroid=[0, 1])) and it.attrs["n_neuroids_other_regions"] == 1


def test_a_csv_of_responses_equals_the_array(write):
    array = arrays.read_arrays(
        write(np.array([[1, 2.5], [np.nan, 4], [5, 6]]), {"n.csv": "neuroid_id\nx1\nx2\n"}, neuroids="n.csv")
    )
    table = arrays.read_arrays(write("x1,x2\n1,2.5\n,4\n5,6\n", responses="responses.csv"))
    assert table.identical(array)


def test_stimulus_ids_may_be_lines_of_a_text_file(write):
    path = write(
        responses_of(3, 2), {"ids.txt": "b\na\nc d\n"}, stimulus_ids="ids.txt", object_name=["x", "y", "z"]
    )
    recording = arrays.read_arrays(path)
    assert recording.stimulus_id.values.tolist() == ["a", "b", "c d"]
    assert recording.object_name.values.tolist() == ["y", "x", "z"]


def test_images_at_grid_positions_are_a_grid_recording(write):
    rows = [f"im{i},{y},{x}" for x in range(2) for y in range(3) for i in range(2)]
    path = write(
        responses_of(12, 4, 5),
        {"stimuli.csv": "\n".join(["image_id,grid_y,grid_x", *rows])},
        stimulus_ids="stimuli.csv",
    )
    recording = arrays.read_arrays(path)
    assert form.grid(recording) == (2, 3, 2)
    assert recording.stimulus_id.values[:3].tolist() == ["im0/00-00", "im0/00-01", "im0/01-00"]
    np.testing.assert_array_equal(recording.values[1, :, :, 0], responses_of(12, 4, 5)[6].T)


def test_the_files_that_a_card_names_are_those_beside_it(write, tmp_path):
    assert arrays.named_files(tmp_path / "card.yaml") == []
    path = write(responses_of(3, 2), stimulus_ids="ids.txt", neuroids="n.csv")
    names = ["responses.npy", "ids.txt", "n.csv"]
    assert arrays.named_files(path) == [str(tmp_path / name) for name in names]


def test_listing_the_files_of_a_card_starts_quickly():
    heavy = "{'pandas', 'xarray', 'h5py', 'sklearn', 'torch'}"
    code = f"import sys, visalign.recordings.arrays; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_checksums_of_files_are_checked(write, tmp_path):
    responses = responses_of(3, 2)
    path = write(responses)
    right = hashlib.sha256((tmp_path / "responses.npy").read_bytes()).hexdigest()
    arrays.read_arrays(write(responses, sha256={"responses.npy": right}))
    with pytest.raises(InputError, match=r"responses\.npy: sha256: .*, expected 000"):
        arrays.read_arrays(write(responses, sha256={"responses.npy": "0" * 64}))
    with pytest.raises(InputError, match=r"card\.yaml: sha256: 'other\.npy' is not a file that the card"):
        arrays.read_arrays(write(responses, sha256={"other.npy": right}))
    with pytest.raises(InputError, match=r"card\.yaml: sha1: "):
        arrays.read_arrays(path, sha1="0" * 40)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"area": "IT"}, r"card\.yaml: area: unknown key"),
        ({"time_bins": None}, r"card\.yaml: .*'time_bins' is a required property"),
        ({"time_bins": [[70]]}, r"card\.yaml: time_bins\.0: "),
        ({"time_bins": [[0, 1], [1, 2]]}, r"card\.yaml: time_bin_start: 2 values, but responses of 1"),
        ({"stimulus_ids": ["a", "b"]}, r"card\.yaml: stimulus_id: 2 values, but responses of 3"),
        ({"stimulus_ids": ["a", "b", "a"]}, r"card\.yaml: stimulus_id: 'a' is there twice"),
        ({"stimulus_ids": "ids.txt"}, r"card\.yaml: 'ids\.txt': no such file"),
        ({"stimulus_ids": "ids.csv"}, r"ids\.csv: no column 'stimulus_id'"),
        ({"stimulus_ids": "grid.csv"}, r"grid\.csv: grid_x: line 3: '1\.5' is not a whole number"),
        ({"neuroids": "n.csv"}, r"card\.yaml: neuroid_id: 3 values, but responses of 2"),
        ({"neuroids": "x.csv"}, r"x\.csv: x: line 2: 'left' is not a number"),
    ],
)
def test_a_bad_card_is_named_with_its_field(write, changes, message):
    files = {
        "ids.csv": "name\na\nb\nc\n",
        "grid.csv": "image_id,grid_y,grid_x\na,0,0\na,0,1.5\na,1,1\n",
        "n.csv": NEUROIDS,
        "x.csv": "neuroid_id,x\na,left\nb,right\n",
    }
    path = write(responses_of(3, 2), files, **changes)
    with pytest.raises(InputError, match=message) as error:
        arrays.read_arrays(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("responses", "message"),
    [
        (np.zeros(3), r"responses\.npy: shape \(3,\), type float64"),
        (np.zeros((3, 2), dtype=complex), r"responses\.npy: shape \(3, 2\), type complex128"),
        (np.full((3, 2), np.inf), r"responses\.npy: 6 values are not finite, the first at \(0, 0\)"),
        (np.full((3, 2), np.nan), r"card\.yaml: neuroid_id: '0000' has only missing responses"),
        ("no array", r"responses\.npy: not a plain \.npy array"),
        ("", r"responses\.npy: not a plain \.npy array"),
    ],
)
def test_bad_responses_are_named(write, responses, message):
    with pytest.raises(InputError, match=message):
        arrays.read_arrays(write(responses))


def test_text_among_responses_and_other_neuroids_than_the_headers_are_named(write):
    with pytest.raises(InputError, match=r"responses\.csv: b: line 3: 'x' is not a number"):
        arrays.read_arrays(write("a,b\n1,2\n1,x\n1,2\n", responses="responses.csv"))
    path = write(
        "a,b\n1,2\n1,2\n1,2\n",
        {"n.csv": "neuroid_id\nb\na\n"},
        responses="responses.csv",
        neuroids="n.csv",
    )
    with pytest.raises(InputError, match=r"n\.csv: neuroid_id: not those of the header"):
        arrays.read_arrays(path)


def test_a_stimulus_without_responses_in_the_region_is_named(write):
    responses = np.array([[1.0, 1, 1], [2, 2, 2], [np.nan, np.nan, 3]])
    path = write(responses, {"n.csv": NEUROIDS}, neuroids="n.csv")
    assert arrays.read_arrays(path).sizes["neuroid"] == 3
    with pytest.raises(InputError, match=r"card\.yaml: stimulus_id: 's2' has only missing responses"):
        arrays.read_arrays(path, region="IT")


def test_what_is_no_card_is_refused(tmp_path):
    for name, text in (("list.yaml", "[1, 2]"), ("broken.yaml", "a: [1"), ("empty.yaml", "")):
        (tmp_path / name).write_text(text)
    for name in ("absent.yaml", "list.yaml", "broken.yaml", "empty.yaml"):
        with pytest.raises(InputError, match=name) as error:
            arrays.read_arrays(tmp_path / name)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n1;n2\n0,5;1,5\n1,5;2,5\n2,5;3,5\n", "line 1: columns are separated by semicolons"),
        (",n1,n2\n0,0.5,1.5\n1,1.5,2.5\n2,2.5,3.5\n", "column 1 has no name"),
        ("n1,n2\n0,0.5,1.5\n1,1.5,2.5\n2,2.5,3.5\n", "line 2: 3 cells under 2 column names"),
        ("n1,n1\n1,2\n3,4\n5,6\n", "two columns are named 'n1'"),
        ("n1,n2,\n1,2,\n3,4,\n5,6,\n", "column 3 has no name"),
        ("n1,n2\n1,2\n3,4\n5\n", "line 4: 1 cells under 2 column names"),
        ('n1,n2\n"0,5",1\n1,2\n2,3\n', "n1: line 2: '0,5' is not a number .a decimal comma"),
        ("n1,n2\n1,2\n3,TRUE\n5,6\n", "n2: line 3: 'TRUE' is not a number"),
        ("n1,n2\n1,TRUE\n3,TRUE\n5,FALSE\n", "n2: line 2: True is not a number"),
        ("n1,n2\n1,2\n3,#DIV/0!\n5,6\n", "n2: line 3: '#DIV/0!' is not a number"),
        ("n1,n2\n1,2\n3,inf\n5,6\n", "n2: line 3: inf is not a number"),
        ("stimulus_id,n1\n0,2\n1,4\n2,6\n", "column 'stimulus_id' is no neuroid"),
        ("0.5,1.5\n1,2\n3,4\n5,6\n", "line 1: numbers, expected a header"),
        ("n1,n2\n", "no rows"),
        ("", "empty"),
    ],
)
def test_a_csv_of_responses_that_would_shift_or_invent_sites_is_refused(write, text, message):
    with pytest.raises(InputError, match=rf"responses\.csv: .*{message}"):
        arrays.read_arrays(write(text, responses="responses.csv"))


def test_a_csv_of_responses_may_have_a_byte_order_mark_and_words_for_missing(write):
    recording = arrays.read_arrays(
        write("\ufeffn1,n2\r\n1,NA\r\n 3 ,4\r\n5,6\r\n", responses="responses.csv")
    )
    assert recording.neuroid_id.values.tolist() == ["n1", "n2"]
    np.testing.assert_array_equal(recording.values[:, 0, :, 0], [[1, np.nan], [3, 4], [5, 6]])


def test_stimulus_ids_in_a_text_file_may_end_in_blanks_but_not_be_missing(write):
    path = write(responses_of(3, 2), {"ids.txt": "\ufeffa \nb\t\nc\n\n"}, stimulus_ids="ids.txt")
    assert arrays.read_arrays(path).stimulus_id.values.tolist() == ["a", "b", "c"]
    write(responses_of(3, 2), {"ids.txt": "a\n\nc\n"}, stimulus_ids="ids.txt")
    with pytest.raises(InputError, match=r"ids\.txt: line 2 is empty"):
        arrays.read_arrays(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stimulus_ids: [1, 2, 3]", "stimulus_ids: 1 is no word in YAML: write it in quotes, '1'"),
        ("stimulus_ids: [a, no, c]", "stimulus_ids: False is no word"),
        ("stimulus_ids: [001, 002, 003]", "line 1: 001 would be another number"),
        ("stimulus_ids: [a, b, c]\nobject_name: [1, 1, 2]", "object_name: 1 is no word"),
        ("stimulus_ids: [a, b, c]\nstimulus_ids: [a, b, d]", "line 2: 'stimulus_ids' is there twice"),
        ("stimulus_ids: [a, b, '']", "stimulus_id: '' is no name"),
    ],
)
def test_ids_that_yaml_would_change_are_refused(write, text, message):
    path = write(responses_of(3, 2))
    path.write_text(f"{text}\nresponses: responses.npy\ntime_bins: [[70, 170]]\n")
    with pytest.raises(InputError, match=rf"card\.yaml: .*{message}"):
        arrays.read_arrays(path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[1, None], [2, 3], [4, 5]], dtype=object), "an array of Python objects"),
        (np.array([["1", "2"]] * 3), "type <U1; expected numbers"),
        (np.zeros((3, 2), dtype=[("a", float)]), "expected numbers"),
        (np.zeros((3, 0)), r"shape \(3, 0\)"),
    ],
)
def test_arrays_that_are_no_numbers_are_named(write, values, message):
    with pytest.raises(InputError, match=rf"responses\.npy: .*{message}"):
        arrays.read_arrays(write(values))


def test_an_archive_of_arrays_is_named(write, tmp_path):
    path = write(responses_of(3, 2))
    with open(tmp_path / "responses.npy", "wb") as file:
        np.savez(file, a=np.zeros(3))
    with pytest.raises(InputError, match=r"responses\.npy: .*an archive of arrays"):
        arrays.read_arrays(path)


@pytest.mark.parametrize("dtype", [">f8", "<f4", ">f4", np.float16, ">i2", np.longdouble])
def test_byte_order_and_memory_order_change_nothing(write, dtype):
    values = np.arange(6).reshape(3, 2).astype(dtype)
    for array in (values, np.asfortranarray(values)):
        read = arrays.read_arrays(write(array))
        np.testing.assert_array_equal(read.values[:, 0, :, 0], np.arange(6).reshape(3, 2))
        assert read.dtype.isnative


# --- axes in another order, and stimuli in the order of the set ---

ORDERS = (
    ("neuroid", "stimulus", "repetition"),
    ("repetition", "time_bin", "neuroid", "stimulus"),
    ("neuroid", "stimulus"),
    ("time_bin", "stimulus", "neuroid"),
)


@pytest.mark.parametrize("axes", ORDERS, ids="-".join)
def test_axes_in_any_order_give_the_same_recording(write, axes):
    whole = {"stimulus": 3, "neuroid": 4, "repetition": 5, "time_bin": 2}
    time_bins = [[70, 170], [170, 270]] if "time_bin" in axes else [[70, 170]]
    responses = responses_of(*(whole[axis] if axis in axes else 1 for axis in whole))
    expected = arrays.read_arrays(write(responses, time_bins=time_bins))
    present = [axis for axis in whole if axis in axes]
    stored = responses.reshape([whole[axis] for axis in present]).transpose([present.index(a) for a in axes])
    path = write(stored, time_bins=time_bins, axes=list(axes))
    assert arrays.read_arrays(path).identical(expected)
    shape, coordinates = arrays.read_lists(path)
    assert shape == expected.shape and coordinates["stimulus_id"] == ["s0", "s1", "s2"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": ["neuroid", "repetition"]}, "axes: no stimulus among neuroid, repetition"),
        ({"axes": ["stimulus", "time_bin"]}, "axes: no neuroid among stimulus, time_bin"),
        ({"axes": ["neuroid", "stimulus", "neuroid"]}, "axes: "),
        ({"axes": ["neuron", "stimulus"]}, "axes.0: 'neuron' is not one of"),
        (
            {"axes": ["neuroid", "stimulus", "repetition"]},
            "responses.npy: shape (3, 4), type float64; expected",
        ),
        ({"region": "V4", "neuroids": "n.csv"}, "region: V4, but n.csv tells of the neuroids"),
    ],
)
def test_axes_that_do_not_fit_are_named(write, changes, message):
    path = write(responses_of(3, 4), {"n.csv": "neuroid_id\na\nb\nc\nd\n"}, **changes)
    for read in (arrays.read_arrays, arrays.read_lists):
        with pytest.raises(InputError) as error:
            read(path)
        assert message in str(error.value)


def test_axes_of_a_csv_are_refused(write):
    path = write("a,b\n1,2\n3,4\n5,6\n", responses="r.csv", axes=["neuroid", "stimulus"])
    with pytest.raises(InputError, match=r"axes: for \.npy arrays; r\.csv has one row per stimulus"):
        arrays.read_arrays(path)


def test_without_ids_the_stimuli_are_those_of_the_set_in_its_order(write):
    responses = responses_of(3, 2)
    path = write(responses, stimulus_ids=None)
    recording = arrays.read_arrays(path, stimulus_ids=["b", "c", "a"])
    for stimulus, row in zip("bca", responses, strict=True):
        np.testing.assert_array_equal(
            recording.sel(stimulus=recording.stimulus_id == stimulus).squeeze(), row
        )
    assert arrays.read_arrays(path).stimulus_id.values.tolist() == ["1", "2", "3"]
    with pytest.raises(
        InputError, match=r"hence the 2 of the stimulus set, but responses\.npy has 3 stimuli"
    ):
        arrays.read_arrays(path, stimulus_ids=["a", "b"])


def test_ids_of_the_card_come_before_those_of_the_set(write):
    recording = arrays.read_arrays(write(responses_of(3, 2)), stimulus_ids=["x", "y"])
    assert recording.stimulus_id.values.tolist() == ["s0", "s1", "s2"]


def test_region_and_subject_of_a_card_are_those_of_all_neuroids(write):
    path = write(responses_of(3, 4), region="V4", subject="PE")
    recording = arrays.read_arrays(path, region="V4")
    assert recording.region.values.tolist() == ["V4"] * 4 and recording.subject.values.tolist() == ["PE"] * 4
    with pytest.raises(InputError, match="region"):
        arrays.read_arrays(path, region="IT")


def test_a_file_is_the_same_however_a_card_names_it(tmp_path, monkeypatch):
    """Rules that fetch files know them by their plain paths."""
    monkeypatch.chdir(tmp_path)
    for folder in ("config/real", "data"):
        Path(folder).mkdir(parents=True)
    np.save("data/r.npy", responses_of(3, 2))
    card = CARD | {"responses": "../../data/r.npy"}
    Path("config/real/card.yaml").write_text(yaml.safe_dump(card))
    assert arrays.named_files("config/real/card.yaml") == ["data/r.npy"]
    assert arrays.read_arrays("config/real/card.yaml").sizes["neuroid"] == 2
    Path("elsewhere/a").mkdir(parents=True)
    Path("config").rename("elsewhere/a/config")
    Path("config").symlink_to("elsewhere/a/config")  # from where ../../data would be another folder
    assert arrays.named_files("config/real/card.yaml") == ["data/r.npy"]
    assert arrays.read_lists("config/real/card.yaml")[0] == (3, 1, 2, 1)
    assert arrays.read_arrays("config/real/card.yaml").sizes["neuroid"] == 2


V4 = Path(__file__).resolve().parents[4] / "shared" / "real" / "v4_210325"


@pytest.mark.skipif(not V4.is_dir(), reason=f"the recording of V4 is not at {V4} (no part of the project)")
def test_the_array_of_v4_is_read_as_it_is(tmp_path):
    axes = ["neuroid", "stimulus", "repetition"]
    card = {"responses": str(V4 / "responses_raw.npy"), "axes": axes, "time_bins": [[0, 100]], "region": "V4"}
    (tmp_path / "v4.yaml").write_text(yaml.safe_dump(card))
    names = [f"image{number:04d}.jpg" for number in range(1, 641)]
    recording = arrays.read_arrays(tmp_path / "v4.yaml", region="V4", stimulus_ids=names)
    stored = np.load(V4 / "responses_raw.npy")
    assert recording.shape == (640, 10, 50, 1)
    np.testing.assert_array_equal(recording.values[..., 0], stored.transpose(1, 2, 0))
