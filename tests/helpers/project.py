"""Creates a project in its own git repository, small enough to run every stage in tests."""

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
    """Returns this process's variables without git's, which could name another repository."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    certificates = {key: os.environ[key] for key in ("GIT_SSL_CAINFO",) if key in os.environ}
    return {**variables, **certificates, "GIT_CONFIG_GLOBAL": os.devnull}


@dataclass
class Project:
    """A checkout of its own.

    Attributes:
        folder: the checkout.
        traces: folder of its stages' traces, if they are traced.
        threads: number of threads of its stages.
    """

    folder: Path
    traces: Path | None = None
    threads: int = 1

    def environment(self) -> dict[str, str]:
        """Returns variables for commands in the project: the tests' Python first."""
        variables = {
            **os_environment(),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": str(self.threads),
        }
        if self.traces:
            path = [str(self.traces.parent / "trace"), os.environ.get("PYTHONPATH", "")]
            variables["PYTHONPATH"] = os.pathsep.join(filter(None, path))
            variables["TRACE_FOLDER"] = str(self.traces)
        return variables

    def run(self, *command: str, code: int | Collection[int] = 0) -> str:
        """Runs a command in the project and returns its output of both streams.

        `code` is the expected exit code, or several allowed ones.
        """
        process = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        codes = (code,) if isinstance(code, int) else code
        assert process.returncode in codes, f"exit code {process.returncode}: {process.stdout}"
        return process.stdout

    def params(self, **changes: object) -> None:
        """Changes params.yaml."""
        path = self.folder / "params.yaml"
        yaml = YAML()
        content = yaml.load(path)
        merge(content, changes)
        yaml.dump(content, path)

    def copy(self, folder: Path) -> "Project":
        """Copies the project with its results and DVC's cache."""
        subprocess.run(["cp", "-a", self.folder, folder], check=True)
        return Project(folder)

    def restore(self) -> None:
        """Brings the last commit's files and results back."""
        self.run("git", "checkout", "-q", ".")
        self.run("dvc", "checkout", "-q")

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)

    def outputs(self) -> dict[str, dict[str, str]]:
        """Returns the MD5 of every output in dvc.lock, by stage and path."""
        with (self.folder / "dvc.lock").open() as stream:
            stages = YAML(typ="safe").load(stream)["stages"]
        return {
            name: {out["path"]: out["md5"] for out in stage["outs"]}
            for name, stage in stages.items()
        }


def make_project(folder: Path, traces: Path | None = None, **changes: Any) -> Project:
    """Copies this checkout's code to a new repository and commits it; no stage runs.

    Args:
        folder: folder to create.
        traces: folder where each stage lists the files it opens.
        changes: changes to params.yaml after `SMALL`.
    """
    project = Project(folder, traces)
    for name in (*COPIED, "params.yaml", ".gitignore", "data/.gitignore", ".dvc/.gitignore"):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, target, ignore=ignored, symlinks=True)
        else:
            shutil.copy2(source, target)
    project.params(**SMALL)
    project.params(**changes)
    project.run("git", "init", "-q", "-b", "main")
    project.run("git", "config", "user.name", "test")
    project.run("git", "config", "user.email", "test@localhost")
    project.commit("a small project")
    return project


def ran(output: str) -> list[str]:
    """Returns the stages that DVC ran, in order."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def edit(path: Path, old: str, new: str) -> None:
    """Replaces a text that occurs once in a file, as a contributor does."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} does not occur once in {path}"
    path.write_text(text.replace(old, new))
