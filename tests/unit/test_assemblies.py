"""Claims about assemblies, the internal form of recordings, and split-half ceilings."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import xarray as xr
from scipy import stats as scipy_stats

from visalign import assemblies, ceilings
from visalign.errors import InputError


def population(
    n_stimuli: int, n_repetitions: int, n_neuroids: int, reliability: float, seed: int = 0
) -> np.ndarray:
    """Signal plus trial noise; a single trial's reliability is signal variance / total variance."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((n_stimuli, 1, n_neuroids))
    noise = rng.standard_normal((n_stimuli, n_repetitions, n_neuroids))
    return np.sqrt(reliability) * signal + np.sqrt(1 - reliability) * noise


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
    assert assemblies.time_windows(recording) == ["70-170", "170-270"]
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
    assert assemblies.content_sha256(a) == assemblies.content_sha256(b)


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
    assert recording.sizes["time_bin"] == 1 and assemblies.time_windows(recording) == ["70-170"]


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
        assemblies.write_recording(tmp_path / name, recording)
    back = assemblies.read_recording(tmp_path / "b.nc")
    assert back.equals(recording) and back.attrs == recording.attrs
    assert assemblies.content_sha256(back) == assemblies.content_sha256(recording)
    assert (tmp_path / "b.nc").read_bytes() == (tmp_path / "c.nc").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.nc", "b.nc", "c.nc"]


def test_the_content_hash_sees_every_part(tmp_path):
    write(tmp_path / "a.nc", np.zeros((2, 2, 2, 1)))
    recording = assemblies.read_assembly(tmp_path / "a.nc")
    hashes = {assemblies.content_sha256(recording)}
    changed = recording.copy(deep=True)
    changed[0, 0, 0, 0] = 1
    hashes.add(assemblies.content_sha256(changed))
    for name in assemblies.COORDINATES:
        values = recording[name].values.copy()
        values[0] = "other" if values.dtype == object else 99
        changed = recording.assign_coords({name: (recording[name].dims, values)})
        hashes.add(assemblies.content_sha256(changed))
    hashes.add(assemblies.content_sha256(recording.assign_attrs(simulated=0)))
    assert len(hashes) == 3 + len(assemblies.COORDINATES)


def test_an_assembly_is_no_recording(tmp_path):
    write(tmp_path / "a.nc", np.zeros((2, 2, 2, 1)))
    for name in ("a.nc", "absent.nc"):
        with pytest.raises(InputError, match=name):
            assemblies.read_recording(tmp_path / name)


# --- ceilings ---


@pytest.mark.parametrize("missing", [False, True])
def test_ceiling_equals_a_straightforward_recomputation(missing):
    responses = population(30, 7, 5, 0.4)
    if missing:
        responses[np.random.default_rng(1).random(responses.shape) < 0.3] = np.nan
    ceiling = ceilings.split_half_ceiling(responses, n_splits=4, seed=3)
    # ShuffleSplit's definition: of a permutation, the last are the training half, the first the test half.
    rng = np.random.RandomState(3)
    expected = np.zeros((4, 5))
    for split in range(4):
        permutation = rng.permutation(7)
        for neuroid in range(5):
            halves = []
            for half in (permutation[:4], permutation[4:]):
                means = []
                for stimulus in range(30):
                    trials = [responses[stimulus, k, neuroid] for k in half]
                    trials = [t for t in trials if not np.isnan(t)]
                    means.append(sum(trials) / len(trials) if trials else np.nan)
                halves.append(np.array(means))
            both = ~np.isnan(halves[0]) & ~np.isnan(halves[1])
            r = scipy_stats.pearsonr(halves[0][both], halves[1][both])[0]
            expected[split, neuroid] = 2 * r / (1 + r)
    np.testing.assert_allclose(ceiling.per_split, expected, atol=1e-12)
    np.testing.assert_allclose(ceiling.per_neuroid, expected.mean(axis=0), atol=1e-12)
    assert ceiling.value == pytest.approx(np.median(expected, axis=1).mean(), abs=1e-12)


@pytest.mark.parametrize(("reliability", "n_repetitions"), [(0.3, 8), (0.1, 20), (0.6, 2)])
def test_ceiling_recovers_the_planted_reliability(reliability, n_repetitions):
    """Planted: of the mean over k trials of reliability q, kq / (1 + (k − 1)q), by construction.

    One neuroid's estimate has a standard error of at most .025 at 800 stimuli (Fisher: (1 − r²)/√n, times
    the correction's slope 2/(1 + r)²); the median over 60 neuroids shrinks it by √(π/2)/√60 to .004. The
    tolerance is four of them.
    """
    responses = population(800, n_repetitions, 60, reliability)
    planted = n_repetitions * reliability / (1 + (n_repetitions - 1) * reliability)
    ceiling = ceilings.split_half_ceiling(responses)
    assert ceiling.value == pytest.approx(planted, abs=0.016)
    assert ceiling.ci_low - 0.01 < planted < ceiling.ci_high + 0.01
    assert ceiling.ci_low < ceiling.value < ceiling.ci_high


def test_noise_free_neuroids_have_ceiling_one_and_pure_noise_zero():
    assert ceilings.split_half_ceiling(population(50, 4, 8, 1.0)).value == pytest.approx(1)
    # The corrected r of pure noise at 2,000 stimuli scatters by 2/√2000 = .045 a neuroid, .008 in the median.
    assert abs(ceilings.split_half_ceiling(population(2000, 4, 60, 0.0)).value) < 0.032


def test_ceiling_does_not_depend_on_offset_and_scale_of_neuroids():
    responses = population(40, 6, 5, 0.5)
    shifted = responses * np.array([1, 10, 0.1, 3, 2]) + np.array([0, 100, -7, 1, 5])
    a, b = (ceilings.split_half_ceiling(r).per_neuroid for r in (responses, shifted))
    np.testing.assert_allclose(a, b, atol=1e-10)


def test_one_repetition_has_no_ceiling():
    ceiling = ceilings.split_half_ceiling(population(20, 1, 3, 0.5))
    assert np.isnan(ceiling.value) and np.isnan(ceiling.per_neuroid).all()
    assert ceiling.per_split.shape == (10, 3)


def test_a_constant_neuroid_is_undefined_and_does_not_spoil_the_others():
    responses = population(40, 6, 5, 0.5)
    without = ceilings.split_half_ceiling(responses[:, :, 1:])
    responses[:, :, 0] = 3.0
    ceiling = ceilings.split_half_ceiling(responses)
    assert np.isnan(ceiling.per_neuroid).tolist() == [True, False, False, False, False]
    assert ceiling.value == pytest.approx(without.value)
