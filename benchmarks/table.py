"""Rows of figures beside what a plain program reaches and what the hardware allows."""

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
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
        spread: least and greatest of ours.
        repeats: how many times each was measured, in turn.
    """

    name: str
    unit: str
    ours: float
    plain: float | None
    limit: float | None
    goal: str
    met: bool
    spread: tuple[float, float]
    repeats: int

    def ratio(self, other: float | None) -> float | None:
        """How many times as good as `other` ours is."""
        if other is None:
            return None
        return self.ours / other if self.unit.endswith("/s") else other / self.ours

    def line(self) -> str:
        figures = [_figure(value) for value in (self.ours, self.plain, self.limit)]
        ratios = [_ratio(self.ratio(value)) for value in (self.plain, self.limit)]
        cells = "".join(f"{cell:>10}" for cell in (*figures, *ratios))
        mark = "ok" if self.met else "MISSED"
        return f"{self.name:<43}{self.unit:<9}{cells}   {self.goal:<20}{mark}"

    def record(self) -> dict[str, Any]:
        """What goes into the JSON file."""
        ratios = {"of_plain": self.ratio(self.plain), "of_limit": self.ratio(self.limit)}
        return {**asdict(self), **ratios}


HEADER = (
    f"{'':<52}{'ours':>10}{'plain':>10}{'limit':>10}{'× plain':>10}{'× limit':>10}   {'goal':<20}"
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
    of: str = "",
    goal: float,
) -> Row:
    """A row from the figures of every repeat.

    Args:
        name: of the row.
        unit: of its figures.
        ours: at least one figure.
        plain: of a plain program.
        limit: of the hardware.
        of: what the goal is a multiple of: `plain`, `limit`, or nothing: it is in `unit`.
        goal: the least a rate or multiple, the most a time or size may be.
    """
    middle = statistics.median(ours)
    others = {"plain": _median(plain), "limit": _median(limit)}
    spread = min(ours), max(ours)
    row = Row(name, unit, middle, others["plain"], others["limit"], "", False, spread, len(ours))
    if of:
        reached = row.ratio(others[of])
        assert reached is not None
        words, met = f"≥ {goal:g} × {of}", reached >= goal
    elif unit.endswith("/s"):
        words, met = f"≥ {goal:,g} {unit}", middle >= goal
    else:
        words, met = f"≤ {goal:g} {unit}", middle <= goal
    return Row(**{**vars(row), "goal": words, "met": met})


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.machine()),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def _median(values: Sequence[float] | None) -> float | None:
    return None if values is None else statistics.median(values)


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
