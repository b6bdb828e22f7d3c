"""Claims about the stage recordings."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from visalign import assemblies, ceilings, cli


def run(tmp_path, *more: str) -> dict:
    output = ["--output", "out/r.nc", "--ceilings", "out/r.csv", "--card", "out/r.json"]
    arguments = ["recordings", "--name", "r", "--assembly", "a.nc", "--reader", "assembly"]
    cli.main([*arguments, *output, *more])
    return json.loads((tmp_path / "out/r.json").read_text())


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(n_repetitions: int = 8, n_bins: int = 1, **attrs) -> np.ndarray:
        rng = np.random.default_rng(0)
        signal = rng.standard_normal((60, 1, 6, n_bins))
        responses = signal + rng.standard_normal((60, n_repetitions, 6, n_bins))
        assemblies.write_assembly(
            "a.nc",
            responses,
            stimulus_id=[f"s{i:02d}" for i in range(60)],
            object_name=["car"] * 30 + ["face"] * 30,
            neuroid_id=[f"n{i}" for i in range(6)],
            region=["IT"] * 4 + ["V4"] * 2,
            subject=["Chabo"] * 6,
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
        "region": "IT",
        "regions": {"IT": 4},
        "subjects": {"Chabo": 4},
        "n_stimuli": 60,
        "n_neuroids": 4,
        "n_repetitions": 8,
        "n_time_bins": 1,
        "repetitions_per_stimulus": {"min": 8, "median": 8.0, "max": 8},
        "excluded": {"neuroids_other_regions": 2, "responses_missing": 0},
    }
    assert {name: card[name] for name in expected} == expected
    recording = assemblies.read_recording(tmp_path / "out/r.nc")
    np.testing.assert_array_equal(recording.values, responses[:, :, :4])
    assert card["content_sha256"] == assemblies.content_sha256(recording)


def test_the_ceiling_is_that_of_the_responses(tmp_path, write):
    responses = write()
    card = run(tmp_path)
    expected = ceilings.split_half_ceiling(responses[..., 0], n_splits=10, seed=1)
    assert card["ceiling"]["value"] == pytest.approx(expected.value)
    assert card["ceiling"]["ci_low"] == pytest.approx(expected.ci_low)
    assert card["ceiling"]["status"] == "ok" and card["ceiling"]["n_splits"] == 10
    assert card["time_bins"] == [{"start": 70, "end": 170, "window": "70-170", "ceiling": card["ceiling"]}]
    table = pd.read_csv(tmp_path / "out/r.csv")
    columns = ["neuroid_id", "region", "subject", "time_bin_start", "time_bin_end", "window", "ceiling"]
    assert table.columns.tolist() == columns
    np.testing.assert_allclose(table["ceiling"], expected.per_neuroid)


def test_every_time_bin_has_its_own_ceiling(tmp_path, write):
    responses = write(n_bins=3)
    card = run(tmp_path)
    assert [window["window"] for window in card["time_bins"]] == ["70-170", "170-270", "270-370"]
    for index, window in enumerate(card["time_bins"]):
        expected = ceilings.split_half_ceiling(responses[..., index])
        assert window["ceiling"]["value"] == pytest.approx(expected.value)
    assert card["ceiling"]["value"] == pytest.approx(
        ceilings.split_half_ceiling(responses.mean(axis=3)).value
    )
    assert len(pd.read_csv(tmp_path / "out/r.csv")) == 18


def test_one_repetition_gives_no_ceiling_but_a_reason(tmp_path, write):
    write(n_repetitions=1)
    card = run(tmp_path)
    assert card["ceiling"]["value"] is None and card["ceiling"]["ci_low"] is None
    assert card["ceiling"]["status"] == "one repetition only: no split-half ceiling"
    assert card["ceiling"]["n_undefined"] == 6
    assert pd.read_csv(tmp_path / "out/r.csv")["ceiling"].isna().all()


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
    assert assemblies.read_recording(tmp_path / "out/r.nc").attrs["simulated"] == int(simulated)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--simulated", "false"], "a.nc: simulated: the file says that it is simulated"),
        (["--sha1", "0" * 40], "a.nc: sha1: "),
        (["--region", "V1"], "a.nc: region: no neuroid in 'V1'"),
        (["--ceiling-splits", "0"], "--ceiling-splits: 0"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_output(tmp_path, write, capsys, arguments, message):
    write(simulated=True)
    with pytest.raises(SystemExit) as exit_:
        run(tmp_path, *arguments)
    assert exit_.value.code == 2
    assert capsys.readouterr().err.startswith(f"visalign recordings: error: {message}")
    assert not (tmp_path / "out").exists()
