"""Reads the packages of a Space from requirements.lock, which `uv pip compile` wrote."""

from pathlib import Path

from .shipped import CUDA, LIBRARIES


def read_pins(lock: Path) -> list[str]:
    """Returns the lock's requirement lines for `LIBRARIES` and all that they need, without hashes.

    Leaves out what only torch's CUDA build needs.
    """
    pins: dict[str, list[str]] = {}  # a package may have several versions, with markers
    users: dict[str, set[str]] = {}  # the packages that need a package
    name = ""
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line[:1].isalnum():
            name = line.partition("==")[0]
            pins.setdefault(name, []).append(line.removesuffix("\\").strip())
        elif line.startswith("    # "):  # `# via USER`, or `# via` and a line for each user
            users.setdefault(name, set()).add(line.strip(" #").removeprefix("via "))
    needed = set(LIBRARIES)
    while more := {n for n in pins if users[n] & needed and not n.startswith(CUDA)} - needed:
        needed |= more
    return [line for name in sorted(needed) for line in pins[name]]
