"""The rooms: which imports are allowed, and how large rooms and files may become."""

from collections import Counter
from pathlib import Path

import pytest
from closure import PACKAGE, ROOT, files, imports, room

# The rooms that each room imports, in an order without circles. `classifier` and `display` ship in
# a Space, so they import no other room. params.py reads the allowed networks and sources.
ROOMS: dict[str, set[str]] = {
    "runtime": set(),
    "dataset": {"runtime"},
    "classifier": set(),
    "display": set(),
    "pictures": set(),
    "sources": {"dataset", "pictures", "runtime"},
    "params_file": {"runtime"},
    "params": {"classifier", "params_file", "sources", "runtime"},
    "training": {"classifier", "dataset", "display", "params", "runtime"},
    "evaluation": {"classifier"},
    "explanation": {"classifier", "evaluation"},
    "figures": {"classifier", "dataset", "display", "evaluation", "explanation", "runtime"},
    "report": {
        *("classifier", "dataset", "display", "evaluation", "explanation", "figures", "params"),
        *("runtime", "sources", "training"),
    },
    "comparison": {
        *("classifier", "display", "evaluation", "explanation", "figures", "report", "runtime"),
    },
    "demo": {"runtime"},
    "release": {"classifier", "dataset", "demo", "evaluation", "params", "runtime"},
    "space/app": {"classifier", "display", "pictures"},
    "space/packaging": {
        *("classifier", "dataset", "display", "evaluation", "params", "pictures", "release"),
        *("runtime", "sources", "space/app", "training"),
    },
}


def name_room(path: Path) -> str:
    """Returns the room of a file; `space` has two rooms."""
    name = room(path)
    return "/".join(path.relative_to(PACKAGE).parts[:2]) if name == "space" else name


MODULES = set(PACKAGE.rglob("*.py")) - {PACKAGE / "__init__.py", PACKAGE / "space/__init__.py"}


def imported_rooms() -> dict[str, set[str]]:
    rooms: dict[str, set[str]] = {name: set() for name in ROOMS}
    for path in MODULES:
        imported = {file for module in imports(path) for file in files(module)} & MODULES
        rooms[name_room(path)] |= {name_room(file) for file in imported} - {name_room(path)}
    return rooms


def test_each_room_imports_only_rooms_before_it():
    assert imported_rooms() == ROOMS
    order = list(ROOMS)
    for name, allowed in ROOMS.items():
        assert all(order.index(other) < order.index(name) for other in allowed), name


@pytest.mark.parametrize("top", ["src", "stages", "tests", "benchmarks"])
def test_no_folder_has_too_many_files_and_no_file_is_long(top):
    paths = [
        path
        for path in (ROOT / top).rglob("*.*")
        if path.suffix in (".py", ".j2", ".css", ".js") and "__pycache__" not in path.parts
    ]
    assert {folder: n for folder, n in Counter(p.parent for p in paths).items() if n > 12} == {}
    modules = [path for path in paths if path.suffix == ".py"]
    assert [path for path in modules if path.read_text("utf-8").count("\n") > 300] == []
