"""Claims about assemblies and the internal form of recordings."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import xarray as xr

from visalign.errors import InputError
from visalign.recordings import assembly as assemblies
from visalign.recordings import form


def write(path, responses: np.ndarray, **changes) -> None:
    n_stimuli, _, n_neuroids, n_bins = responses.shape
    fields = {
        "stimulus_id": [f"s{i}" for i in range(n_stimuli)],
        "object_name": [f"object{i % 2}" for i in range(n_stimuli)],
        "neuroid_id": [f"n{i}" for i in range(n_neuroids)],
        "region": ["IT" if i % 2 == 0 else "V4" for i in range(n_neuroids)],
        "subject": ["Chabo"] * n_neuroids,
        "time_bins": [(70 + 100 * i, 170 + 100 * i) for i in range(n_bins)],
        "attrs": {"identifier": "test.assembly", "simulated": True},
    }
    assemblies.write_assembly(path, responses, **(fields | changes))


def public_form(n_presentations: int = 6, **coords) -> xr.DataArray:
    """An assembly as the public file lays it out: neuroids first, image_id, more coordinates."""
    values = np.arange(3 * n_presentations, dtype=np.float32).reshape(3, n_presentations, 1)
    ids = np.array([f"im{i // 2}" for i in range(n_presentations)], dtype=object)
    defaults = {
        "image_id": ("presentation", ids),
        "object_name": (
            "presentation",
            np.array(["car" if i == "im0" else "face" for i in ids], dtype=object),
        ),
        "repetition": ("presentation", np.arange(n_presentations) % 2),
        "background_id": ("presentation", np.zeros(n_presentations)),
        "neuroid_id": ("neuroid", np.array(["c", "a", "b"], dtype=object)),
        "animal": ("neuroid", np.array(["Tito", "Chabo", "Tito"], dtype=object)),
        "region": ("neuroid", np.array(["IT", "V4", "IT"], dtype=object)),
        "time_bin_start": ("time_bin", [70]),
        "time_bin_end": ("time_bin", [170]),
    }
    coords = {name: value for name, value in (defaults | coords).items() if value is not None}
    return xr.DataArray(
        values, dims=("neuroid", "presentation", "time_bin"), coords=coords, name="dicarlo.Test2015.public"
    )


# --- reading ---


def test_an_assembly_survives_the_round_trip(tmp_path):
    responses = np.random.default_rng(0).standard_normal((5, 3, 4, 2)).astype(np.float32)
    write(tmp_path / "a.nc", responses)
    recording = assemblies.read_assembly(tmp_path / "a.nc")
    assert recording.dims == ("stimulus", "repetition", "neuroid", "time_bin")
    assert recording.dtype == np.float32
    np.testing.assert_array_equal(recording.values, responses)
    assert recording.stimulus_id.values.tolist() == ["s0", "s1", "s2", "s3", "s4"]
    assert recording.object_name.values.tolist() == ["object0", "object1", "object0", "object1", "object0"]
    assert recording.region.values.tolist() == ["IT", "V4", "IT", "V4"]
    assert recording.subject.values.tolist() == ["Chabo"] * 4
    assert form.time_windows(recording) == ["70-170", "170-270"]
    assert recording.attrs["identifier"] == "test.assembly" and recording.attrs["simulated"] == 1


def test_every_dimension_is_sorted_whatever_the_order_of_the_file(tmp_path):
    responses = np.random.default_rng(0).standard_normal((4, 2, 3, 2))
    write(tmp_path / "a.nc", responses)
    stimuli, neuroids = [2, 0, 3, 1], [1, 2, 0]
    write(
        tmp_path / "b.nc",
        responses[stimuli][:, :, neuroids][..., ::-1],
        stimulus_id=[f"s{i}" for i in stimuli],
        object_name=[f"object{i % 2}" for i in stimuli],
        neuroid_id=[f"n{i}" for i in neuroids],
        region=["IT" if i % 2 == 0 else "V4" for i in neuroids],
        time_bins=[(170, 270), (70, 170)],
    )
    a, b = (assemblies.read_assembly(tmp_path / name) for name in ("a.nc", "b.nc"))
    assert a.identical(b)
    assert form.content_sha256(a) == form.content_sha256(b)


def test_the_public_layout_is_read(tmp_path):
    assembly = public_form()
    assembly.to_netcdf(tmp_path / "public.nc", engine="h5netcdf")
    recording = assemblies.read_assembly(tmp_path / "public.nc", region="IT")
    assert recording.shape == (3, 2, 2, 1)
    assert recording.neuroid_id.values.tolist() == ["b", "c"]
    assert recording.subject.values.tolist() == ["Tito", "Tito"]
    assert recording.stimulus_id.values.tolist() == ["im0", "im1", "im2"]
    # neuroid c is row 0 of the file, b row 2; presentation 2·i + j is repetition j of image i
    np.testing.assert_array_equal(recording.values[:, :, 1, 0], [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(recording.values[:, :, 0, 0], [[12, 13], [14, 15], [16, 17]])
    assert recording.attrs == {
        "identifier": "dicarlo.Test2015.public",
        "simulated": 0,
        "n_neuroids_other_regions": 1,
    }


def test_netcdf_3_is_read_like_netcdf_4(tmp_path):
    assembly = public_form()
    assembly.to_netcdf(tmp_path / "four.nc", engine="h5netcdf")
    assembly.to_netcdf(tmp_path / "three.nc", engine="scipy")
    four, three = (assemblies.read_assembly(tmp_path / name) for name in ("four.nc", "three.nc"))
    assert four.equals(three) and four.dtype == three.dtype


def test_an_assembly_without_time_dimension_is_read(tmp_path):
    public_form().isel(time_bin=0).to_netcdf(tmp_path / "squeezed.nc", engine="h5netcdf")
    recording = assemblies.read_assembly(tmp_path / "squeezed.nc")
    assert recording.sizes["time_bin"] == 1 and form.time_windows(recording) == ["70-170"]


def test_presentations_without_named_repetitions_are_counted(tmp_path):
    public_form(repetition=None).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    recording = assemblies.read_assembly(tmp_path / "a.nc")
    np.testing.assert_array_equal(recording.repetition.values, [0, 1])
    np.testing.assert_array_equal(recording.values[0, :, 0, 0], [6, 7])


def test_missing_repetitions_are_nan(tmp_path):
    responses = np.random.default_rng(0).standard_normal((3, 3, 2, 1))
    responses[0, 2] = responses[2, 1] = np.nan
    responses[1, 0, 1] = np.nan  # one neuroid of a presentation
    write(tmp_path / "a.nc", responses)
    assert xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf").sizes["presentation"] == 7
    np.testing.assert_array_equal(assemblies.read_assembly(tmp_path / "a.nc").values, responses)


# --- bad input ---


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_responses_are_named(tmp_path, value):
    responses = np.zeros((3, 2, 4, 1))
    responses[1, 1, 2] = value
    write(tmp_path / "a.nc", responses)
    with pytest.raises(InputError, match=r"a.nc: responses: infinite at neuroid_id 'n2', stimulus_id 's1'"):
        assemblies.read_assembly(tmp_path / "a.nc")


def test_a_neuroid_without_responses_is_named(tmp_path):
    responses = np.zeros((3, 2, 4, 2))
    responses[:, :, 3, 1] = np.nan
    write(tmp_path / "a.nc", responses)
    with pytest.raises(
        InputError, match=r"a.nc: neuroid_id: 'n3' has only missing responses \(NaN\) at 170-270"
    ):
        assemblies.read_assembly(tmp_path / "a.nc")
    assert assemblies.read_assembly(tmp_path / "a.nc", region="IT").sizes["neuroid"] == 2  # n3 is in V4


def test_a_stimulus_without_responses_is_named(tmp_path):
    responses = np.zeros((3, 2, 4, 1))
    responses[1] = np.nan
    write(tmp_path / "a.nc", responses)
    with pytest.raises(InputError, match=r"a.nc: stimulus_id: 's1' has only missing responses"):
        assemblies.read_assembly(tmp_path / "a.nc")


def test_a_wrong_checksum_is_named_and_the_right_one_accepted(tmp_path):
    path = tmp_path / "a.nc"
    write(path, np.zeros((3, 2, 4, 1)))
    sha1 = hashlib.sha1(path.read_bytes()).hexdigest()
    assemblies.read_assembly(path, sha1=sha1.upper())
    with pytest.raises(InputError, match=f"a.nc: sha1: {sha1}, expected 13d2"):
        assemblies.read_assembly(path, sha1="13d2")


@pytest.mark.parametrize(
    ("coords", "message"),
    [
        ({"image_id": None}, "no coordinate 'stimulus_id' or 'image_id'"),
        ({"neuroid_id": None}, "no coordinate 'neuroid_id'"),
        ({"time_bin_start": None}, "no coordinate 'time_bin_start'"),
        (
            {"time_bin_end": ("time_bin", np.array(["late"], dtype=object))},
            "time_bin_end: 'late' is not a number",
        ),
        ({"neuroid_id": ("neuroid", np.array(list("aba"), dtype=object))}, "neuroid_id: 'a' is there twice"),
        (
            {"repetition": ("presentation", [0, 0, 0, 1, 0, 1])},
            "repetition: 0 of stimulus 'im0' is there twice",
        ),
        ({"object_name": ("presentation", np.array(list("abccdd"), dtype=object))}, "stimulus 'im0' has two"),
    ],
)
def test_bad_coordinates_are_named(tmp_path, coords, message):
    public_form(**coords).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=message) as error:
        assemblies.read_assembly(tmp_path / "a.nc")
    assert str(error.value).startswith(f"{tmp_path / 'a.nc'}: ") and "\n" not in str(error.value)


def test_an_unknown_region_is_named_with_those_there(tmp_path):
    write(tmp_path / "a.nc", np.zeros((2, 2, 2, 1)))
    with pytest.raises(InputError, match=r"region: no neuroid in 'V1' \(regions: IT, V4\)"):
        assemblies.read_assembly(tmp_path / "a.nc", region="V1")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text.nc").write_text("no netCDF")
    (tmp_path / "cut.nc").write_bytes(b"CDF\x01")
    xr.Dataset({"x": ("presentation", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    for name in ("absent.nc", "text.nc", "cut.nc", "other.nc"):
        with pytest.raises(InputError, match=name):
            assemblies.read_assembly(tmp_path / name)


# --- the internal form on disk ---


def test_a_recording_survives_the_round_trip_byte_by_byte(tmp_path):
    responses = np.random.default_rng(0).standard_normal((3, 2, 4, 2))
    responses[0, 1] = np.nan
    write(tmp_path / "a.nc", responses)
    recording = assemblies.read_assembly(tmp_path / "a.nc")
    for name in ("b.nc", "c.nc"):
        form.write_recording(tmp_path / name, recording)
    back = form.read_recording(tmp_path / "b.nc")
    assert back.equals(recording) and back.attrs == recording.attrs
    assert form.content_sha256(back) == form.content_sha256(recording)
    assert (tmp_path / "b.nc").read_bytes() == (tmp_path / "c.nc").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.nc", "b.nc", "c.nc"]


def test_the_content_hash_sees_every_part(tmp_path):
    write(tmp_path / "a.nc", np.zeros((2, 2, 2, 1)))
    recording = assemblies.read_assembly(tmp_path / "a.nc")
    hashes = {form.content_sha256(recording)}
    changed = recording.copy(deep=True)
    changed[0, 0, 0, 0] = 1
    hashes.add(form.content_sha256(changed))
    for name in form.COORDINATES:
        values = recording[name].values.copy()
        values[0] = "other" if values.dtype == object else 99
        changed = recording.assign_coords({name: (recording[name].dims, values)})
        hashes.add(form.content_sha256(changed))
    hashes.add(form.content_sha256(recording.assign_attrs(simulated=0)))
    assert len(hashes) == 3 + len(form.COORDINATES)


def test_an_assembly_is_no_recording(tmp_path):
    write(tmp_path / "a.nc", np.zeros((2, 2, 2, 1)))
    for name in ("a.nc", "absent.nc"):
        with pytest.raises(InputError, match=name):
            form.read_recording(tmp_path / name)


def test_a_recording_without_optional_coordinates_keeps_its_hash(tmp_path):
    write(tmp_path / "a.nc", np.arange(8.0).reshape(2, 2, 2, 1))
    expected = "d83ab6c284787d72779dc94e30f90bec4c1ddceb59b747a367f44da4f0767010"
    assert form.content_sha256(assemblies.read_assembly(tmp_path / "a.nc")) == expected


# --- positions of sites and of images ---


def test_positions_of_sites_are_read_sorted_with_their_neuroids(tmp_path):
    places = {"x": ("neuroid", [3.0, 1.0, np.nan]), "y": ("neuroid", [0, 1, 2])}
    public_form(**places).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    recording = assemblies.read_assembly(tmp_path / "a.nc")
    assert recording.neuroid_id.values.tolist() == ["a", "b", "c"]  # the file has c, a, b
    np.testing.assert_array_equal(recording.x.values, [1, np.nan, 3])
    np.testing.assert_array_equal(recording.y.values, [1, 2, 0])


def grid_recording(n_images: int = 2, height: int = 3, width: int = 4, keep=slice(None)) -> xr.DataArray:
    """A grid recording whose responses count image by image and row by row, given in a random order."""
    order = np.random.default_rng(0).permutation(n_images * height * width)[keep]
    image, y, x = np.unravel_index(order, (n_images, height, width))
    coordinates = form.grid_stimuli([f"scene {i}.png" for i in image], y, x) | {
        "repetition": [0],
        "neuroid_id": ["a"],
        "region": ["ML"],
        "subject": ["George"],
        "time_bin_start": [51.0],
        "time_bin_end": [90.0],
        "x": [0.5],
        "y": [np.nan],
    }
    responses = order.astype(float).reshape(-1, 1, 1, 1)
    attrs = {"identifier": "grid", "simulated": 1}
    return form.internal_form("grid.mat", responses, coordinates, attrs)


def test_values_of_a_grid_recording_reshape_to_grids():
    recording = grid_recording()
    assert form.is_grid(recording) and form.grid(recording) == (2, 3, 4)
    np.testing.assert_array_equal(recording.values.ravel(), np.arange(24))
    assert recording.stimulus_id.values[[0, 1, 4, 23]].tolist() == [
        "scene 0.png/00-00",
        "scene 0.png/00-01",
        "scene 0.png/01-00",
        "scene 1.png/02-03",
    ]


def test_rows_of_a_grid_beyond_99_are_in_order_too():
    recording = grid_recording(1, 101, 1)
    np.testing.assert_array_equal(recording.values.ravel(), np.arange(101))


def test_an_assembly_has_no_grid(tmp_path):
    write(tmp_path / "a.nc", np.zeros((2, 2, 2, 1)))
    assert not form.is_grid(assemblies.read_assembly(tmp_path / "a.nc"))


def test_an_image_without_its_whole_grid_is_named():
    message = (
        r"grid.mat: image_id: 'scene \d.png' is there at \d+ positions, not at all 12 of the grid of 3 × 4"
    )
    with pytest.raises(InputError, match=message):
        grid_recording(keep=slice(1, None))


def test_a_grid_recording_survives_the_round_trip(tmp_path):
    recording = grid_recording()
    form.write_recording(tmp_path / "grid.nc", recording)
    back = form.read_recording(tmp_path / "grid.nc")
    assert back.identical(recording) and form.grid(back) == (2, 3, 4)
    assert form.content_sha256(back) == form.content_sha256(recording)


@pytest.mark.parametrize("name", form.OPTIONAL_COORDINATES)
def test_the_content_hash_sees_every_optional_coordinate(name):
    recording = grid_recording()
    values = recording[name].values.copy()
    values[0] = "other" if values.dtype == object else 99
    changed = recording.assign_coords({name: (recording[name].dims, values)})
    hashes = {form.content_sha256(r) for r in (recording, changed, recording.drop_vars(name))}
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"region": ["ML", "PL"]}, "m.mat: region: 2 values, but responses of 1"),
        ({"stimulus_id": ["s", "s"]}, "m.mat: stimulus_id: 's' is there twice"),
    ],
)
def test_coordinates_that_do_not_fit_the_responses_are_named(change, message):
    coordinates = {
        "stimulus_id": ["s0", "s1"],
        "object_name": ["", ""],
        "repetition": [0],
        "neuroid_id": ["a"],
        "region": [""],
        "subject": [""],
        "time_bin_start": [0.0],
        "time_bin_end": [1.0],
    }
    with pytest.raises(InputError, match=message):
        form.internal_form("m.mat", np.zeros((2, 1, 1, 1)), coordinates | change, {})


# --- what the public form may leave out ---


def saved(tmp_path, assembly: xr.DataArray) -> xr.DataArray:
    assembly.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    return assemblies.read_assembly(tmp_path / "a.nc")


@pytest.mark.parametrize(
    ("ids", "names"),
    [
        ([1, 2, 3], ["1", "2", "3"]),
        ([1.0, 2.0, 10.0], ["1", "10", "2"]),
        (["0000", "0001", "0002"], ["0000", "0001", "0002"]),
        ([1.5, 2.0, 3.0], ["1.5", "2", "3"]),
    ],
)
def test_neuroids_may_be_called_by_numbers(tmp_path, ids, names):
    values = np.array(ids, dtype=object) if isinstance(ids[0], str) else np.array(ids)
    recording = saved(tmp_path, public_form(neuroid_id=("neuroid", values)))
    assert recording.neuroid_id.values.tolist() == names


def test_a_missing_or_doubled_number_among_names_is_named(tmp_path):
    for ids, reason in (
        ([1.0, np.nan, 2.0], "'' is no name .number 2"),
        ([1.0, 1.0, 2.0], "'1' is there twice"),
    ):
        with pytest.raises(InputError, match=rf"neuroid_id: {reason}"):
            saved(tmp_path, public_form(neuroid_id=("neuroid", np.array(ids))))


def test_stimuli_called_by_numbers_are_named_by_these(tmp_path):
    ids = ("presentation", np.array([7.0, 7, 8, 8, 9, 9]))
    names = ("presentation", np.repeat(np.array(["a", "b", "c"], dtype=object), 2))
    recording = saved(tmp_path, public_form(image_id=ids, object_name=names))
    assert recording.stimulus_id.values.tolist() == ["7", "8", "9"]


def test_an_assembly_without_time_bins_is_one_window(tmp_path):
    whole = public_form(time_bin_start=None, time_bin_end=None).isel(time_bin=0)
    recording = saved(tmp_path, whole)
    assert recording.sizes["time_bin"] == 1 and form.time_windows(recording) == [""]
    np.testing.assert_array_equal(recording.values[..., 0], saved(tmp_path, public_form()).values[..., 0])
    form.write_recording(tmp_path / "b.nc", recording)
    assert form.time_windows(form.read_recording(tmp_path / "b.nc")) == [""]


def test_one_window_that_says_its_borders_keeps_them(tmp_path):
    assert form.time_windows(saved(tmp_path, public_form().isel(time_bin=0))) == ["70-170"]


def test_a_window_that_ends_before_it_begins_is_refused(tmp_path):
    with pytest.raises(InputError, match="time_bin_start: 70 ms, but time_bin_end is 7 ms"):
        saved(tmp_path, public_form(time_bin_end=("time_bin", [7])))


def test_presentations_without_repetition_are_counted(tmp_path):
    recording = saved(tmp_path, public_form(repetition=None))
    assert recording.repetition.values.tolist() == [0, 1]
