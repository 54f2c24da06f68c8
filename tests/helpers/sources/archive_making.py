"""Makes small archives in CIFAR-10's format and runs the real download stage on them."""

import hashlib
import io
import multiprocessing
import os
import pickle
import tarfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
from small_stage import run_process

from cifarlens.dataset.arrays import dataset_digest
from cifarlens.sources.cifar10 import ARCHIVE, FOLDER, MD5S, SOURCE

ROOT = Path(__file__).parents[3]
SIZE = 20  # images per batch
PAUSES = (0.01, 0.02)
TIMEOUT = 60  # seconds until a stage must have finished

# Its server imports the stage once and forks for each run.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["small_stage"])


def to_pickle(value: Any) -> bytes:
    return pickle.dumps(value, protocol=3)


def md5_sums(members: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.md5(content).hexdigest() for name, content in members.items()}


def make_batches() -> dict[str, dict[str, Any]]:
    """Makes random images and labels for each file that contains some."""
    random = np.random.default_rng(0)
    return {
        name: {
            "data": random.integers(0, 256, (SIZE, 3072), dtype=np.uint8),
            "labels": random.integers(0, 10, SIZE).tolist(),
        }
        for name in MD5S
        if name != "batches.meta"
    }


def write_archive(path: Path, members: dict[str, bytes], folder: str = f"{FOLDER}/") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:xz" if path.suffix == ".xz" else "w:gz") as archive:
        for name, content in members.items():
            add_member(archive, folder + name, content)
    return path


def add_member(archive: tarfile.TarFile, name: str, content: bytes, **fields: Any) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in fields.items():
        setattr(member, key, value)
    archive.addfile(member, io.BytesIO(content))


def write_folder(folder: Path, members: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in members.items():
        (folder / name).write_bytes(content)
    return folder


class MaliciousPickle:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@dataclass
class SmallStage:
    """The download stage as a process in a project folder, with the MD5 sums of the small files.

    Attributes:
        folder: contains params.yaml.
        settings: for small_stage.py.
        source: CIFAR10_SOURCE.
        digest: of the expected dataset.
    """

    folder: Path
    settings: dict[str, Any]
    source: str
    digest: str

    def start(self, stderr: Connection, **settings: Any) -> BaseProcess:
        """Starts the stage and closes `stderr` in this process."""
        environment = {**os.environ, SOURCE: self.source}
        arguments = (self.folder, {**self.settings, **settings}, environment, stderr)
        process = PROCESSES.Process(target=run_process, args=arguments)
        process.start()
        stderr.close()
        return process

    def run(self, **settings: Any) -> tuple[int | None, str]:
        """Runs the stage; returns its exit code and stderr."""
        reader, writer = PROCESSES.Pipe(duplex=False)
        return finish(self.start(writer, **settings), reader)

    def fails(self, **settings: Any) -> str:
        """Runs the stage; returns its error message. It must leave nothing incomplete."""
        code, stderr = self.run(**settings)
        assert code == 2, stderr
        message = stderr.splitlines()[-1]
        assert message.startswith("error: "), stderr
        assert "Traceback" not in stderr
        assert not (self.folder / "data" / "dataset").exists()
        return message.removeprefix("error: ")

    def succeeds(self, **settings: Any) -> str:
        """Runs the stage; returns its stderr."""
        code, stderr = self.run(**settings)
        assert code == 0, stderr
        self.check_data()
        return stderr

    def check_data(self) -> None:
        """Checks that the dataset is right and that only the archive is next to it."""
        data = self.folder / "data"
        assert dataset_digest(data / "dataset") == self.digest
        assert {path.name for path in data.iterdir()} <= {"dataset", "archive"}
        assert set(self.archive_files()) <= {"gz", "version"}  # a version without part is harmless

    def wait_for_part(self, size: int) -> None:
        """Waits until this many bytes of the archive have arrived."""
        part = self.folder / f"{ARCHIVE}.part"
        deadline = time.monotonic() + TIMEOUT
        while not part.is_file() or part.stat().st_size < size:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def archive_files(self) -> list[str]:
        """Returns the suffixes of the names in the folder of archives."""
        archives = (self.folder / "data" / "archive").glob("*")
        return sorted(path.name.partition(".tar.gz.")[2] or "gz" for path in archives)


def finish(process: BaseProcess, stderr: Connection) -> tuple[int | None, str]:
    """Waits for a process; returns its exit code and stderr."""
    text = b""
    while stderr.poll(TIMEOUT) and (received := os.read(stderr.fileno(), 65536)):
        text += received
    process.join(TIMEOUT)
    return process.exitcode, text.decode()
