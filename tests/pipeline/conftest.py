"""A whole project in a temporary git repository, small enough to run every stage in a minute."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
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
    "lr_find": {"steps": 30, "start": 1e-4},
    "trainer": {"accelerator": "cpu", "workers": 0},
    "gradcam": {"images": 10},
}


@dataclass
class Project:
    """A checkout of its own, and where its stages' traces lie."""

    folder: Path
    traces: Path

    def run(self, *command: str, code: int = 0) -> str:
        """Runs a command in the project; returns what it printed on both streams."""
        path = [str(self.traces.parent / "trace"), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "TRACE_FOLDER": str(self.traces),
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode == code, done.stdout
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


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Project:
    """Committed, with every stage run once and traced."""
    base = tmp_path_factory.mktemp("pipeline")
    made = Project(base / "checkout", base / "traces")
    made.traces.mkdir()
    shutil.copytree(Path(__file__).parent / "trace", base / "trace")
    for name in (*COPIED, "params.yaml", ".gitignore", ".dvc/.gitignore"):
        source, target = ROOT / name, made.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copy2(source, target)
    made.params(**SMALL)
    made.run("git", "init", "-q", "-b", "main")
    made.run("git", "config", "user.name", "test")
    made.run("git", "config", "user.email", "test@localhost")
    made.commit("a small project")
    made.run("dvc", "repro")
    made.commit("its first run")
    return made
