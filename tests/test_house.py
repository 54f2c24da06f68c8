"""The rooms: who may import whom, and how large they may grow."""

from collections import Counter
from pathlib import Path

import pytest
from closure import PACKAGE, ROOT, files, imports, room

# What each room's code may import, in the order of the house. `classifier` and `display` ship in a
# Space and so need nothing; params.py asks the networks and the sources for what they allow.
ROOMS: dict[str, set[str]] = {
    "runtime": set(),
    "dataset": {"runtime"},
    "classifier": set(),
    "display": set(),
    "sources": {"dataset", "runtime"},
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
    "space/app": {"classifier", "display"},
    "space/packaging": {
        *("classifier", "dataset", "evaluation", "params", "runtime", "sources", "space/app"),
    },
    "demo": {"runtime"},
}


def place(path: Path) -> str:
    """As `room`, with the two rooms of the Space apart."""
    name = room(path)
    return "/".join(path.relative_to(PACKAGE).parts[:2]) if name == "space" else name


AROUND = {PACKAGE / "__init__.py", PACKAGE / "space/__init__.py"}
MODULES = set(PACKAGE.rglob("*.py")) - AROUND


def imported_rooms() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set() for name in ROOMS}
    for path in MODULES:
        imported = {file for module in imports(path) for file in files(module)} & MODULES
        found[place(path)] |= {place(file) for file in imported} - {place(path)}
    return found


def test_imports_point_one_way():
    assert imported_rooms() == ROOMS


def test_no_room_imports_one_that_comes_after_it():
    order = list(ROOMS)
    for name, allowed in ROOMS.items():
        assert all(order.index(other) < order.index(name) for other in allowed), name


@pytest.mark.parametrize("top", ["src", "stages", "tests", "benchmarks"])
def test_no_room_is_crowded_and_no_file_is_long(top):
    kept = [
        path
        for path in (ROOT / top).rglob("*.*")
        if path.suffix in (".py", ".j2", ".css", ".js") and "__pycache__" not in path.parts
    ]
    assert {folder: n for folder, n in Counter(p.parent for p in kept).items() if n > 12} == {}
    long = [path for path in kept if len(path.read_text(encoding="utf-8").splitlines()) > 300]
    assert [path for path in long if path.suffix == ".py"] == []
