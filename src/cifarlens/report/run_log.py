"""Hardware and time of every stage as a page of its own, beside the log that it shows.

They vary from run to run, so they may not stand in the report, which is a hashed output.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..runtime.files import write_text
from .page import render_page

STYLES = ("theme", "frame")


def write_run_log(page: Path, log: Path) -> None:
    """Writes the page, or none where that fails: the stage's results do not depend on it.

    Args:
        page: of the HTML file.
        log: a JSON object a line, as `run_stage` adds them; missing before the first.
    """
    with suppress(OSError):
        runs = latest_runs(log)
        total = sum(run["seconds"] for run in runs)
        write_text(page, render_page("runs.html.j2", STYLES, runs=runs, total=total, log=log.name))


def latest_runs(log: Path) -> list[dict[str, Any]]:
    """Each stage's last line, in the order of their starts."""
    latest = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        with suppress(ValueError):  # half a line of a killed process
            run = json.loads(line)
            latest[run["stage"]] = run
    return sorted(latest.values(), key=lambda run: str(run["started"]))
