"""Compares measurements with those of a plain program and with what the hardware allows."""

import argparse
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from .processes import git

Measure = Callable[[], float]


@dataclass(frozen=True)
class Row:
    """Holds one line of the table.

    Attributes:
        name: name of the measurement.
        unit: unit of the three medians; a unit that ends in "/s" is a rate, where more is better.
        ours: median over the repeats of this project.
        plain: median over the repeats of a plain program for the same task; None without one.
        limit: median over the repeats of what the hardware allows; None without a limit.
        goal: the goal in words, such as "≥ 1.25 × plain".
        met: whether `ours` meets the goal.
        repeats: every measurement of `ours`, and of `plain` and `limit` if there are any.
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
        """Returns how many times better `ours` is than `other`."""
        return None if other is None else _ratio(self.unit, self.ours, other)

    def line(self) -> str:
        """Formats the row as a line of the table."""
        medians = [_format_number(value) for value in (self.ours, self.plain, self.limit)]
        ratios = [self.ratio(value) for value in (self.plain, self.limit)]
        words = ["-" if value is None else f"{value:.3f}" for value in ratios]
        cells = "".join(f"{cell:>10}" for cell in (*medians, *words))
        mark = "ok" if self.met else "MISSED"
        return f"{self.name:<{WIDTH}}{self.unit:<9}{cells}   {self.goal:<20}{mark}"

    def record(self) -> dict[str, Any]:
        """Returns the row and its ratios for the JSON file."""
        ratios = {"of_plain": self.ratio(self.plain), "of_limit": self.ratio(self.limit)}
        return {**asdict(self), **ratios}


WIDTH = 48  # characters in the column of names
EXPLANATION = (
    "ours: this project; plain: a plain program for the same task; limit: what the hardware allows;"
    " × plain, × limit: how many times as good as these ours is"
)
HEADER = f"{'':<{WIDTH + 9}}" + "".join(
    f"{word:>10}" for word in ("ours", "plain", "limit", "× plain", "× limit")
)


def measure_in_turn(repeats: int, *measures: Measure) -> list[list[float]]:
    """Measures in the order A B C A B C …, so that the machine's drift affects all alike."""
    results: list[list[float]] = [[] for _ in measures]
    for _ in range(repeats):
        for values, measure in zip(results, measures, strict=True):
            values.append(measure())
    return results


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
    """Makes a row from the measurements of every repeat.

    Args:
        name: name of the measurement.
        unit: unit of the measurements.
        ours: measurements of this project, at least one.
        plain: measurements of a plain program for the same task.
        limit: measurements of what the hardware allows.
        relative_to: `plain` or `limit` if `goal` is a multiple of it; empty if `goal` is in `unit`.
        goal: the minimum of a rate or multiple, the maximum of a time or size.
    """
    columns = {"ours": ours, "plain": plain, "limit": limit}
    repeats = {key: list(values) for key, values in columns.items() if values is not None}
    medians = {key: statistics.median(values) for key, values in repeats.items()}
    median = medians["ours"]
    if relative_to:
        words = f"≥ {goal:g} × {relative_to}"
        met = _ratio(unit, median, medians[relative_to]) >= goal
    elif unit.endswith("/s"):
        words, met = f"≥ {goal:,g} {unit}", median >= goal
    else:
        words, met = f"≤ {goal:g} {unit}", median <= goal
    others = medians.get("plain"), medians.get("limit")
    return Row(name, unit, median, *others, goal=words, met=met, repeats=repeats)


def describe_machine() -> dict[str, Any]:
    """Returns the hardware and software that are measured, the date and the load."""
    return {
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.machine()),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "commit": git("describe", "--always", "--dirty", "--exclude=*") or "unknown",
        "date": datetime.now(UTC).date().isoformat(),
        "load": load_average(),
    }


def load_average() -> float:
    """Returns the mean number of running or waiting processes over the last minute."""
    return round(os.getloadavg()[0], 2)


def output_file(text: str) -> Path:
    """Parses a path for argparse; rejects one that cannot be written after the measurements."""
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text!r} must be a file in an existing folder; create the folder or name another file"
        )
    return path


def _ratio(unit: str, ours: float, other: float) -> float:
    return ours / other if unit.endswith("/s") else other / ours


def _format_number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
