"""Runs DVC in a process group of its own and kills it, or a part of it, at a chosen moment."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from project import Project

PATIENCE = 120.0  # seconds for a moment to come
MARK = "CIFARLENS_KILLING"  # in the environment of all that a run starts


class Run:
    """A DVC command under way.

    Args:
        project: to run in.
        command: of DVC and its arguments.
        log: file for what it prints on both streams.
    """

    def __init__(self, project: Project, *command: str, log: Path) -> None:
        self.project, self.log, self.mark = project, log, uuid.uuid4().hex
        self.earlier = set((project.folder / "checkpoints").glob("*"))  # runs that have finished
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                command,
                cwd=project.folder,
                env={**project.environment(), MARK: self.mark},
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A shell's background job ignores Ctrl-C, and so would what it starts.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def processes(self) -> list[psutil.Process]:
        """All that the run started and that are still alive."""
        return [process for process in psutil.process_iter() if self._ours(process)]

    def _ours(self, process: psutil.Process) -> bool:
        try:
            ours: bool = process.environ().get(MARK) == self.mark
            return ours and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            return False

    def stage(self) -> psutil.Process:
        """The process of the stage that runs; its workers have the same command line.

        The shell between DVC and it has "-m" only as a part of an argument.
        """
        found = [p for p in self.processes() if "-m" in p.cmdline()]
        return min(found, key=lambda process: process.create_time())

    def worker(self) -> psutil.Process:
        """One of the processes that augment images."""
        return self.stage().children()[0]

    def wait_for(self, moment: Callable[[], bool], pause: float = 0.01) -> None:
        deadline = time.monotonic() + PATIENCE
        while not moment():
            assert self.process.poll() is None, f"It ended before the moment:\n{self.printed()}"
            assert time.monotonic() < deadline, f"The moment never came:\n{self.printed()}"
            if pause:
                time.sleep(pause)

    def checkpoints(self) -> Iterator[Path]:
        for path in (self.project.folder / "checkpoints").glob("*/last.ckpt"):
            if path.parent not in self.earlier:
                yield path

    def unfinished_checkpoints(self) -> Iterator[Path]:
        yield from (self.project.folder / "checkpoints").glob("*/.last.ckpt.*.part")

    def end(self) -> int:
        """Waits until all processes are gone; returns DVC's exit code."""
        code = self.process.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while self.processes():
            assert time.monotonic() < deadline, f"Left behind: {self.processes()}"
            time.sleep(0.1)
        return code


@contextmanager
def running(project: Project, *command: str, log: Path) -> Iterator[Run]:
    """A run that is killed with all its processes if the block fails."""
    run = Run(project, *command, log=log)
    try:
        yield run
    finally:
        for process in run.processes():
            process.kill()
        run.process.wait()


Moment = Callable[[Run], None]
Blow = Callable[[Run], None]


def in_stage(name: str, seconds: float) -> Moment:
    """So long after DVC has started a stage."""

    def wait(run: Run) -> None:
        run.wait_for(lambda: f"Running stage '{name}'" in run.printed())
        time.sleep(seconds)

    return wait


def after_epoch(epoch: int, seconds: float) -> Moment:
    """So long after the checkpoint of an epoch (0: the start) is there."""

    def wait(run: Run) -> None:
        if epoch == 0:
            in_stage("train", 0)(run)
        seen: set[int] = set()

        def there() -> bool:
            seen.update(path.stat().st_mtime_ns for path in run.checkpoints())
            return len(seen) >= epoch

        run.wait_for(there, pause=0.001)
        time.sleep(seconds)

    return wait


def while_writing(epoch: int) -> Moment:
    """In the middle of writing the checkpoint of an epoch, counted from 1."""

    def wait(run: Run) -> None:
        after_epoch(epoch - 1, 0)(run)
        run.wait_for(lambda: any(run.unfinished_checkpoints()), pause=0)

    return wait


def everything(signum: signal.Signals) -> Blow:
    """As the terminal does with Ctrl-C, and a batch system with SIGTERM and SIGKILL."""
    return lambda run: os.killpg(run.process.pid, signum)


def dvc_alone(signum: signal.Signals) -> Blow:
    return lambda run: run.process.send_signal(signum)


def stage_alone(signum: signal.Signals) -> Blow:
    return lambda run: run.stage().send_signal(signum)


def worker_alone(signum: signal.Signals) -> Blow:
    return lambda run: run.worker().send_signal(signum)


def kill(project: Project, moment: Moment, blow: Blow, *command: str) -> tuple[int, str]:
    """Runs a command, strikes at the moment, and waits until all its processes are gone.

    Returns:
        The exit code of DVC and what was printed.
    """
    log = project.folder.with_suffix(".log")
    with running(project, *(command or ("dvc", "repro")), log=log) as run:
        moment(run)
        blow(run)
        return run.end(), run.printed()
