"""`make demo`: the same stages on handwritten digits, in a git-ignored folder of its own.

The folder is a DVC project without git that holds a copy of the code, so the user's own data,
results and `git status` stay as they are.
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
    "stages",
    "src",
)


def prepare(root: Path, folder: Path) -> None:
    """Copies the project's code from `root` into `folder`, with the demo's parameters.

    What earlier demos left in the folder stays, so that unchanged stages are not run again.
    """
    for name in COPIED:
        source, target = root / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(
                source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            shutil.copy2(source, target)
    write_text(folder / ".dvc/config.local", "[core]\n    no_scm = true\n")
    yaml = YAML()  # round trip: the comments stay
    params = yaml.load(root / paths.PARAMS)
    merge(params, yaml.load(root / CHANGES) or {})
    yaml.dump(params, folder / paths.PARAMS)


def merge(params: Any, changes: Mapping[str, Any]) -> None:
    """Puts the leaves of `changes` into `params`, in place; the first stage names a wrong one."""
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(params.setdefault(key, {}), Mapping):
            merge(params[key], value)
        else:
            params[key] = value


def main() -> None:
    if not CHANGES.exists():
        raise UserError(f"{CHANGES} is missing here: run `make demo` from the project's root.")
    prepare(Path(), FOLDER)
    beside_python = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": beside_python + os.pathsep + os.environ.get("PATH", "")}
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro"], cwd=FOLDER, env=environment, check=False
    )
    if done.returncode:
        raise UserError("The demo stopped: the message is above; run `make demo` again to go on.")
    metrics = read_json(FOLDER / paths.EVALUATE_METRICS)
    print(
        f"\nTest accuracy: {metrics['accuracy']:.2%} of {metrics['images']} digits\n"
        f"Report:        {FOLDER / paths.REPORT}\n"
        f"Space:         make space SPACE={FOLDER / paths.SPACE}"
    )


if __name__ == "__main__":
    run_stage(main)
