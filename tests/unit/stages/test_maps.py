"""Claims about the stage maps."""

from __future__ import annotations

import hashlib
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import digests
import golden
import numpy as np
import pytest
import torch
from PIL import Image

from visalign import cli
from visalign.io import tfrecords
from visalign.maps import clicks as click_logs
from visalign.maps import collection, processing, read_shards
from visalign.stimuli import clickme


def blobs(n: int, seed: int = 0) -> np.ndarray:
    """Smooth maps with one peak each, float32 (n, 256, 256)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:256, :256]
    centres = rng.uniform(80, 176, size=(n, 2))
    return np.array([np.exp(-((x - a) ** 2 + (y - b) ** 2) / 3000) for a, b in centres], dtype=np.float32)


def raw_record(heatmap: np.ndarray, label: int) -> dict:
    image = np.zeros((256, 256, 3), dtype=np.float32)
    return {"image": image.tobytes(), "heatmap": heatmap.astype("<f4").tobytes(), "label": label}


COMMAND = (
    *("maps", "read", "--name", "c", "--reader", "tfrecord"),
    *("--output", "out/c.npz", "--maps-card", "out/c.json"),
)


def run(tmp_path, *arguments: str) -> tuple[dict, dict]:
    cli.main([*COMMAND, *arguments])
    with np.load(tmp_path / "out/c.npz", allow_pickle=False) as arrays:
        return dict(arrays), json.loads((tmp_path / "out/c.json").read_text())


@pytest.fixture
def shards(tmp_path, monkeypatch) -> np.ndarray:
    """Two raw shards of two and three records, labels 0 to 4."""
    monkeypatch.chdir(tmp_path)
    heatmaps = blobs(5)
    for name, part in (("val-0.tfrecords", [0, 1]), ("val-1.tfrecords", [2, 3, 4])):
        tfrecords.write_examples(name, [raw_record(heatmaps[i], i) for i in part])
    return heatmaps


@pytest.fixture
def clicks(tmp_path) -> None:
    """Six good participants on three images, and one who failed the catch trials."""
    rng = np.random.default_rng(0)
    pairs = [(i, p) for i in range(3) for p in range(7)]
    centres = rng.uniform(80, 176, size=(3, 2))
    click_logs.write_log(
        tmp_path / "clicks.npz",
        [f"image-{i}" for i, _ in pairs],
        [rng.normal(centres[i], 20, size=(12, 2)) for i, _ in pairs],
        [f"user-{p}" for _, p in pairs],
        [0.5 if p == 6 else 1.0 for _, p in pairs],
        [False] * len(pairs),
    )


def test_maps_of_all_shards_are_processed_in_order(tmp_path, shards):
    arrays, card = run(tmp_path, "--path", "val-*.tfrecords")
    assert arrays["stimulus_id"].tolist() == [f"c-{i:06d}" for i in range(5)]
    assert arrays["label"].tolist() == [0, 1, 2, 3, 4]
    assert arrays["map"].dtype == np.float32
    np.testing.assert_array_equal(arrays["map"], processing.process(shards))
    assert card["n"] == 5 and card["size"] == [64, 64]
    assert card["undefined"] == {"constant": [], "non_finite": []}
    content = "\0".join(arrays["stimulus_id"]).encode() + arrays["label"].tobytes() + arrays["map"].tobytes()
    assert card["content_sha256"] == hashlib.sha256(content).hexdigest()


def test_results_of_read_are_those_of_its_version(tmp_path, shards, clicks):
    arrays, card = run(tmp_path, "--path", "val-*.tfrecords", "--clicks", "clicks.npz")
    kept = {name: card[name] for name in ("n", "size", "ceiling", "floor", "filters", "undefined")}
    golden.check("maps", "read", kept | {"map": digests.of_array(arrays["map"]), "label": arrays["label"]})


def test_batches_do_not_change_the_result(tmp_path, shards, monkeypatch):
    whole, _ = run(tmp_path, "--path", "val-*.tfrecords")
    monkeypatch.setattr("visalign.maps.collection.BATCH", 2)
    parts, _ = run(tmp_path, "--path", "val-?.tfrecords")
    np.testing.assert_array_equal(whole["map"], parts["map"])


def test_maps_of_several_sizes_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    heatmaps = (blobs(3) * 255).astype(np.uint8)
    encode = clickme._jpeg
    records = [
        {"image": encode(np.zeros((*h.shape, 3), np.uint8)), "heatmap": encode(h), "label": i}
        for i, h in enumerate([heatmaps[0], heatmaps[1][::2, ::2].copy(), heatmaps[2]])
    ]
    tfrecords.write_examples("a.tfrecords", records)
    arrays, _ = run(tmp_path, "--path", "a.tfrecords")
    for found, expected in zip(arrays["map"], processing.process(heatmaps), strict=True):
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99


def test_maps_that_were_blurred_before_are_not_blurred_again_and_are_counted(tmp_path, shards, capsys):
    """What bilinear enlarging leaves is most at the border, where the image ends: below 2e-3 of the range."""
    processed = processing.process(shards)
    enlarged = processing.resize_bilinear(processed, (224, 224))
    pixels = np.zeros((224, 224, 3), np.float32)
    records = [{"image": pixels.tobytes(), "heatmap": enlarged[i].tobytes(), "label": i} for i in (0, 1)]
    tfrecords.write_examples("mixed.tfrecords", [*records, raw_record(shards[2], 2)])
    arrays, card = run(tmp_path, "--path", "mixed.tfrecords")
    assert card["processed_before"] == 2
    assert "mixed.tfrecords: 2 maps were blurred before, and are not again" in capsys.readouterr().err
    np.testing.assert_allclose(arrays["map"][:2], processed[:2], atol=2e-3)
    np.testing.assert_array_equal(arrays["map"][2], processed[2])
    assert np.abs(processing.process(enlarged[:2]) - processed[:2]).max() > 1e-2  # as they would be, blurred
    _, card = run(tmp_path, "--path", "val-*.tfrecords")
    assert "processed_before" not in card


def test_maps_of_files_of_torch_are_read_in_the_order_of_names(tmp_path, shards):
    levels = np.rint(processing.resize_bilinear(processing.process(shards), (224, 224)) * 255).astype(
        np.uint8
    )
    for index in (0, 2, 10):
        map_ = torch.from_numpy(levels[index % 7])[None, None]
        record = {"image": torch.zeros(1, 3, 224, 224, dtype=torch.uint8), "heatmap": map_}
        torch.save(record | {"label": torch.tensor([[index]], dtype=torch.int32)}, f"{index}.pth")
    arrays, card = run(tmp_path, "--reader", "pth", "--path", "*.pth")
    assert arrays["label"].tolist() == [0, 10, 2] and card["processed_before"] == 3
    np.testing.assert_array_equal(arrays["map"], processing.shrink(levels[[0, 3, 2]].astype(np.float32)))


def test_constant_and_non_finite_maps_are_listed_and_stay_undefined(tmp_path, shards):
    constant, broken = np.full((256, 256), 0.5), shards[0].copy()
    broken[3, 3] = np.nan
    tfrecords.write_examples("a.tfrecords", [raw_record(m, 1) for m in (shards[0], constant, broken)])
    arrays, card = run(tmp_path, "--path", "a.tfrecords")
    assert card["n"] == 3
    assert card["undefined"] == {"constant": ["c-000001"], "non_finite": ["c-000002"]}
    assert (arrays["map"][1] == 0).all() and np.isnan(arrays["map"][2]).all()
    np.testing.assert_array_equal(arrays["map"][0], processing.process(shards[:1])[0])


def test_the_ceiling_comes_from_participants_before_a_declared_one(tmp_path, shards, clicks):
    _, card = run(tmp_path, "--path", "val-*", "--clicks", "clicks.npz", "--ceiling", "0.5", "--seed", "3")
    log, counts = click_logs.filter_log(click_logs.read_log("clicks.npz"))
    ceiling, floor = click_logs.participant_reliability(log, seed=3)
    assert card["ceiling"]["method"] == card["floor"]["method"] == "participants"
    assert card["ceiling"]["value"] == pytest.approx(ceiling.value)
    assert card["ceiling"]["ci_low"] < ceiling.value < card["ceiling"]["ci_high"]
    assert card["floor"]["value"] == pytest.approx(floor.value)
    assert card["filters"] == counts and counts["failed_catch_trials"] == 3
    assert card["ceiling"]["n_images"] == 3 and card["ceiling"]["status"] == "ok"


def test_a_declared_ceiling_is_named_so(tmp_path, shards):
    _, card = run(tmp_path, "--path", "val-*", "--ceiling", "0.65753")
    assert card["ceiling"]["value"] == 0.65753 and card["ceiling"]["method"] == "declared"
    assert card["ceiling"]["status"] == "ok" and card["ceiling"]["ci_low"] is None


def test_without_either_there_is_no_ceiling_but_a_reason(tmp_path, shards):
    _, card = run(tmp_path, "--path", "val-*")
    assert card["ceiling"]["value"] is None and card["floor"]["value"] is None
    assert card["ceiling"]["status"] == "neither a click log nor a declared ceiling"
    assert card["floor"]["status"] == "no click log, hence no participants' floor"
    assert card["simulated"] is False


def test_simulated_maps_say_so(tmp_path, shards):
    assert run(tmp_path, "--path", "val-*", "--simulated", "true")[1]["simulated"] is True


def test_the_same_input_gives_the_same_bytes(tmp_path, shards, clicks):
    outputs = []
    for _ in range(2):
        run(tmp_path, "--path", "val-*", "--clicks", "clicks.npz")
        outputs.append([(tmp_path / "out" / name).read_bytes() for name in ("c.npz", "c.json")])
    assert outputs[0] == outputs[1]


def test_every_shard_costs_the_memory_of_its_processed_maps_only(tmp_path, monkeypatch):
    """Twenty shards of four maps: beyond the peak of one, 2 × 16 KiB per map (the list, then the array).

    As they are read, the four images and maps of a shard take 1,280 KiB.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(collection, "BATCH", 4)
    tfrecords.write_examples("a-00.tfrecords", [raw_record(m, 1) for m in blobs(4)])
    for i in range(1, 20):
        os.link("a-00.tfrecords", f"a-{i:02d}.tfrecords")
    peaks = {}
    for pattern, n in (("a-00.*", 4), ("a-00.*", 4), ("a-*", 80)):  # the first run pays for imports
        tracemalloc.start()
        assert len(collection.process_maps(read_shards.maps("a", pattern)).maps) == n
        peaks[n] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[80] - peaks[4] < 76 * 2 * 16 * 1024 + 64 * 1024


# --- other readers ---


def test_npz_files_are_read_as_shards_of_one_map(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    heatmaps = blobs(3)
    for i, heatmap in enumerate(heatmaps):
        np.savez(f"{i}.npz", image=np.zeros((256, 256, 3), np.uint8), heatmap=heatmap, label=np.int64(i))
    arrays, card = run(tmp_path, "--reader", "npz", "--path", "*.npz")
    assert arrays["stimulus_id"].tolist() == ["c-000000", "c-000001", "c-000002"]
    assert arrays["label"].tolist() == [0, 1, 2] and card["reader"] == "npz"
    np.testing.assert_array_equal(arrays["map"], processing.process(heatmaps))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> np.ndarray:
    """Maps of three images, as 8-bit and 16-bit grey images and as an array, and their labels."""
    monkeypatch.chdir(tmp_path)
    heatmaps = np.rint(blobs(3) * 255)
    (tmp_path / "m/sub").mkdir(parents=True)
    Image.fromarray(heatmaps[0].astype(np.uint8)).save("m/a.png")
    Image.fromarray((heatmaps[1] * 200).astype(np.uint16)).save("m/sub/b.png")
    np.save("m/NA.npy", heatmaps[2])
    Path("l.csv").write_text("name,label\nsub/b.jpg,5\na.jpg,3\nNA.jpeg,7\n")
    return heatmaps


FOLDER = ("--reader", "folder", "--path", "m", "--labels", "l.csv")


def test_a_folder_of_maps_is_read_in_the_order_of_its_labels(tmp_path, folder):
    arrays, card = run(tmp_path, *FOLDER)
    assert arrays["stimulus_id"].tolist() == ["sub/b.jpg", "a.jpg", "NA.jpeg"]
    assert arrays["label"].tolist() == [5, 3, 7] and card["n"] == 3
    np.testing.assert_array_equal(
        arrays["map"], processing.process(folder[[1, 0, 2]] * [[[200]], [[1]], [[1]]])
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Path("m/a.png").unlink(), "m: a.jpg: 0 maps of this name (.png, .jpg"),
        (lambda: np.save("m/a.npy", np.ones((4, 4))), "m: a.jpg: 2 maps of this name"),
        (lambda: Path("m/a.png").write_bytes(b"no image"), "m/a.png: not a readable map: cannot identify"),
        (
            lambda: Image.fromarray(np.eye(3, dtype=np.uint8)[None] * 255).save("m/a.png"),
            "m/a.png: not a readable map: a colour image, not a grey one",
        ),
        (
            lambda: np.save("m/NA.npy", np.ones(9)),
            "m/NA.npy: not a readable map: float64 (9,), not (height, width) numbers",
        ),
        (
            lambda: np.save("m/NA.npy", np.array([{}])),
            "m/NA.npy: not a readable map: Object arrays cannot be loaded",
        ),
        (lambda: Path("l.csv").write_text("name,label\na,1\na,2\n"), "l.csv: name: 'a' is there twice"),
        (
            lambda: Path("l.csv").write_text("name,label\na,cat\n"),
            "l.csv: label: line 2: 'cat' is not a whole number",
        ),
        (lambda: Path("l.csv").write_text("name\na\n"), "l.csv: no column 'label'"),
    ],
)
def test_what_is_wrong_with_a_folder_is_named(tmp_path, folder, error_of, make, message):
    make()
    assert error_of(*FOLDER).startswith(f"visalign maps: error: {message}")


def test_a_click_log_is_a_set_of_maps_with_a_ceiling(tmp_path, monkeypatch, clicks):
    """Images that are not listed are counted; a listed one that nobody clicked is NaN, and listed so."""
    monkeypatch.chdir(tmp_path)
    Path("l.csv").write_text("name,label\nimage-2,9\nunseen,4\nimage-0,8\n")
    arrays, card = run(tmp_path, "--reader", "clicks", "--path", "clicks.npz", "--labels", "l.csv")
    assert arrays["stimulus_id"].tolist() == ["image-2", "unseen", "image-0"]
    assert arrays["label"].tolist() == [9, 4, 8]
    expected = click_logs.maps_from_log("clicks.npz")
    for row, image in ((0, "image-2"), (2, "image-0")):
        np.testing.assert_array_equal(arrays["map"][row], processing.process(expected[image][None])[0])
    assert np.isnan(arrays["map"][1]).all() and card["undefined"]["non_finite"] == ["unseen"]
    assert card["filters"]["unlisted"] == 7 and card["filters"]["maps_kept"] == 12
    assert card["ceiling"]["method"] == "participants" and card["ceiling"]["n_images"] == 2


@pytest.fixture
def error_of(tmp_path, refused) -> Callable[..., str]:
    """The error of a refused command, which writes nothing."""

    def run_refused(*arguments: str) -> str:
        *_, error = refused(*COMMAND, *arguments)
        assert not (tmp_path / "out").exists()
        return error

    return run_refused


def test_a_click_log_of_other_names_says_what_either_side_calls_its_images(
    tmp_path, clicks, error_of, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("l.csv").write_text("name,label\nimage-0.jpg,9\nimage-1.jpg,4\n")
    error = error_of("--reader", "clicks", "--path", "clicks.npz", "--labels", "l.csv")
    assert "clicks.npz: file_pointer: none of its 3 images ('image-0', 'image-1', 'image-2')" in error
    assert "is one of the 2 of l.csv ('image-0.jpg', 'image-1.jpg')" in error


def test_what_the_filters_drop_and_images_without_clicks_are_said(tmp_path, clicks, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("l.csv").write_text("name,label\nimage-2,9\nunseen,4\n")
    _, card = run(tmp_path, "--reader", "clicks", "--path", "clicks.npz", "--labels", "l.csv")
    assert card["filters"]["images_not_clicked"] == 1 and card["filters"]["clicks_outside"] == 0
    said = capsys.readouterr().err
    assert "clicks.npz: images on which no clicks are left: 1 ('unseen')" in said
    assert "clicks.npz: unlisted 14, images_not_clicked 1, maps 7, failed_catch_trials 1" in said
    assert "clicks.npz: non_finite maps: 1 ('unseen')" in said


def test_files_that_no_image_uses_are_counted_and_named(tmp_path, folder, capsys):
    assert run(tmp_path, *FOLDER)[1]["unused_files"] == {"n": 0, "first": []}
    assert "no image's map" not in capsys.readouterr().err
    for name in ("b.png", "sub/a.png", "notes.txt"):
        (tmp_path / "m" / name).touch()
    assert run(tmp_path, *FOLDER)[1]["unused_files"] == {"n": 3, "first": ["b.png", "notes.txt", "sub/a.png"]}
    assert (
        "m: files that are no image's map: 3 ('b.png', 'notes.txt', 'sub/a.png')" in capsys.readouterr().err
    )


def test_two_images_that_would_share_a_map_are_refused(tmp_path, folder, error_of):
    Path("l.csv").write_text("name,label\na.jpg,3\na.png,3\n")
    assert "m/a.png: the map of both 'a.jpg' and 'a.png': give each its own" in error_of(*FOLDER)


def sized(names: list[str], labels: list[int], height: int, width: int) -> None:
    rows = [
        f"{name},{label},{height},{width},i.png,0,m.png" for name, label in zip(names, labels, strict=True)
    ]
    Path("s.csv").write_text("stimulus_id,label,height,width,path,sha256,mask\n" + "\n".join(rows) + "\n")


NAMES, NUMBERS = ["sub/b.jpg", "a.jpg", "NA.jpeg"], [5, 3, 7]


@pytest.mark.parametrize("size", [(256, 256), (512, 512), (1000, 1001)])
def test_square_maps_of_square_images_are_as_without_a_stimulus_table(tmp_path, folder, size):
    expected, _ = run(tmp_path, *FOLDER)
    sized(NAMES, NUMBERS, *size)
    np.testing.assert_array_equal(run(tmp_path, *FOLDER, "--table", "s.csv")[0]["map"], expected["map"])


def test_square_maps_of_oblong_images_are_refused(tmp_path, folder, error_of):
    sized(NAMES, NUMBERS, 375, 500)
    error = error_of(*FOLDER, "--table", "s.csv")
    assert "m/sub/b.png: the map has 256 × 256 pixels (height × width), but its image 375 × 500" in error


def test_transposed_maps_are_refused(tmp_path, folder, error_of):
    for file in ("m/a.png", "m/sub/b.png"):
        Path(file).unlink()
        np.save(Path(file).with_suffix(".npy"), np.eye(50, 37))
    np.save("m/NA.npy", np.eye(37, 50))
    sized(NAMES, NUMBERS, 370, 500)
    error = error_of(*FOLDER, "--table", "s.csv")
    assert "m/sub/b.npy: the map has 50 × 37 pixels (height × width), but its image 370 × 500" in error


def test_clicks_and_shards_of_square_maps_are_refused_for_oblong_images(tmp_path, shards, clicks, error_of):
    sized([f"c-{i:06d}" for i in range(5)], list(range(5)), 375, 500)
    error = error_of("--path", "val-*", "--table", "s.csv")
    assert "val-0.tfrecords: c-000000: the map has 256 × 256 pixels" in error
    sized(["image-0"], [9], 375, 500)
    Path("l.csv").write_text("name,label\nimage-0,9\n")
    log = ("--reader", "clicks", "--path", "clicks.npz", "--labels", "l.csv", "--table", "s.csv")
    assert "clicks.npz: image-0: the map has 256 × 256 pixels" in error_of(*log)


def test_masks_have_the_shape_of_their_images_and_whole_labels(tmp_path, error_of, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.eye(30, 40) > 0).save("m.png")
    sized(["a", "b"], [1, 2], 60, 80)
    arrays, _ = run(tmp_path, "--reader", "masks", "--path", "s.csv")
    assert arrays["label"].tolist() == [1, 2]
    for file in (tmp_path / "out").iterdir():
        file.unlink()
    (tmp_path / "out").rmdir()
    sized(["a", "b"], [1, 2], 80, 60)
    assert "m.png: the map has 30 × 40 pixels" in error_of("--reader", "masks", "--path", "s.csv")
    sized(["a", "b"], [1, 2.7], 60, 80)  # type: ignore[list-item]
    error = error_of("--reader", "masks", "--path", "s.csv")
    assert "s.csv: label: line 3: 2.7 is not a whole number" in error


def test_a_click_log_gives_masks_a_ceiling_too(tmp_path, clicks, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.eye(30, 40) > 0).save("m.png")
    sized(["a", "b"], [1, 2], 60, 80)
    _, card = run(tmp_path, "--reader", "masks", "--path", "s.csv", "--clicks", "clicks.npz")
    assert card["ceiling"]["method"] == "participants" and card["filters"]["maps"] == 21


def test_a_stimulus_may_be_called_na_or_a_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("m").mkdir()
    for name in ("NA", "007"):
        np.save(f"m/{name}.npy", np.eye(8))
    Path("l.csv").write_text("name,label\nNA,1\n007,2\n")
    sized(["NA", "007"], [1, 2], 8, 8)
    assert run(tmp_path, *FOLDER, "--table", "s.csv")[0]["stimulus_id"].tolist() == ["NA", "007"]


def test_ids_of_a_folder_are_compared_before_any_map_is_read(tmp_path, folder, error_of):
    Path("m/a.png").write_bytes(b"no image")
    sized(["sub/b", "a", "NA.jpeg"], NUMBERS, 256, 256)
    error = error_of(*FOLDER, "--table", "s.csv")
    assert (
        "s.csv: stimulus_id: 2 of 3 not in the map set, first 'sub/b': there is 'sub/b.jpg' (one of 3)"
        in error
    )


def test_another_order_is_called_so(tmp_path, folder, error_of):
    sized(NAMES[::-1], NUMBERS[::-1], 256, 256)
    error = error_of(*FOLDER, "--table", "s.csv")
    assert "in another order: 'NA.jpeg' where the map set has 'sub/b.jpg'" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--reader", "folder", "--path", "m"], "--labels: needed by --reader folder"),
        (["--reader", "clicks", "--path", "clicks.npz"], "--labels: needed by --reader clicks"),
        (
            ["--path", "a.tfrecords", "--labels", "l.csv"],
            "--labels: l.csv, but --reader tfrecord has labels of its own",
        ),
        (
            ["--reader", "clicks", "--path", "clicks.npz", "--labels", "l.csv", "--clicks", "b.npz"],
            "--clicks: b.npz, but --reader clicks takes the log of --path",
        ),
    ],
)
def test_options_that_a_reader_needs_or_refuses_are_named(tmp_path, error_of, arguments, message):
    assert error_of(*arguments).startswith(f"visalign maps: error: {message}")


STIMULI = "stimulus_id,label\n" + "".join(f"c-{i:06d},{i}\n" for i in range(5))


def test_an_agreeing_stimulus_table_is_accepted(tmp_path, shards):
    (tmp_path / "s.csv").write_text(STIMULI)
    assert run(tmp_path, "--path", "val-*", "--table", "s.csv")[1]["n"] == 5


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (STIMULI.replace("000003,3", "000003,8"), "s.csv: label: 8 for 'c-000003', where the maps have 3"),
        (
            STIMULI.replace("c-000002", "d-000002"),
            "s.csv: stimulus_id: 1 of 5 not in the map set, first 'd-000002': there is 'c-000002' (one of 5)",
        ),
        (
            STIMULI[: STIMULI.rindex("c-")],
            "s.csv: stimulus_id: 1 of 5 not in the stimulus table, first 'c-000004': there is",
        ),
        ("stimulus_id\nc-000000\n", "s.csv: no column 'label'"),
    ],
)
def test_a_disagreeing_stimulus_table_is_named(tmp_path, shards, error_of, table, message):
    (tmp_path / "s.csv").write_text(table)
    assert error_of("--path", "val-*", "--table", "s.csv").startswith(f"visalign maps: error: {message}")


def test_a_map_of_another_size_is_named_by_shard_and_record(tmp_path, shards, error_of):
    image = clickme._jpeg(np.zeros((256, 256, 3), np.uint8))
    small = clickme._jpeg(np.zeros((64, 64), np.uint8))
    bad = {"image": image, "heatmap": small, "label": 1}
    tfrecords.write_examples("bad.tfrecords", [raw_record(shards[0], 0), bad])
    error = error_of("--path", "bad.tfrecords")
    assert "bad.tfrecords: record 1 (byte " in error
    assert "heatmap: 64 × 64 pixels, but its image has 256 × 256" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--path", "none-*"], "none-*: no such TFRecord shard"),
        (["--path", "empty.tfrecords"], "empty.tfrecords: no record"),
        (["--path", "val-*", "--clicks", "few.npz"], "few.npz: user_id: no map passes the filters"),
    ],
)
def test_bad_input_is_named(tmp_path, shards, error_of, arguments, message):
    (tmp_path / "empty.tfrecords").touch()
    click_logs.write_log("few.npz", ["a"], [np.ones((2, 2))], ["u"], [1.0], [False])
    assert error_of(*arguments).startswith(f"visalign maps: error: {message}")
