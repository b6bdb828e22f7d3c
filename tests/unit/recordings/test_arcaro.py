"""Claims about MATLAB files of activity at grid positions: both versions, time bins, gaps in channels."""

from __future__ import annotations

import hashlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from visalign.errors import InputError
from visalign.recordings import arcaro, form

NAMES = ["forest.png", "Bäckerei.png"]
SHAPE = (4, 3, 30, 5, 2)  # x, y, time, channel, image


def write_version_5(path: Path, responses: np.ndarray, names: list[str]) -> None:
    cells = np.empty((1, len(names)), dtype=object)
    cells[0] = names
    scipy.io.savemat(path, {"imageRF": responses, "UniqueNames": cells}, do_compression=True)


def write_version_7_3(path: Path, responses: np.ndarray, names: list[str]) -> None:
    """As MATLAB does: a header of 512 bytes, axes reversed, cells as references to UTF-16 units."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file["imageRF"] = responses.T
        file["imageRF"].attrs["MATLAB_class"] = np.bytes_("double")
        cells = file.create_dataset("UniqueNames", (len(names), 1), dtype=h5py.ref_dtype)
        cells.attrs["MATLAB_class"] = np.bytes_("cell")
        for index, name in enumerate(names):
            units = np.frombuffer(name.encode("utf-16-le"), dtype=np.uint16)[:, None]
            cell = file.create_dataset(f"#refs#/{index}", data=units)
            cell.attrs["MATLAB_class"] = np.bytes_("char")
            cell.attrs["MATLAB_int_decode"] = np.int32(2)
            cells[index, 0] = cell.ref
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


WRITERS = {"5": write_version_5, "7.3": write_version_7_3}


@pytest.fixture(params=WRITERS)
def write(request, tmp_path):
    def write(responses: np.ndarray, names: list[str] = NAMES) -> Path:
        WRITERS[request.param](tmp_path / "ml.mat", responses, names)
        return tmp_path / "ml.mat"

    return write


def read(path: Path, windows: str = "5-9,10-19", **more):
    return arcaro.read_activity(path, windows, "ML", "George", **more)


def test_every_response_lands_at_its_image_position_site_and_window(write):
    responses = np.random.default_rng(0).standard_normal(SHAPE)
    recording = read(write(responses))
    assert form.grid(recording) == (2, 3, 4)
    assert recording.shape == (24, 1, 5, 2)
    assert form.time_windows(recording) == ["5-9", "10-19"]
    assert recording.neuroid_id.values.tolist() == [f"George-ML-{c:03d}" for c in range(1, 6)]
    assert set(recording.region.values) == {"ML"} and set(recording.subject.values) == {"George"}
    for x, y, channel, image in np.ndindex(4, 3, 5, 2):
        at = recording.stimulus_id.values.tolist().index(f"{NAMES[image]}/{y:02d}-{x:02d}")
        expected = [responses[x, y, span, channel, image].mean() for span in (range(5, 10), range(10, 20))]
        np.testing.assert_allclose(recording.values[at, 0, channel], expected, rtol=1e-12)


def test_both_versions_of_a_file_give_the_same_recording(tmp_path):
    responses = np.random.default_rng(0).standard_normal(SHAPE)
    responses[:, :, :, 1] = np.nan
    recordings = []
    for version, write in WRITERS.items():
        (tmp_path / version).mkdir()
        write(tmp_path / version / "ml.mat", responses, NAMES)
        recordings.append(read(tmp_path / version / "ml.mat"))
    assert recordings[0].identical(recordings[1])
    assert len({form.content_sha256(recording) for recording in recordings}) == 1


def test_windows_hold_both_their_ends_in_ms_from_onset(write):
    """The response is its own sample number, so a window's mean is the middle of its samples."""
    responses = np.broadcast_to(np.arange(30.0)[:, None, None], SHAPE).copy()
    path = write(responses)
    np.testing.assert_allclose(read(path).values[0, 0, 0], [7, 14.5])
    np.testing.assert_allclose(read(path, first_ms=1).values[0, 0, 0], [6, 13.5])
    np.testing.assert_allclose(read(path, "0-29").values[0, 0, 0], [14.5])


def test_a_channel_with_missing_responses_is_left_out_and_named(write):
    responses = np.random.default_rng(0).standard_normal(SHAPE)
    whole = read(write(responses))
    responses[:, :, :, 0] = np.nan
    responses[1, 2, 6, 3, 0] = np.nan
    responses[0, 0, 25, 4, 0] = np.nan  # outside the windows
    recording = read(write(responses))
    assert recording.attrs["neuroids_missing"].splitlines() == ["George-ML-001", "George-ML-004"]
    assert recording.equals(whole.isel(neuroid=[1, 2, 4]))
    assert "neuroids_missing" not in whole.attrs


@pytest.mark.parametrize(
    ("windows", "first_ms", "message"),
    [
        ("5-30", 0, "ml.mat: windows: 5-30 ms is not within 0-29 ms"),
        ("0-9", 1, "ml.mat: windows: 0-9 ms is not within 1-30 ms"),
        ("9-5", 0, "windows: '9-5' is not START-END"),
        ("5-9;10-19", 0, "windows: '5-9;10-19' is not START-END"),
        ("", 0, "windows: '' is not START-END"),
    ],
)
def test_bad_windows_are_named(write, windows, first_ms, message):
    with pytest.raises(InputError, match=message):
        read(write(np.zeros(SHAPE)), windows, first_ms=first_ms)


@pytest.mark.parametrize(
    ("responses", "names", "message"),
    [
        (np.zeros(SHAPE[:4]), NAMES, r"imageRF: shape \(4, 3, 30, 5\), type float64"),
        (np.zeros(SHAPE), NAMES[:1], "UniqueNames: 1 names of 2 images"),
        (np.zeros(SHAPE), ["a", "a"], "stimulus_id: 'a/00-00' is there twice"),
        (np.full(SHAPE, np.nan), NAMES, r"imageRF: missing responses \(NaN\) in every channel"),
        (np.full(SHAPE, np.inf), NAMES, "responses: infinite at neuroid_id 'George-ML-001'"),
    ],
)
def test_bad_contents_are_named(write, responses, names, message):
    with pytest.raises(InputError, match=rf"ml\.mat: {message}"):
        read(write(responses, names))


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text.mat").write_text("no MATLAB file")
    scipy.io.savemat(tmp_path / "other.mat", {"x": 1.0})
    with h5py.File(tmp_path / "other_7_3.mat", "w") as file:
        file["x"] = 1.0
    for name in ("absent.mat", "text.mat", "other.mat", "other_7_3.mat"):
        with pytest.raises(InputError, match=name) as error:
            read(tmp_path / name)
        assert "\n" not in str(error.value)


def test_a_wrong_checksum_is_named_and_the_right_one_accepted(write):
    path = write(np.zeros(SHAPE))
    read(path, sha1=hashlib.sha1(path.read_bytes()).hexdigest())
    with pytest.raises(InputError, match=r"ml\.mat: sha1: .*, expected 00"):
        read(path, sha1="00")
