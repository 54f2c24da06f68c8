"""Runs Python programs in new processes, in the project's root or another folder."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from cifarlens.runtime.errors import UserError

ROOT = Path(__file__).parents[1]
Environment = Mapping[str, str]  # variables to add


def run(
    *arguments: str,
    cwd: Path = ROOT,
    code: int = 0,
    environment: Environment = MappingProxyType({}),
) -> str:
    """Returns the standard output of a Python process.

    Raises:
        UserError: the exit code is not `code`; the message quotes the last line of errors.
    """
    path = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    process = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode != code:
        errors = process.stderr.strip().splitlines() or ["it printed no error"]
        raise UserError(f"python {' '.join(arguments[:2])} failed: {errors[-1]}")
    return process.stdout


def run_seconds(
    *arguments: str,
    cwd: Path = ROOT,
    code: int = 0,
    environment: Environment = MappingProxyType({}),
) -> float:
    """Returns the wall-clock seconds of a Python process; raises as `run` does."""
    start = time.perf_counter()
    run(*arguments, cwd=cwd, code=code, environment=environment)
    return time.perf_counter() - start


def git(*arguments: str) -> str | None:
    """Returns the output of git in the project; None if git fails or this machine has none."""
    command = ["git", *arguments]
    try:
        process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return process.stdout.strip() if process.returncode == 0 else None


def memory(pid: int | str, key: str = "VmRSS") -> float:
    """Returns the memory of a process in megabytes, read from /proc (Linux); VmHWM is its peak."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (kibibytes,) = (line.split()[1] for line in lines if line.startswith(f"{key}:"))
    return int(kibibytes) * 1024 / 1e6
