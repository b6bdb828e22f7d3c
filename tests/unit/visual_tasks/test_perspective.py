"""Claims about scenes of a ball and a viewer: certain labels, matched views, tracks behind a box."""

from __future__ import annotations

import subprocess
import sys

import golden_images
import numpy as np
import pytest

from visalign.errors import InputError
from visalign.visual_tasks import perspective, perspective_oracle
from visalign.visual_tasks.drawn import Drawn

SIDE = 112


@pytest.fixture(scope="module")
def matched() -> list[Drawn]:
    return [perspective.draw(3, index, SIDE) for index in range(30)]


@pytest.fixture(scope="module")
def tracks() -> list[Drawn]:
    return [perspective.draw_track(3, index, SIDE) for index in range(30)]


def answer(drawn: Drawn, task: str) -> float:
    return next(asked.label for asked in drawn.asked if asked.task == task)


def solved(drawn: Drawn) -> bool:
    depth, sees = answer(drawn, "depth"), answer(drawn, "vpt-basic")
    seen = perspective_oracle.depth(drawn.geometry, drawn.parts)
    return (seen, perspective_oracle.perspective(drawn.geometry)) == (depth, sees)


def crosses(drawn: Drawn) -> bool:
    """Whether the line from viewer to ball crosses a box in the image, by its parts."""
    start, end = np.array(drawn.geometry["markers"])
    columns, rows = np.rint(start + np.linspace(0, 1, 200)[:, None] * (end - start)).astype(int).T
    return bool((drawn.parts[rows, columns] >= 3).any())


def test_an_image_depends_on_seed_and_number_alone(matched):
    again = perspective.draw(3, 4, SIDE)
    np.testing.assert_array_equal(again.image, matched[4].image)
    assert again.geometry == matched[4].geometry and again.asked == matched[4].asked
    code = (
        "import sys; from visalign.visual_tasks import perspective;"
        f"sys.stdout.buffer.write(perspective.draw(3, 4, {SIDE}).image.tobytes());"
        f"sys.stdout.buffer.write(perspective.draw_track(3, 17, {SIDE}).image.tobytes())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    track = perspective.draw_track(3, 17, SIDE).image
    assert other == again.image.tobytes() + track.tobytes()


def test_images_are_those_of_this_version():
    golden_images.check("perspective", perspective.draw(3, 0, 64).image)
    golden_images.check("perspective_parts", perspective.draw(3, 0, 64).parts)
    golden_images.check("perspective_track", perspective.draw_track(3, 3, 64).image)


def test_half_of_the_images_have_each_answer_to_each_question(matched):
    for task in ("depth", "vpt-basic"):
        assert sum(answer(each, task) for each in matched) == len(matched) / 2


def test_the_oracle_solves_all_images(matched):
    assert all(map(solved, matched))
    without = [perspective.draw(3, index, SIDE, control="none") for index in range(30)]
    assert all(map(solved, without))


def test_the_ball_is_seen_nearly_whole_or_hardly_at_all(matched):
    for each in matched:
        left, said = perspective_oracle.sees(each.geometry), each.geometry["seen"]
        assert min(said, 1 - said) <= 0.05 and abs(left - said) <= 0.1


def test_every_line_of_sight_crosses_a_box_whether_it_is_blocked_or_not(matched):
    assert all(map(crosses, matched))


def test_the_ball_could_be_hidden_or_seen_at_the_same_place_of_the_image(monkeypatch):
    found, choose = [], perspective._hidden_and_seen

    def noted(rng, base, farther, nearer, control):
        balls = choose(rng, base, farther, nearer, control)
        if balls is not None:
            found.append((base, *balls, nearer[0]))
        return balls

    monkeypatch.setattr(perspective, "_hidden_and_seen", noted)
    for index in range(20):
        perspective.draw(3, index, 48)
    for base, hidden, free, nearer in found:
        one, other = base.observer.seen_at(np.stack([hidden, free]), SIDE)
        np.testing.assert_allclose(one, other, atol=1e-6)
        away = [np.linalg.norm(ball - base.observer.position) for ball in (hidden, free)]
        assert (away[1] < away[0]) == nearer
    assert 5 <= sum(nearer for *_, nearer in found) <= 15


def test_without_control_half_of_the_free_lines_cross_no_box():
    drawn = [perspective.draw(3, index, SIDE, control="none") for index in range(60)]
    free = [crosses(each) for each in drawn if answer(each, "vpt-basic") == 1]
    assert all(crosses(each) for each in drawn if answer(each, "vpt-basic") == 0)
    assert 0.25 <= np.mean(free) <= 0.75


def test_ball_and_viewer_are_shown_apart_and_where_the_geometry_says(matched):
    for each in matched:
        viewer, ball = np.array(each.geometry["markers"])
        assert np.linalg.norm(viewer - ball) >= 14
        for part, place, colour in ((1, ball, 0), (2, viewer, 1)):
            rows, columns = np.nonzero(each.parts == part)
            assert len(rows) >= 15
            np.testing.assert_allclose((columns.mean(), rows.mean()), place, atol=2.5)
            shown = each.image[each.parts == part].mean(axis=0)
            assert np.argmax(shown) == colour  # a red ball, a green viewer


def test_only_ball_and_viewer_are_red_or_green(matched):
    for each in matched:
        rest = each.image[each.parts == 0].astype(float)
        red, green, blue = rest.mean(axis=0)
        assert red < 1.5 * max(green, blue) and green < 1.25 * max(red, blue)


def test_the_farther_one_is_farther_by_what_the_difficulty_says(matched):
    for each in matched:
        position, ball, viewer = (np.array(each.geometry[name]) for name in ("observer", "ball", "viewer"))
        to_ball, to_viewer = np.linalg.norm(ball - position), np.linalg.norm(viewer - position)
        assert abs(to_ball - to_viewer) >= 0.349 and (to_ball > to_viewer) == answer(each, "depth")
        wanted = abs(to_ball - to_viewer) / np.mean([to_ball, to_viewer])
        assert float(each.asked[0].difficulty) == pytest.approx(wanted, abs=1e-3)


def test_tracks_are_seen_then_hidden_for_five_steps_then_seen(tracks):
    for number in range(3):
        track = tracks[10 * number : 10 * number + 10]
        labels = [int(each.asked[0].label) for each in track]
        assert labels in ([1] * 2 + [0] * 5 + [1] * 3, [1] * 3 + [0] * 5 + [1] * 2)
        assert {each.group for each in track} == {f"track-{number:04d}"}
        assert all(
            perspective_oracle.perspective(each.geometry) == answer(each, "vpt-strategy") for each in track
        )
        balls = np.array([each.geometry["ball"] for each in track])
        assert np.linalg.matrix_rank(balls - balls[0], tol=1e-3) == 1  # on a straight line
        assert len({str(each.geometry["boxes"]) for each in track}) == 1


def test_the_same_scene_is_drawn_at_any_side():
    small, large = (perspective.draw(3, 2, side) for side in (64, 128))
    assert small.asked == large.asked and small.geometry["boxes"] == large.geometry["boxes"]
    halved = large.image.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - small.image).mean() < 10


@pytest.mark.parametrize(
    ("side", "control", "reason"),
    [
        (112, "some", "control: 'some' is not one of matched, none"),
        (32, "matched", "size: 32: scenes of a ball"),
    ],
)
def test_what_cannot_be_drawn_is_refused(side, control, reason):
    with pytest.raises(InputError, match=reason):
        perspective.draw(0, 0, side, control=control)


def test_a_scene_that_is_not_found_is_an_error_after_bounded_tries(monkeypatch):
    monkeypatch.setattr(perspective, "TRIES", 2)
    monkeypatch.setattr(perspective, "DEEPER", 9.0)
    with pytest.raises(InputError, match="no image 4 of seed 0 in 2 scenes"):
        perspective.draw(0, 4, SIDE)
    monkeypatch.setattr(perspective, "SEEN", 2.0)
    with pytest.raises(InputError, match="no track 77 in 2 scenes"):
        perspective.draw_track(0, 770, SIDE)
