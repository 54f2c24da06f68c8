"""Hardware and time of every stage as a page of its own, beside the log that it shows.

They vary from run to run, so they may not stand in the report, which is a hashed output.
"""

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from ..runtime.files import write_text
from .page import render_page

STYLES = ("theme", "frame")
WORDS, NUMBERS = ("stage", "started", "platform"), ("seconds", "cores")  # of every stage
MORE = {"device": "", "python": "", "torch": ""}  # of some


def write_run_log(page: Path, log: Path) -> None:
    """Writes the page; if that fails, there is none: the stage's results do not hang on it.

    Args:
        page: of the HTML file.
        log: a JSON object a line, as `run_stage` adds them; missing before the first.
    """
    runs = latest_runs(log)
    total = sum(run["seconds"] for run in runs)
    text = render_page("runs.html.j2", STYLES, runs=runs, total=total, log=log.name)
    with suppress(OSError):
        write_text(page, text)


def latest_runs(log: Path) -> list[dict[str, Any]]:
    """Each stage's last line, in the order of their starts; what is no such line is passed over."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    latest = {}
    for line in lines:
        try:
            run = json.loads(line)
        except (ValueError, RecursionError):  # half a line of a killed process
            continue
        if isinstance(run, dict) and _whole(run):
            latest[run["stage"]] = {**MORE, **run}
    return sorted(latest.values(), key=lambda run: str(run["started"]))


def _whole(run: dict[str, Any]) -> bool:
    words = all(isinstance(run.get(name), str) for name in WORDS)
    words &= all(isinstance(run.get(name, ""), str) for name in MORE)
    return words and all(_amount(run.get(name)) for name in NUMBERS)


def _amount(value: object) -> bool:
    return type(value) in (int, float) and 0 <= cast(float, value) < math.inf
