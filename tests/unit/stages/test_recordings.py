"""Claims about the stage recordings."""

from __future__ import annotations

import json
from pathlib import Path

import golden
import numpy as np
import pandas as pd
import pytest
import scipy.io
import yaml

from visalign import cli
from visalign.errors import InputError
from visalign.io import sheets
from visalign.recordings import assembly, ceilings, form, site_pairs, subject_ceilings
from visalign.study.schemas import definition


def run(tmp_path, *more: str, path: str = "a.nc", reader: str = "assembly") -> dict:
    output = ["--output", "out/r.nc", "--ceilings", "out/r.csv", "--recording-card", "out/r.json"]
    arguments = ["recordings", "--name", "r", "--path", path, "--reader", reader]
    cli.main([*arguments, *output, *more])
    return json.loads((tmp_path / "out/r.json").read_text())


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(n_repetitions: int = 8, n_bins: int = 1, subject=("Chabo",) * 6, **attrs) -> np.ndarray:
        rng = np.random.default_rng(0)
        signal = rng.standard_normal((60, 1, 6, n_bins))
        responses = signal + rng.standard_normal((60, n_repetitions, 6, n_bins))
        assembly.write_assembly(
            "a.nc",
            responses,
            stimulus_id=[f"s{i:02d}" for i in range(60)],
            object_name=["car"] * 30 + ["face"] * 30,
            neuroid_id=[f"n{i}" for i in range(6)],
            region=["IT"] * 4 + ["V4"] * 2,
            subject=subject,
            time_bins=[(70 + 100 * i, 170 + 100 * i) for i in range(n_bins)],
            attrs={"identifier": "test.public"} | attrs,
        )
        return responses

    return write


def test_the_card_describes_the_recording(tmp_path, write):
    responses = write()
    card = run(tmp_path, "--region", "IT")
    expected = {
        "name": "r",
        "identifier": "test.public",
        "simulated": False,
        "protocol": "whole_image",
        "grid": None,
        "positions": False,
        "region": "IT",
        "regions": {"IT": 4},
        "subjects": {"Chabo": 4},
        "n_stimuli": 60,
        "n_neuroids": 4,
        "n_repetitions": 8,
        "n_time_bins": 1,
        "repetitions_per_stimulus": {"min": 8, "median": 8.0, "max": 8},
        "excluded": {"neuroids_other_regions": 2, "neuroids_missing": [], "responses_missing": 0},
    }
    assert {name: card[name] for name in expected} == expected
    recording = form.read_recording(tmp_path / "out/r.nc")
    np.testing.assert_array_equal(recording.values, responses[:, :, :4])
    assert card["content_sha256"] == form.content_sha256(recording)


def test_the_ceiling_is_that_of_the_responses(tmp_path, write):
    responses = write()
    card = run(tmp_path)
    expected = ceilings.split_half_ceiling(responses[..., 0], n_splits=10, seed=1)
    assert card["ceiling"]["value"] == pytest.approx(expected.value)
    assert card["ceiling"]["ci_low"] == pytest.approx(expected.ci_low)
    assert card["ceiling"]["status"] == "ok" and card["ceiling"]["n_splits"] == 10
    assert card["time_bins"] == [
        {"start": 70, "end": 170, "window": "70-170"}
        | {name: card[name] for name in ("ceiling", "subject_ceiling")}
    ]
    table = pd.read_csv(tmp_path / "out/r.csv")
    columns = "neuroid_id region subject time_bin_start time_bin_end window ceiling p_value reliable"
    columns += " subject_ceiling"
    assert table.columns.tolist() == columns.split()
    np.testing.assert_allclose(table["ceiling"], expected.per_neuroid)


def test_every_time_bin_has_its_own_ceiling(tmp_path, write):
    responses = write(n_bins=3)
    card = run(tmp_path)
    assert [window["window"] for window in card["time_bins"]] == ["70-170", "170-270", "270-370"]
    for index, window in enumerate(card["time_bins"]):
        expected = ceilings.split_half_ceiling(responses[..., index], n_splits=10, seed=1)
        assert window["ceiling"]["value"] == pytest.approx(expected.value)
    assert card["ceiling"]["value"] == pytest.approx(
        ceilings.split_half_ceiling(responses.mean(axis=3), n_splits=10, seed=1).value
    )
    assert len(pd.read_csv(tmp_path / "out/r.csv")) == 18


def test_one_repetition_gives_no_ceiling_but_a_reason(tmp_path, write):
    write(n_repetitions=1)
    card = run(tmp_path)
    assert card["ceiling"]["value"] is None and card["ceiling"]["ci_low"] is None
    assert card["ceiling"]["status"] == "one repetition only: no split-half ceiling"
    assert card["ceiling"]["n_undefined"] == 6
    assert pd.read_csv(tmp_path / "out/r.csv")["ceiling"].isna().all()


def test_neuroids_are_reliable_from_the_threshold_on(tmp_path, write):
    write(n_bins=2)
    run(tmp_path)
    table = pd.read_csv(tmp_path / "out/r.csv")
    threshold = float(table["ceiling"].sort_values().iloc[3:5].mean())
    card = run(tmp_path, "--reliability-threshold", str(threshold))
    reliable = pd.read_csv(tmp_path / "out/r.csv")["reliable"]
    assert (table["p_value"] < 0.05).all()
    np.testing.assert_array_equal(reliable, table["ceiling"] >= threshold)
    assert reliable.sum() == 8 == sum(window["ceiling"]["n_reliable"] for window in card["time_bins"])
    assert card["ceiling"]["reliability_threshold"] == threshold


def test_one_subject_gives_no_subject_ceiling_but_a_reason(tmp_path, write):
    write()
    ceiling = run(tmp_path)["subject_ceiling"]
    assert ceiling["value"] is None and ceiling["n_undefined"] == 6
    assert ceiling["status"] == "one subject only: no subject-to-subject ceiling"


def test_two_subjects_give_a_subject_ceiling_of_the_mean_responses(tmp_path, write):
    subjects = np.array(["Chabo", "Tito"] * 3)
    responses = write(subject=subjects)
    card = run(tmp_path)
    expected = subject_ceilings.subject_ceiling(
        responses[..., 0].mean(axis=1), subjects, 25, n_splits=10, seed=1
    )
    assert card["subject_ceiling"]["status"] == "ok"
    assert card["subject_ceiling"]["value"] == pytest.approx(expected.value)
    np.testing.assert_allclose(pd.read_csv(tmp_path / "out/r.csv")["subject_ceiling"], expected.per_neuroid)


@pytest.fixture
def write_grids(tmp_path, monkeypatch):
    """Plain arrays of 3 images × 4 × 5 positions with two sites."""
    monkeypatch.chdir(tmp_path)

    def write(n_repetitions: int) -> np.ndarray:
        rng = np.random.default_rng(0)
        responses = rng.standard_normal((60, 2, 1)) + rng.standard_normal((60, 2, n_repetitions))
        np.save("responses.npy", responses)
        places = [f"im{i},{y},{x}" for i, y, x in np.ndindex(3, 4, 5)]
        (tmp_path / "stimuli.csv").write_text("\n".join(["image_id,grid_y,grid_x", *places]))
        card = "{responses: responses.npy, stimulus_ids: stimuli.csv, time_bins: [[51, 90]]}"
        (tmp_path / "card.yaml").write_text(card)
        return responses

    return write


def test_the_ceiling_of_grids_is_taken_within_images(tmp_path, write_grids):
    responses = write_grids(8)
    card = run(tmp_path, path="card.yaml", reader="arrays")
    assert card["protocol"] == "grid" and card["grid"] == {"n_images": 3, "height": 4, "width": 5}
    expected = ceilings.split_half_ceiling(
        responses.transpose(0, 2, 1), n_splits=10, seed=1, groups=np.repeat(np.arange(3), 20)
    )
    assert card["ceiling"]["value"] == pytest.approx(expected.value)
    assert card["ceiling"]["method"].startswith("Pearson over the grid positions of one image")


def test_grids_without_repetitions_have_the_ceiling_of_site_pairs_by_that_name(tmp_path, write_grids):
    write_grids(1)
    card = run(tmp_path, path="card.yaml", reader="arrays")
    assert card["ceiling"]["method"].startswith("site pairs, for want of repetitions (no reliability)")
    assert card["ceiling"]["kind"] == "site_pairs"
    recording = form.read_recording(tmp_path / "out/r.nc")
    activity = (
        recording.mean("time_bin")
        .values[:, 0]
        .reshape(*form.grid(recording)[:1], -1, recording.sizes["neuroid"])
    )
    expected = site_pairs.site_pair_ceiling(activity, seed=1)
    assert card["ceiling"]["value"] == pytest.approx(expected.value)
    assert card["ceiling"]["best_pair"] == pytest.approx(expected.best) and expected.best >= expected.value
    assert card["ceiling"]["n_reliable"] == 0
    assert not pd.read_csv(tmp_path / "out/r.csv")["reliable"].any()


def test_site_pairs_of_a_window_are_those_of_its_own_responses(tmp_path, monkeypatch):
    """Noise in the first window, shared tuning in the second: sites are alike in the second only."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    tuning = np.einsum("ck,nkyx->ncyx", rng.standard_normal((20, 3)), rng.standard_normal((8, 3, 7, 7)))
    responses = np.repeat(rng.standard_normal((8, 20, 2, 7, 7)), 10, axis=2)  # ten samples a window
    responses[:, :, 10:] += 2 * tuning[:, :, None]
    names = np.array([f"im{i}" for i in range(8)], dtype=object)
    scipy.io.savemat("ml.mat", {"imageRF": responses.transpose(4, 3, 2, 1, 0), "UniqueNames": names})
    settings = ["--region", "ML", "--subject", "Red", "--windows", "0-9,10-19"]
    card = run(tmp_path, *settings, path="ml.mat", reader="arcaro")
    recording = form.read_recording(tmp_path / "out/r.nc")
    for index, window in enumerate(card["time_bins"]):
        own = recording.isel(time_bin=index, repetition=0).values.reshape(8, 49, -1)
        assert window["ceiling"]["value"] == pytest.approx(
            site_pairs.site_pair_ceiling(own, seed=1).value, abs=1e-6
        )
    noise, tuned = (window["ceiling"]["value"] for window in card["time_bins"])
    assert abs(noise) < 0.1 and tuned > 0.7


def test_repetitions_that_differ_have_brain_scores_ceiling_beside_their_own(tmp_path, write):
    responses = write()
    assert "split_slots" not in run(tmp_path)["ceiling"]
    holes = assembly.read_assembly(tmp_path / "a.nc")
    values = holes.values.copy()
    values[::2, 2:] = np.nan
    form.write_recording(tmp_path / "r.nc", holes.copy(data=values))
    expected = ceilings.split_half_ceiling(values[..., 0], n_splits=10, seed=1)
    assert not expected.equal and expected.slots != pytest.approx(expected.value, abs=0.01)
    assert responses.shape[1] == 8


def test_noise_is_reliable_no_more_often_than_the_level_of_the_test(tmp_path, monkeypatch):
    """Of 200 neuroids of noise with 3 repetitions 28 pass a threshold of .1, and 5 % the test as well."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("r.npy", rng.standard_normal((60, 200, 3)))
    (tmp_path / "s.csv").write_text("\n".join(["stimulus_id", *(f"s{i:02d}" for i in range(60))]))
    (tmp_path / "card.yaml").write_text("{responses: r.npy, stimulus_ids: s.csv, time_bins: [[70, 170]]}")
    card = run(tmp_path, path="card.yaml", reader="arrays")
    table = pd.read_csv(tmp_path / "out/r.csv")
    assert (table["ceiling"] >= 0.1).sum() > 20 > card["ceiling"]["n_reliable"]
    assert card["ceiling"]["n_reliable"] == table["reliable"].sum()


def test_a_file_of_activity_becomes_a_recording_with_its_windows_and_exclusions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    responses = np.random.default_rng(0).standard_normal((3, 3, 20, 4, 2))
    responses[..., 2, :] = np.nan
    names = np.array([["a.png", "b.png"]], dtype=object)
    scipy.io.savemat("ml.mat", {"imageRF": responses, "UniqueNames": names})
    settings = ["--region", "ML", "--subject", "George", "--windows", "11-15,16-20", "--first-ms", "1"]
    card = run(tmp_path, *settings, path="ml.mat", reader="arcaro")
    assert card["grid"] == {"n_images": 2, "height": 3, "width": 3}
    assert card["regions"] == {"ML": 3} and card["subjects"] == {"George": 3}
    assert card["excluded"]["neuroids_missing"] == ["George-ML-003"]
    assert [window["window"] for window in card["time_bins"]] == ["11-15", "16-20"]
    recording = form.read_recording(tmp_path / "out/r.nc")
    np.testing.assert_allclose(
        recording.values[0, 0, :, 1], responses[0, 0, 15:20, [0, 1, 3], 0].mean(axis=1)
    )


def test_a_row_of_a_file_of_activity_must_say_what_the_file_does_not(tmp_path):
    sheet = tmp_path / "recordings.tsv"
    sheet.write_text(
        "recording\treader\tpath\tstimuli\tregion\tsubject\tgrid\twindows\nml\tarcaro\tml.mat\tscenes\tML\tGeorge\t17\t"
    )
    with pytest.raises(InputError, match=r"recordings\.tsv:2: .*'windows' is a required property"):
        sheets.read_sheet(sheet, definition("recordings"), "recording")
    sheet.write_text(sheet.read_text() + "51-90,91-130")
    assert sheets.read_sheet(sheet, definition("recordings"), "recording")["ml"]["windows"] == "51-90,91-130"


def test_the_same_input_gives_the_same_bytes(tmp_path, write):
    write()
    outputs = []
    for _ in range(2):
        run(tmp_path)
        outputs.append([(tmp_path / "out" / name).read_bytes() for name in ("r.nc", "r.csv", "r.json")])
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("in_file", "said", "simulated"),
    [(True, [], True), (True, ["true"], True), (False, ["true"], True), (False, ["false"], False)],
)
def test_what_is_simulated_stays_so(tmp_path, write, in_file, said, simulated):
    write(simulated=in_file)
    card = run(tmp_path, *(["--simulated", *said] if said else []))
    assert card["simulated"] is simulated
    assert form.read_recording(tmp_path / "out/r.nc").attrs["simulated"] == int(simulated)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--simulated", "false"], "a.nc: simulated: the file says that it is simulated"),
        (["--sha1", "0" * 40], "a.nc: sha1: "),
        (["--region", "V1"], "a.nc: region: no neuroid in 'V1'"),
        (["--first-ms", "0"], "--first-ms: the reader assembly does not take it"),
        (
            ["--reader", "arcaro", "--region", "ML", "--subject", "George"],
            "--windows: the reader arcaro needs it",
        ),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_output(tmp_path, write, capsys, arguments, message):
    write(simulated=True)
    with pytest.raises(SystemExit) as exit_:
        run(tmp_path, *arguments)
    assert exit_.value.code == 2
    assert capsys.readouterr().err.startswith(f"visalign recordings: error: {message}")
    assert not (tmp_path / "out").exists()


def test_stimuli_that_are_not_in_the_table_are_named_before_anything_is_computed(tmp_path, write, capsys):
    write()
    ids = [f"s{i:02d}.png" for i in range(60)]
    table = pd.DataFrame({"stimulus_id": ids, "path": ids, "sha256": [f"{i:064x}" for i in range(60)]})
    table.to_csv(tmp_path / "stimuli.csv", index=False)
    with pytest.raises(SystemExit):
        run(tmp_path, "--table", "stimuli.csv")
    expected = (
        "a.nc: stimulus_id: 60 of 60 not in the stimulus table stimuli.csv, first 's00': there is 's00.png'"
    )
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "out/r.nc").exists()


def test_results_of_recordings_are_those_of_its_version(tmp_path, write):
    write(4, 2, ("Chabo",) * 3 + ("Tito",) * 3)
    card = run(tmp_path)
    table = pd.read_csv(tmp_path / "out/r.csv")
    skipped = ("source", "content_sha256", "version")
    golden.check(
        "recordings",
        "recordings",
        {"card": {name: value for name, value in card.items() if name not in skipped}}
        | {"ceilings": {name: table[name].tolist() for name in table.columns}},
    )


def test_stimuli_without_ids_are_those_of_the_table_in_its_order(tmp_path, monkeypatch, capsys):
    """Neuroids × stimuli × repetitions, and a table in the order of the images, not of names."""
    monkeypatch.chdir(tmp_path)
    responses = np.random.default_rng(0).normal(size=(4, 5, 3)) + np.arange(5)[:, None]
    responses[:, 2, 1:] = np.nan
    np.save("r.npy", responses)
    card = {"responses": "r.npy", "axes": ["neuroid", "stimulus", "repetition"], "time_bins": [[0, 100]]}
    Path("card.yaml").write_text(yaml.safe_dump(card | {"region": "V4"}))
    ids = ["im_9", "im_10", "im_2", "im_1", "im_3"]
    rows = [f"{name},x.png,{index:064d}" for index, name in enumerate(ids)]
    Path("table.csv").write_text("\n".join(["stimulus_id,path,sha256", *rows]))
    found = run(tmp_path, "--table", "table.csv", path="card.yaml", reader="arrays")
    recording = form.read_recording("out/r.nc")
    for name, expected in zip(ids, responses.transpose(1, 2, 0), strict=True):
        own = recording.isel(stimulus=int(np.flatnonzero(recording.stimulus_id == name)[0]))
        np.testing.assert_array_equal(own.values[..., 0], expected)
    assert found["excluded"]["responses_missing"] == 8
    Path("table.csv").write_text("\n".join(["stimulus_id,path,sha256", *rows[1:]]))
    with pytest.raises(SystemExit):
        run(tmp_path, "--table", "table.csv", path="card.yaml", reader="arrays")
    assert "card.yaml: stimulus_ids: none, hence the 4 of the stimulus set" in capsys.readouterr().err
