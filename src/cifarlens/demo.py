"""Runs `make demo`: all stages on handwritten digits, in a separate folder that git ignores.

The folder is a DVC project without git and contains a copy of the code, so the user's data, results
and `git status` do not change.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from .runtime import paths
from .runtime.errors import UserError
from .runtime.files import read_json, write_text
from .runtime.stage import run_stage

FOLDER = Path("demo")
CHANGES = Path("params.demo.yaml")
COPIED = (
    "dvc.yaml",
    "requirements.lock",
    ".dvcignore",
    ".dvc/config",
    ".dvc/plots",
    "data/source",
    "metrics/runs.csv",
    "stages",
    "src",
)


def prepare(root: Path, folder: Path, changes: Mapping[str, Any] | None = None) -> None:
    """Copies the project's code from `root` to `folder` and writes the demo's parameters there.

    Results of earlier demos stay in the folder, so DVC does not rerun unchanged stages.

    Args:
        root: the project.
        folder: becomes a DVC project without git.
        changes: parameters that differ from those of the demo, nested as in params.yaml.
    """
    for name in COPIED:
        source, target = root / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, target, ignore=ignored, symlinks=True)
        else:
            shutil.copy2(source, target)
    write_text(folder / ".dvc/config.local", "[core]\n    no_scm = true\n")
    yaml = YAML()  # keeps the comments
    params = yaml.load(root / paths.PARAMS)
    merge(params, yaml.load(root / CHANGES) or {})
    merge(params, changes or {})
    yaml.dump(params, folder / paths.PARAMS)


def merge(params: Any, changes: Mapping[str, Any]) -> None:
    """Updates `params` in place with the values in `changes`; the first stage checks the result."""
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(params.setdefault(key, {}), Mapping):
            merge(params[key], value)
        else:
            params[key] = value


def run_dvc(*arguments: str, folder: Path = Path()) -> int:
    """Runs DVC in a project, whose stages run this Python; returns its exit code."""
    scripts = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": scripts + os.pathsep + os.environ.get("PATH", "")}
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def print_results(folder: Path, space: str) -> None:
    """Prints the test accuracy, the report's path and the command that starts the Space."""
    metrics = read_json(folder / paths.EVALUATE_METRICS)
    print(
        f"\nTest accuracy: {metrics['accuracy']:.2%}\n"
        f"Report:        {folder / paths.REPORT}\n"
        f"Space:         {space}"
    )


def main() -> None:
    if not CHANGES.exists():
        raise UserError(f"{CHANGES} is missing here; run `make demo` from the project's root.")
    prepare(Path(), FOLDER)
    if run_dvc("repro", folder=FOLDER):
        raise UserError(
            "The demo stopped. Fix the error above and run `make demo` again to continue."
        )
    print_results(FOLDER, f"make space SPACE={FOLDER / paths.SPACE}")


if __name__ == "__main__":
    run_stage(main)
