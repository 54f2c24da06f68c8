"""Makes a whole project in a git repository of its own, small enough to run every stage."""

import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from cifarlens.demo import COPIED, merge

ROOT = Path(__file__).parents[2]
SMALL = {
    "epochs": 2,
    "peak_epoch": 1,
    "batch_size": 128,
    "data": {"source": "digits", "val_size": 100},
    "augment": {"flip": False},
    "model": {"width": 4},
    "lr_find": {"steps": 60, "start": 1e-5, "repeats": 1},
    "trainer": {"accelerator": "cpu", "precision": 32, "workers": 0},
    "gradcam": {"images": 10},
}


def os_environment() -> dict[str, str]:
    """Ours, without what would lead git to another repository or to the developer's settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    certificates = {key: os.environ[key] for key in ("GIT_SSL_CAINFO",) if key in os.environ}
    return {**kept, **certificates, "GIT_CONFIG_GLOBAL": os.devnull}


@dataclass
class Project:
    """A checkout of its own, and where its stages' traces lie if they are wanted."""

    folder: Path
    traces: Path | None = None

    def environment(self) -> dict[str, str]:
        """Of what runs in the project: the tests' Python first, one thread."""
        found = {
            **os_environment(),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
        }
        if self.traces:
            path = [str(self.traces.parent / "trace"), os.environ.get("PYTHONPATH", "")]
            found["PYTHONPATH"] = os.pathsep.join(filter(None, path))
            found["TRACE_FOLDER"] = str(self.traces)
        return found

    def run(self, *command: str, code: int | Collection[int] = 0) -> str:
        """Runs a command in the project; returns what it printed on both streams.

        `code` is the exit code that must come, or several of which one must.
        """
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        codes = (code,) if isinstance(code, int) else code
        assert done.returncode in codes, f"exit code {done.returncode}: {done.stdout}"
        return done.stdout

    def params(self, **changes: object) -> None:
        """Changes params.yaml."""
        path = self.folder / "params.yaml"
        yaml = YAML()
        content = yaml.load(path)
        merge(content, changes)
        yaml.dump(content, path)

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)

    def outputs(self) -> dict[str, dict[str, str]]:
        """The MD5 of every output, by stage and path, as dvc.lock has them."""
        with (self.folder / "dvc.lock").open() as stream:
            stages = YAML(typ="safe").load(stream)["stages"]
        return {
            name: {out["path"]: out["md5"] for out in stage["outs"]}
            for name, stage in stages.items()
        }


def make_project(folder: Path, traces: Path | None = None, **changes: Any) -> Project:
    """Copies this checkout's code into a new repository and commits it; runs nothing.

    Args:
        folder: to be made.
        traces: where each stage notes the files it opens, if wanted.
        changes: to params.yaml, over `SMALL`.
    """
    made = Project(folder, traces)
    for name in (*COPIED, "params.yaml", ".gitignore", ".dvc/.gitignore"):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copy2(source, target)
    made.params(**SMALL)
    made.params(**changes)
    made.run("git", "init", "-q", "-b", "main")
    made.run("git", "config", "user.name", "test")
    made.run("git", "config", "user.email", "test@localhost")
    made.commit("a small project")
    return made


def ran(output: str) -> list[str]:
    """Stages that DVC ran, in order."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def edit(path: Path, old: str, new: str) -> None:
    """Changes a line of a file, as a contributor does."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} is not once in {path}"
    path.write_text(text.replace(old, new))
