"""Runs the real download stage on small archives in a child process, with prepared failures."""

import io
import multiprocessing
import os
import resource
import shutil
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import stages.download
from cifarlens.dataset.arrays import dataset_digest
from cifarlens.runtime.stage import run_stage
from cifarlens.sources.cifar10 import ARCHIVE

TIMEOUT = 60  # seconds until a stage must have finished
FORK = multiprocessing.get_context("fork")  # the child has this process's imports and patches

# Nothing changes on disk between two of these events. The last one is the start of unpickling.
EVENTS = ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "pickle.find_class")


@dataclass
class SmallStage:
    """The download stage in a project folder.

    Attributes:
        folder: contains params.yaml.
        source: CIFAR10_SOURCE.
        digest: of the expected dataset.
    """

    folder: Path
    source: str
    digest: str

    def run(
        self, file_size: int | None = None, user: int | None = None, kill_before: int = 0
    ) -> tuple[int | None, str]:
        """Runs the stage; returns its exit code and stderr.

        Args:
            file_size: maximum size of a file, bytes.
            user: user ID that the process takes.
            kill_before: number of the file operation, from 1, before which the process is killed.
        """
        stderr = self.folder.with_name("stderr")
        arguments = (stderr, file_size, user, kill_before)
        process = FORK.Process(target=self._run_here, args=arguments, daemon=True)
        process.start()
        process.join(TIMEOUT)
        return process.exitcode, stderr.read_text()

    def _run_here(
        self, stderr: Path, file_size: int | None, user: int | None, kill_before: int
    ) -> None:
        sys.stdout, sys.stderr = io.StringIO(), stderr.open("w")
        sys.argv = ["download.py"]
        os.environ[ARCHIVE.variable] = self.source
        os.chdir(self.folder)
        if file_size:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, resource.RLIM_INFINITY))
        if user:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        if kill_before:
            kill_at(kill_before)
        run_stage(stages.download.main)

    def fails(self, **settings: Any) -> str:
        """Runs the stage; returns its error message."""
        code, stderr = self.run(**settings)
        assert code == 2, stderr
        assert "Traceback" not in stderr
        message = stderr.splitlines()[-1]
        assert message.startswith("error: "), stderr
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
        archives = {path.name for path in (data / "archive").glob("*")}
        name = ARCHIVE.path.name
        assert archives <= {name, f"{name}.version"}  # a version alone is harmless

    def copy(self, name: str) -> "SmallStage":
        """Copies the project to a folder next to it."""
        return replace(self, folder=Path(shutil.copytree(self.folder, self.folder.with_name(name))))


def kill_at(number: int) -> None:
    """Kills this process before the file operation with this number."""
    count = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event not in EVENTS:
            return
        if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            return
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
