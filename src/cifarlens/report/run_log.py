"""Writes a page with hardware and time of every stage, next to the log that it summarises.

These values vary from run to run, so they cannot be part of the report, which is a hashed output.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..runtime.files import write_text
from .page import render_page

STYLES = ("theme", "frame")


def write_run_log(page: Path, log: Path) -> None:
    """Writes the page; if that fails, the stage goes on without it.

    Args:
        page: HTML file to write.
        log: log written by `run_stage`, one JSON object per line; it may be missing.
    """
    with suppress(OSError):
        runs = latest_runs(log)
        write_text(page, render_page("runs.html.j2", STYLES, runs=runs, log=log.name))


def latest_runs(log: Path) -> list[dict[str, Any]]:
    """Returns the last entry of each stage, in the order of their start times."""
    latest = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        with suppress(ValueError):  # a killed process may leave half a line
            run = json.loads(line)
            latest[run["stage"]] = run
    return sorted(latest.values(), key=lambda run: str(run["started"]))
