"""Claims about the house: rooms stand on floors, and a room uses only what stands lower."""

from __future__ import annotations

from library import MODULES, imports, own_imports

#: Rooms from the ground up; rooms of one floor do not know of each other.
FLOORS = (
    ("errors",),
    ("stats",),
    ("io",),
    ("labels",),
    ("visual_tasks",),
    ("stimuli",),
    ("zoo", "gram"),
    ("recordings", "maps"),
    ("comparisons", "probes"),
    ("neural", "attacks", "train"),
    ("simulate",),
    ("measures",),
    ("trend",),
    ("report",),
    ("study",),
    ("methods",),
    ("stages", "tools"),
    ("cli",),
    ("forkserver",),
    ("__main__",),
)
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}
DOORS = ("stages", "tools")


def room(module: str) -> str:
    return module.split(".")[0]


def test_every_room_has_its_floor_and_says_what_it_is_for():
    assert {room(module) for module in MODULES} <= set(FLOOR)
    rooms = [path for module, path in MODULES.items() if path.name == "__init__.py"]
    assert len(rooms) > 10 and all(path.read_text().startswith('"""') for path in rooms)


def upward(module: str) -> set[str]:
    """What a module imports from its own floor, but for its own room, or from above."""
    others = {name for name in own_imports(module) if room(name) != room(module)}
    return {name for name in others if FLOOR[room(name)] >= FLOOR[room(module)]}


#: What knows of a command line but doors: options that several of them have, and the reader of others' weight
#: files, which hold the arguments of their trainings.
ARGUMENTS = {"study.options", "zoo.checkpoints"}


def test_no_room_imports_from_its_own_floor_or_from_above():
    assert {module: found for module in MODULES if (found := upward(module))} == {}


def test_no_door_imports_a_door():
    doors = {module for module in MODULES if room(module) in DOORS and "." in module}
    assert {door: found for door in doors if (found := own_imports(door) & doors)} == {}


def test_only_doors_know_of_a_command_line():
    knowing = {module for module in MODULES if "argparse" in imports(MODULES[module])}
    assert {module for module in knowing if room(module) not in (*DOORS, "cli")} == ARGUMENTS


def test_imports_have_no_cycle():
    below = {module: own_imports(module) & set(MODULES) for module in MODULES}
    while below:
        bottom = {name for name, parts in below.items() if not parts & set(below)}
        assert bottom, f"a cycle among {sorted(below)}"
        below = {name: parts for name, parts in below.items() if name not in bottom}
