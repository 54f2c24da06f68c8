"""Small archives of CIFAR-10's form, good and bad, and the real download stage run on them."""

import hashlib
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cifarlens.dataset.arrays import dataset_digest
from cifarlens.sources.cifar10 import ARCHIVE, FOLDER, MD5S, SOURCE

ROOT = Path(__file__).parents[3]
STAGE = Path(__file__).parent / "small_stage.py"
SIZE = 20  # images a batch
NOBODY = 65534
PAUSES = (0.01, 0.02)


def dump(value: Any) -> bytes:
    return pickle.dumps(value, protocol=3)


def sums(members: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.md5(content).hexdigest() for name, content in members.items()}


def make_batches() -> dict[str, dict[str, Any]]:
    """Random images and labels for every file that holds some."""
    random = np.random.default_rng(0)
    return {
        name: {
            "data": random.integers(0, 256, (SIZE, 3072), dtype=np.uint8),
            "labels": random.integers(0, 10, SIZE).tolist(),
        }
        for name in MD5S
        if name != "batches.meta"
    }


def pack(path: Path, members: dict[str, bytes], folder: str = f"{FOLDER}/") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:xz" if path.suffix == ".xz" else "w:gz") as archive:
        for name, content in members.items():
            add(archive, folder + name, content)
    return path


def add(archive: tarfile.TarFile, name: str, content: bytes, **fields: Any) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in fields.items():
        setattr(member, key, value)
    archive.addfile(member, io.BytesIO(content))


def spread(folder: Path, members: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in members.items():
        (folder / name).write_bytes(content)
    return folder


class Evil:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@dataclass
class SmallStage:
    """The download stage as a process in a project folder, with the sums of the small files.

    Attributes:
        folder: holds params.yaml.
        settings: what `small_stage.py` reads.
        source: CIFAR10_SOURCE.
        digest: of the right data set.
    """

    folder: Path
    settings: dict[str, Any]
    source: str
    digest: str
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, stderr: int = subprocess.PIPE, **settings: Any) -> "subprocess.Popen[str]":
        environment = {
            **os.environ,
            **self.environment,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "SMALL_STAGE": json.dumps({**self.settings, **settings}),
            SOURCE: self.source,
        }
        return subprocess.Popen(
            [sys.executable, STAGE],
            cwd=self.folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=stderr,
            # A shell's background job ignores Ctrl-C, and so would what it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, **settings: Any) -> tuple[int, str]:
        """Exit code and what was printed to stderr."""
        process = self.start(**settings)
        shown = process.communicate(timeout=60)[1]
        return process.returncode, shown

    def fails(self, **settings: Any) -> str:
        """The one sentence in which the stage ends, leaving nothing half-made."""
        code, shown = self.run(**settings)
        assert code == 2, shown
        *before, last = shown.splitlines()
        assert last.startswith("error: "), shown
        beside = ("Fetching ", "trying again", "note: ")
        assert all(any(words in line for words in beside) for line in before), shown
        assert not (self.folder / "data" / "dataset").exists()
        assert set(self.kept()) <= {"part", "version", "gz"}
        return last.removeprefix("error: ")

    def succeeds(self, **settings: Any) -> str:
        """What was printed to stderr."""
        code, shown = self.run(**settings)
        assert code == 0, shown
        self.intact()
        return shown

    def intact(self) -> None:
        """The data set is right, and nothing lies beside it but the archive."""
        data = self.folder / "data"
        assert dataset_digest(data / "dataset") == self.digest
        assert {path.name for path in data.iterdir()} <= {"dataset", "archive"}
        assert set(self.kept()) <= {"gz", "version"}  # which says nothing without its part

    def wait_for_part(self, size: int) -> None:
        """Until so many bytes of the archive have arrived."""
        part = self.folder / f"{ARCHIVE}.part"
        deadline = time.monotonic() + 60
        while not part.is_file() or part.stat().st_size < size:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def kept(self) -> list[str]:
        """Ends of the names in the folder of archives."""
        archives = (self.folder / "data" / "archive").glob("*")
        return sorted(path.name.partition(".tar.gz.")[2] or "gz" for path in archives)
