"""Python programs of their own, run from the project's root or another folder."""

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
    """What it printed; raises UserError with its last line of errors if it ends otherwise."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != code:
        said = done.stderr.strip().splitlines() or ["it did not say why"]
        raise UserError(f"python {' '.join(arguments[:2])} failed: {said[-1]}")
    return done.stdout


def seconds(
    *arguments: str,
    cwd: Path = ROOT,
    code: int = 0,
    environment: Environment = MappingProxyType({}),
) -> float:
    """Wall-clock seconds of a Python process that has to end with exit code `code`."""
    start = time.perf_counter()
    run(*arguments, cwd=cwd, code=code, environment=environment)
    return time.perf_counter() - start


def memory(pid: int | str, key: str = "VmRSS") -> float:
    """Megabytes of a process as Linux counts them; VmHWM is the most it ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (kibibytes,) = (line.split()[1] for line in lines if line.startswith(f"{key}:"))
    return int(kibibytes) * 1024 / 1e6
