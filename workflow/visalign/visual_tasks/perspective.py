"""Depth order and visual perspective: is a ball farther away than a viewer, and does the viewer see it?

A stand-in for the 3D-PC (arXiv 2406.04138), without its images. For each scene there are two places of the
ball, one that the viewer sees and one that it does not, on one ray of the observer: they lie at the same
place of the image and differ in depth alone, the seen one nearer in half of the images. The answer chooses
between them last. A line of sight that is blocked always crosses a box in the image, and so does the free
one, in front of the box or behind it. With ``control="none"``, half of the free ones are elsewhere and cross
none.
"""

from __future__ import annotations

import functools

import numpy as np

from visalign.errors import InputError
from visalign.visual_tasks import drawn, ray_cast
from visalign.visual_tasks.perspective_scene import (
    AWAY,
    HEIGHTS,
    RADIUS,
    VIEW,
    Scene,
    bodies,
    distance_to_boxes,
    eyes,
    render,
    scene,
)

DEPTH, BASIC, STRATEGY = "depth", "vpt-basic", "vpt-strategy"
CONTROLS = ("matched", "none")
#: Points of a disc by which visibility is judged; what is seen, what is hidden; what the observer must see.
POINTS, SEEN, HIDDEN, SHOWN = 24, 0.95, 0.05, 0.9
#: Ball and viewer: least distance, least distance from boxes (of the nose too), least difference in depth.
APART, FREE, DEEPER = 1.2, 0.1, 0.35
#: Image of 112 pixels on which places are judged: least distance of ball and viewer, and from its edge.
SIDE, APART_IN_IMAGE, EDGE = 112, 14.0, 8.0
#: How far the ball may be moved along a ray of the observer, in steps.
MOVES = np.concatenate([-np.arange(1, 17)[::-1], np.arange(1, 17)]) * 0.1
BALLS, PLACES_TRIED, TRIES = 300, 12, 3000
#: Steps of a track, how many of them are hidden, places on it that are tried, lines that are drawn at once.
STEPS, HIDDEN_STEPS, PLACES, LINES = 10, 5, 81, 24
SMALLEST = 48


def draw(seed: int, index: int, side: int, *, control: str = "matched") -> drawn.Drawn:
    """Draw image `index` of a set, of which depth and perspective are asked.

    Parameters
    ----------
    seed, index : int
    side : int
        Of the image in pixels.
    control : str
        ``matched``: every line of sight crosses a box in the image; ``none``: half of the free ones do not.

    Returns
    -------
    Drawn
        Label 1 of depth: the ball is farther from the observer than the viewer; of vpt-basic: the viewer sees
        it. Difficulty of depth is the difference of both distances over their mean. Its parts are 1 for the
        ball, 2 for the viewer, then the boxes. ``geometry`` has the scene in its own units and where viewer
        and ball are in the image.

    Raises
    ------
    InputError
        Unknown control, a side below SMALLEST; no admissible scene was found.
    """
    if control not in CONTROLS:
        raise InputError(f"control: {control!r} is not one of {', '.join(CONTROLS)}")
    _check_side(side)
    name = f"perspective/{control}"
    rng = drawn.generator(seed, name, index)
    farther = drawn.label(seed, f"{name}/{DEPTH}", index)
    # Thrown before all scenes, so that scenes where it is easier do not decide.
    nearer = rng.random(2) < 0.5
    for _ in range(TRIES):
        base = scene(rng)
        balls = _hidden_and_seen(rng, base, farther, nearer, control) if _viewer_shown(base) else None
        if balls is not None:
            break
    else:
        raise InputError(f"control: {control}: no image {index} of seed {seed} in {TRIES} scenes")
    sees = drawn.label(seed, f"{name}/{BASIC}", index)
    shown = base.with_ball(balls[sees])
    to_ball, to_viewer = _distances(shown)
    difficulty = f"{abs(to_ball - to_viewer) / (to_ball + to_viewer) * 2:.3f}"
    asked = (drawn.Asked(DEPTH, farther, difficulty), drawn.Asked(BASIC, sees))
    image, parts = render(shown, side)
    return drawn.Drawn(image=image, parts=parts, asked=asked, geometry=geometry(shown, side))


def draw_track(seed: int, index: int, side: int) -> drawn.Drawn:
    """Draw image `index` of tracks, on which the ball moves behind a box in STEPS steps and out again.

    Image i is step i mod 10 of track i div 10. Two or three steps are seen, five hidden, the others seen;
    they are evenly spaced in each part, so that in no step the ball is hidden in part.

    Returns
    -------
    Drawn
        As of `draw`; its one task is vpt-strategy, its group the track.

    Raises
    ------
    InputError
        A side below SMALLEST; no admissible track was found.
    """
    _check_side(side)
    base, balls, sees = _track(seed, index // STEPS)
    step = index % STEPS
    shown = base.with_ball(balls[step])
    image, parts = render(shown, side)
    return drawn.Drawn(
        image=image,
        parts=parts,
        asked=(drawn.Asked(STRATEGY, int(sees[step])),),
        group=f"track-{index // STEPS:04d}",
        geometry=geometry(shown, side) | {"step": step},
    )


def _check_side(side: int) -> None:
    if side < SMALLEST:
        raise InputError(f"size: {side}: scenes of a ball and a viewer have {SMALLEST} pixels a side or more")


def geometry(shown: Scene, side: int) -> dict[str, object]:
    """What an oracle needs of a scene, in its own units, and `markers`: viewer and ball in the image."""
    in_image = shown.observer.seen_at(np.stack([shown.viewer, shown.ball]), side)
    return {
        "boxes": [list(map(float, np.round(box, 5))) for box in shown.boxes],
        "ball": np.round(shown.ball, 5).tolist(),
        "viewer": np.round(shown.viewer, 5).tolist(),
        "eye": np.round(shown.eye, 5).tolist(),
        "radius": RADIUS,
        "observer": np.round(shown.observer.position, 5).tolist(),
        "looked_at": shown.observer.target.tolist(),
        "view": float(VIEW),
        "seen": round(float(seen(shown.eye[None], shown.ball[None], shown)[0]), 3),
        "markers": np.round(in_image, 3).tolist(),
    }


def seen(eye: np.ndarray, balls: np.ndarray, base: Scene) -> np.ndarray:
    """Share of the disc of each ball that no box hides from an eye.

    Parameters
    ----------
    eye, balls : ndarray, shape (n, 3)

    Returns
    -------
    ndarray, shape (n,)
    """
    points = ray_cast.disc_points(eye, balls, RADIUS, POINTS)
    return 1 - ray_cast.blocked(eye[:, None], points, base.boxes).mean(axis=1)


def _viewer_shown(base: Scene) -> bool:
    """Whether the viewer stands free, within the image, and the observer sees it."""
    at = base.observer.seen_at(base.viewer, SIDE)
    if at.min() < EDGE or at.max() > SIDE - 1 - EDGE:
        return False
    if distance_to_boxes(base.viewer[None], base.boxes)[0] < 2 * RADIUS + FREE:
        return False
    return bool(seen(base.observer.position[None], base.viewer[None], base)[0] >= SHOWN)


def _admissible(balls: np.ndarray, base: Scene) -> np.ndarray:
    """Which places of the ball (n, 3) the observer sees, apart from the viewer and the boxes."""
    at = base.observer.seen_at(balls, SIDE)
    there = ((at >= EDGE) & (at <= SIDE - 1 - EDGE)).all(axis=1)
    there &= np.linalg.norm(at - base.observer.seen_at(base.viewer, SIDE), axis=1) >= APART_IN_IMAGE
    there &= np.linalg.norm(balls - base.viewer, axis=1) >= APART
    there &= distance_to_boxes(balls, base.boxes) >= RADIUS + FREE
    position = np.broadcast_to(base.observer.position, balls.shape)
    there[there] = seen(position[there], balls[there], base) >= SHOWN
    return there


def _hidden_and_seen(
    rng: np.random.Generator, base: Scene, farther: int, nearer: np.ndarray, control: str
) -> tuple[np.ndarray, np.ndarray] | None:
    """Two places of the ball, (3,) each, that the viewer does not see and sees; None if there are none.

    `nearer`: whether the second is nearer to the observer, and, without control, whether it is elsewhere.
    """
    elsewhere = control == "none" and nearer[1]
    balls = bodies(rng, BALLS)
    balls = balls[_deeper(balls, base, farther)]
    balls = balls[_admissible(balls, base)]
    share = seen(eyes(base.viewer, balls), balls, base)
    hidden = balls[share <= HIDDEN]
    if not len(hidden):
        return None
    if elsewhere:
        free = balls[share >= SEEN]
        free = free[~_crosses(free, base)]
        return (hidden[0], free[0]) if len(free) else None
    pairs = _along_rays(hidden[:PLACES_TRIED], base, farther, nearer[0])
    return pairs[rng.integers(len(pairs))] if pairs else None


def _along_rays(
    places: np.ndarray, base: Scene, farther: int, nearer: bool
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Places of the ball, each with one that the viewer sees, nearer on the observer's ray or farther."""
    rays = places - base.observer.position
    rays = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    moves = MOVES[(MOVES < 0) == nearer]
    balls = (places[:, None] + moves[:, None] * rays[:, None]).reshape(-1, 3)
    starts = np.repeat(places, len(moves), axis=0)
    away, height = np.hypot(balls[:, 0], balls[:, 1]), balls[:, 2]
    possible = (away >= AWAY[0]) & (away <= AWAY[1]) & (height >= HEIGHTS[0]) & (height <= HEIGHTS[1])
    possible &= _deeper(balls, base, farther)
    balls, starts = balls[possible], starts[possible]
    free = _admissible(balls, base)
    free[free] = seen(eyes(base.viewer, balls[free]), balls[free], base) >= SEEN
    return list(zip(starts[free], balls[free], strict=True))


def _deeper(balls: np.ndarray, base: Scene, farther: int) -> np.ndarray:
    """Which balls (n, 3) are farther from the observer than the viewer, or nearer, by DEEPER."""
    found = _from(base.observer.position, balls) - _from(base.observer.position, base.viewer)
    return found >= DEEPER if farther else found <= -DEEPER


def _crosses(balls: np.ndarray, base: Scene) -> np.ndarray:
    """Whether in the image the line from viewer to ball crosses a box, whatever is in front."""
    at = base.observer.seen_at(balls, SIDE)[:, None]
    start = base.observer.seen_at(base.viewer, SIDE)
    share = np.linspace(0, 1, 33)[None, :, None]
    rays = base.observer.rays(start + share * (at - start), SIDE)
    position = base.observer.position
    return np.any([np.isfinite(ray_cast.to_box(position, rays, box)) for box in base.boxes], axis=(0, 2))


@functools.lru_cache(maxsize=2)
def _track(seed: int, number: int) -> tuple[Scene, np.ndarray, np.ndarray]:
    """Scene of a track, places of the ball (STEPS, 3), and in which steps the viewer sees it."""
    rng = drawn.generator(seed, STRATEGY, number)
    for _ in range(TRIES):
        base = scene(rng)
        if not _viewer_shown(base):
            continue
        before = int(rng.integers(2, 4))
        for line in _lines(rng, base):
            share = seen(eyes(base.viewer, line), line, base)
            steps = _steps(share, before)
            if steps is not None and _admissible(line, base).all():
                return base, line[steps], share[steps] >= SEEN
    raise InputError(f"seed: {seed}: no track {number} in {TRIES} scenes")


def _lines(rng: np.random.Generator, base: Scene) -> np.ndarray:
    """Straight lines of PLACES places, (n, PLACES, 3), whose ends are admissible and seen by the viewer."""
    ends = bodies(rng, 2 * LINES)
    good = _admissible(ends, base)
    good[good] = seen(eyes(base.viewer, ends[good]), ends[good], base) >= SEEN
    both = ends.reshape(LINES, 2, 1, 3)[good.reshape(LINES, 2).all(axis=1)]
    return both[:, 0] + np.linspace(0, 1, PLACES)[:, None] * (both[:, 1] - both[:, 0])


def _steps(share: np.ndarray, before: int) -> np.ndarray | None:
    """Places of the steps on a track that is seen, hidden and seen, by the shares seen; None if it is not."""
    hidden = np.flatnonzero(share <= HIDDEN)
    if len(hidden) < HIDDEN_STEPS or not (share[hidden[0] : hidden[-1] + 1] <= HIDDEN).all():
        return None
    first = np.flatnonzero(share[: hidden[0]] >= SEEN)
    last = hidden[-1] + 1 + np.flatnonzero(share[hidden[-1] + 1 :] >= SEEN)
    after = STEPS - HIDDEN_STEPS - before
    if len(first) < before or len(last) < after:
        return None
    if (np.diff(first) > 1).any() or (np.diff(last) > 1).any():
        return None  # hidden in part in between
    parts = ((first, before), (hidden, HIDDEN_STEPS), (last, after))
    return np.concatenate([part[np.rint(np.linspace(0, len(part) - 1, n)).astype(int)] for part, n in parts])


def _from(position: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points - position, axis=-1)


def _distances(shown: Scene) -> tuple[float, float]:
    """How far ball and viewer are from the observer."""
    ball, viewer = _from(shown.observer.position, np.stack([shown.ball, shown.viewer]))
    return float(ball), float(viewer)
