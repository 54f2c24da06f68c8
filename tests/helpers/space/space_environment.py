"""Clean environments for a packaged Space, with nothing but what its own requirements need.

The fast one links installed packages, the real one installs from the package index. Neither can
import this repository.
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


def read_requirements(space: Path) -> list[Requirement]:
    """Returns the pins of requirements.txt for this Python, and the README's Gradio version."""
    lines = (space / "requirements.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith(("#", "--"))]
    (gradio,) = re.findall(r"^sdk_version: (\S+)$", (space / "README.md").read_text(), re.M)
    pins.append(Requirement(f"gradio=={gradio}"))
    return [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]


def collect_distributions(requirements: list[Requirement]) -> dict[str, Distribution]:
    """Returns what the requirements install, by name; fails if another version is installed."""
    result: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        installed = result[name] = distribution(name)
        version = installed.version
        assert requirement.specifier.contains(version, prereleases=True), (requirement, version)
        for extra in {"", *requirement.extras} - {extra for key, extra in seen if key == name}:
            seen.add((name, extra))
            for line in installed.requires or ():
                dependency = Requirement(line)
                if dependency.marker is None or dependency.marker.evaluate({"extra": extra}):
                    waiting.append(dependency)
    return result


def link_environment(folder: Path, requirements: list[Requirement]) -> Path:
    """Links the installed packages into an environment without pip; returns its Python."""
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    chosen = collect_distributions(requirements)
    others = [d for d in distributions() if canonicalize_name(d.metadata["Name"]) not in chosen]
    names = {name for other in others for name in top_names(other)}
    for installed in chosen.values():
        root = Path(str(installed.locate_file("")))
        for name in top_names(installed) - names:
            link(packages / name, root / name)
        for file in installed.files or ():  # of folders that other packages also fill
            if file.parts[0] in names:
                link(packages / file, root / file)
    return folder / "bin/python"


def top_names(installed: Distribution) -> set[str]:
    """Returns a distribution's entries directly in site-packages."""
    return {file.parts[0] for file in installed.files or ()} - {"..", "__pycache__"}


def link(path: Path, target: Path) -> None:
    if not path.exists() and target.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)


def install_environment(folder: Path, space: Path) -> Path:
    """Installs the Space's requirements.txt with pip (minutes, gigabytes); returns the Python."""
    venv.create(folder, with_pip=True)
    copy, python = folder / "requirements.txt", folder / "bin/python"
    lines = (space / "requirements.txt").read_text().splitlines(keepends=True)
    copy.write_text("".join(line for line in lines if not is_unreachable_index(line)))
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "-r", copy], check=True, stdout=sys.stderr)
    return python


def is_unreachable_index(line: str) -> bool:
    if line.startswith(EXTRA_INDEX):
        try:
            urllib.request.urlopen(line.split()[1], timeout=10).close()
        except OSError:
            return True
    return False
