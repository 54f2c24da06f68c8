"""Runs DVC in its own process group and kills it, or one of its processes, at a chosen moment."""

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

TIMEOUT = 120.0  # seconds
MARK = "CIFARLENS_KILLING"  # in the environment of all processes of a run


class Run:
    """Starts a DVC command and watches its processes.

    Args:
        project: the checkout to run in.
        command: command line.
        log: file for the output of both streams.
    """

    def __init__(self, project: Project, *command: str, log: Path) -> None:
        self.project, self.log, self.mark = project, log, uuid.uuid4().hex
        finished = (project.folder / "checkpoints").glob("*/finished")
        self.earlier = {path.parent for path in finished}
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                command,
                cwd=project.folder,
                env={**project.environment(), MARK: self.mark},
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A background job of a shell ignores Ctrl-C, and its children inherit that.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def processes(self) -> list[psutil.Process]:
        """Returns the living processes of the run."""
        return [process for process in psutil.process_iter() if self._ours(process)]

    def _ours(self, process: psutil.Process) -> bool:
        try:
            ours: bool = process.environ().get(MARK) == self.mark
            return ours and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            return False

    def stage(self) -> psutil.Process:
        """Returns the process of the current stage.

        Its workers, which start later, have the same command line. The shell that DVC starts it
        with has "-m" only as a part of an argument.
        """
        candidates = [p for p in self.processes() if "-m" in p.cmdline()]
        return min(candidates, key=lambda process: process.create_time())

    def worker(self) -> psutil.Process:
        """Returns one of the processes that augment images."""
        return self.stage().children()[0]

    def wait_for(self, moment: Callable[[], bool], pause: float = 0.01) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not moment():
            assert self.process.poll() is None, (
                f"The run ended before the moment:\n{self.printed()}"
            )
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
        """Waits until all processes have ended; returns the exit code of DVC."""
        code = self.process.wait(TIMEOUT)
        deadline = time.monotonic() + TIMEOUT
        while self.processes():
            assert time.monotonic() < deadline, f"Still running: {self.processes()}"
            time.sleep(0.1)
        return code


@contextmanager
def running(project: Project, *command: str, log: Path) -> Iterator[Run]:
    """Starts a run and kills what is left of it after the block."""
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
    """Waits until some seconds after DVC starts a stage."""

    def wait(run: Run) -> None:
        run.wait_for(lambda: f"Running stage '{name}'" in run.printed())
        time.sleep(seconds)

    return wait


def after_epoch(epoch: int, seconds: float) -> Moment:
    """Waits until some seconds after the checkpoint of an epoch (0: the start of training).

    A resumed run counts from the epoch after which it resumes, as 1.
    """

    def wait(run: Run) -> None:
        if epoch == 0:
            in_stage("train", 0)(run)
        seen: set[int] = set()

        def has_checkpoint() -> bool:
            seen.update(path.stat().st_mtime_ns for path in run.checkpoints())
            return len(seen) >= epoch

        run.wait_for(has_checkpoint, pause=0.001)
        time.sleep(seconds)

    return wait


def while_writing(epoch: int) -> Moment:
    """Waits until the checkpoint of an epoch, from 1, is being written."""

    def wait(run: Run) -> None:
        after_epoch(epoch - 1, 0)(run)
        run.wait_for(lambda: any(run.unfinished_checkpoints()), pause=0)

    return wait


def after_training(run: Run) -> None:
    """Waits until training has finished; the stage and DVC have yet to record its results."""
    run.wait_for(lambda: any(path.with_name("finished").exists() for path in run.checkpoints()))


def everything(signum: signal.Signals) -> Blow:
    """Signals all processes, as a terminal does on Ctrl-C and a batch system at a time limit."""
    return lambda run: os.killpg(run.process.pid, signum)


def dvc_alone(signum: signal.Signals) -> Blow:
    return lambda run: run.process.send_signal(signum)


def stage_alone(signum: signal.Signals) -> Blow:
    return lambda run: run.stage().send_signal(signum)


def worker_alone(signum: signal.Signals) -> Blow:
    return lambda run: run.worker().send_signal(signum)


def kill(project: Project, moment: Moment, blow: Blow, *command: str) -> tuple[int, str]:
    """Runs a command, kills it at the moment, and waits until all its processes have ended.

    Returns:
        The exit code of DVC and the output.
    """
    log = project.folder.with_suffix(".log")
    with running(project, *(command or ("dvc", "repro")), log=log) as run:
        moment(run)
        blow(run)
        return run.end(), run.printed()
