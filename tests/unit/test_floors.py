"""Claims about the house: rooms stand on floors, and a room uses only what stands lower."""

from __future__ import annotations

from library import MODULES, own_imports

#: Rooms from the ground up; rooms of one floor do not know of each other.
FLOORS = (
    ("errors",),
    ("stats",),
    ("io",),
    ("labels",),
    ("stimuli",),
    ("zoo", "gram"),
    ("recordings", "maps"),
    ("neural", "attacks", "train"),
    ("simulate",),
    ("trend",),
    ("report",),
    ("study",),
    ("methods",),
    ("stages", "tools"),
    ("cli",),
    ("__main__",),
)
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}
DOORS = ("stages", "tools")


def room(module: str) -> str:
    return module.split(".")[0]


def test_every_room_has_its_floor_and_says_what_it_is_for():
    assert {room(module) for module in MODULES} == set(FLOOR)
    rooms = [path for module, path in MODULES.items() if path.name == "__init__.py"]
    assert len(rooms) > 10 and all(path.read_text().startswith('"""') for path in rooms)


def upward(module: str) -> set[str]:
    """What a module imports from its own floor, but for its own room, or from above."""
    others = {name for name in own_imports(module) if room(name) != room(module)}
    return {name for name in others if FLOOR[room(name)] >= FLOOR[room(module)]}


#: Not mended yet.
UPWARD = {
    "maps.folders": {
        *("stages.maps", "stages.models", "stages.preprocess", "stages.saliency", "stages.stimuli"),
        *("study.study", "tools.maps_ceilings"),
    }
}
SIDEWAYS = {"tools.attacks_control": {"stages.attacks"}}


def test_no_room_imports_from_its_own_floor_or_from_above():
    assert {module: found for module in MODULES if (found := upward(module))} == UPWARD


def test_no_door_imports_a_door():
    doors = [module for module in MODULES if room(module) in DOORS and "." in module]
    assert {door: found for door in doors if (found := own_imports(door) & set(doors))} == SIDEWAYS


def test_imports_have_no_cycle():
    below = {module: own_imports(module) & set(MODULES) for module in MODULES}
    while below:
        bottom = {name for name, parts in below.items() if not parts & set(below)}
        assert bottom, f"a cycle among {sorted(below)}"
        below = {name: parts for name, parts in below.items() if name not in bottom}
