"""Rows of figures beside what a plain program reaches and what the hardware allows."""

import argparse
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

Measure = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: what was measured.
        unit: of the three figures. One that ends in "/s" is a rate, where more is better.
        ours: median over the repeats.
        plain: likewise of a plain program for the same task, None if there is none to compare.
        limit: what the hardware allows, likewise.
        goal: in words, such as "≥ 1.25 × plain".
        met: whether `ours` meets it.
        repeats: every figure of `ours`, and of `plain` and `limit` where there are any.
    """

    name: str
    unit: str
    ours: float
    plain: float | None
    limit: float | None
    goal: str
    met: bool
    repeats: Mapping[str, Sequence[float]]

    def ratio(self, other: float | None) -> float | None:
        """How many times as good as `other` ours is."""
        return None if other is None else _ratio(self.unit, self.ours, other)

    def line(self) -> str:
        figures = [_figure(value) for value in (self.ours, self.plain, self.limit)]
        ratios = [self.ratio(value) for value in (self.plain, self.limit)]
        words = ["-" if value is None else f"{value:.3f}" for value in ratios]
        cells = "".join(f"{cell:>10}" for cell in (*figures, *words))
        mark = "ok" if self.met else "MISSED"
        return f"{self.name:<{WIDTH}}{self.unit:<9}{cells}   {self.goal:<20}{mark}"

    def record(self) -> dict[str, Any]:
        """What goes into the JSON file."""
        ratios = {"of_plain": self.ratio(self.plain), "of_limit": self.ratio(self.limit)}
        return {**asdict(self), **ratios}


WIDTH = 48  # characters of a row's name
HEADER = f"{'':<{WIDTH + 9}}" + "".join(
    f"{word:>10}" for word in ("ours", "plain", "limit", "× plain", "× limit")
)


def in_turn(repeats: int, *measures: Measure) -> list[list[float]]:
    """Figures of several measurements, A B C A B C …, so that a machine's drift meets all alike."""
    figures: list[list[float]] = [[] for _ in measures]
    for _ in range(repeats):
        for found, measure in zip(figures, measures, strict=True):
            found.append(measure())
    return figures


def make_row(
    name: str,
    unit: str,
    ours: Sequence[float],
    *,
    plain: Sequence[float] | None = None,
    limit: Sequence[float] | None = None,
    relative_to: str = "",
    goal: float,
) -> Row:
    """A row from the figures of every repeat.

    Args:
        name: of the row.
        unit: of its figures.
        ours: at least one figure.
        plain: of a plain program.
        limit: of the hardware.
        relative_to: what the goal is a multiple of: `plain`, `limit`, or nothing: it is in `unit`.
        goal: the least a rate or multiple, the most a time or size may be.
    """
    given = {"ours": ours, "plain": plain, "limit": limit}
    repeats = {key: list(values) for key, values in given.items() if values is not None}
    medians = {key: statistics.median(values) for key, values in repeats.items()}
    middle = medians["ours"]
    if relative_to:
        words = f"≥ {goal:g} × {relative_to}"
        met = _ratio(unit, middle, medians[relative_to]) >= goal
    elif unit.endswith("/s"):
        words, met = f"≥ {goal:,g} {unit}", middle >= goal
    else:
        words, met = f"≤ {goal:g} {unit}", middle <= goal
    others = medians.get("plain"), medians.get("limit")
    return Row(name, unit, middle, *others, goal=words, met=met, repeats=repeats)


def machine() -> dict[str, Any]:
    """What the figures are measured on, and when."""
    return {
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.machine()),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "commit": _commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "load": load(),
    }


def load() -> float:
    """Programs that ran or waited to, a mean over the last minute."""
    return round(os.getloadavg()[0], 2)


def new_file(text: str) -> Path:
    """For argparse: a file that can be written when the figures are known."""
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text!r} is no file in a folder that exists: make the folder, or name another"
        )
    return path


def _commit() -> str:
    root = Path(__file__).parent
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _ratio(unit: str, ours: float, other: float) -> float:
    return ours / other if unit.endswith("/s") else other / ours


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
