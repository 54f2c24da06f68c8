"""Clean environments for a packaged Space: nothing but what its own requirements ask for.

The quick one links what is installed here; the real one installs from the package index. Neither
can import this repository.
"""

import re
import subprocess
import sys
import urllib.request
import venv
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRA_INDEX = "--extra-index-url"


def requirements(space: Path) -> list[Requirement]:
    """What a Space's requirements.txt pins for this Python, and its README's version of Gradio."""
    lines = (space / "requirements.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith(("#", "--"))]
    (gradio,) = re.findall(r"^sdk_version: (\S+)$", (space / "README.md").read_text(), re.M)
    wanted.append(Requirement(f"gradio=={gradio}"))
    return [one for one in wanted if one.marker is None or one.marker.evaluate()]


def closure(wanted: list[Requirement]) -> dict[str, Distribution]:
    """The installed distributions that the requirements bring; fails on another version."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = list(wanted)
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        installed = distribution(name)
        assert one.specifier.contains(installed.version, prereleases=True), (one, installed.version)
        found[name] = installed
        for extra in ("", *one.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for text in installed.requires or ():
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    waiting.append(needed)
    return found


def linked_environment(folder: Path, wanted: list[Requirement]) -> Path:
    """An environment without pip whose packages are links to exactly the closure's files."""
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    chosen = closure(wanted)
    others = {name for d in distributions() for name in tops(d) if canonical(d) not in chosen}
    for installed in chosen.values():
        root = Path(str(installed.locate_file("")))
        for name in tops(installed):
            if name not in others:
                link(packages / name, root / name)
        for file in installed.files or ():
            if file.parts[0] in others and file.parts[0] != "..":
                link(packages / file, root / file)
    return folder / "bin/python"


def canonical(installed: Distribution) -> str:
    return canonicalize_name(installed.metadata["Name"])


def tops(installed: Distribution) -> set[str]:
    """A distribution's own entries of site-packages; scripts and caches left out."""
    names = {file.parts[0] for file in installed.files or ()}
    return names - {"..", "__pycache__"}


def link(place: Path, target: Path) -> None:
    if not place.exists() and target.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)


def installed_environment(folder: Path, space: Path) -> Path:
    """An environment made with pip from the Space's requirements.txt: minutes, and gigabytes."""
    venv.create(folder, with_pip=True)
    lines = (space / "requirements.txt").read_text().splitlines()
    kept = [
        line for line in lines if not line.startswith(EXTRA_INDEX) or reachable(line.split()[1])
    ]
    copy = folder / "requirements.txt"
    copy.write_text("\n".join(kept) + "\n")
    python = folder / "bin/python"
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "-r", copy], check=True, stdout=sys.stderr)
    return python


def reachable(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=10).close()
    except OSError:
        return False
    return True
