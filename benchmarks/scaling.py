"""Measures how the time of an epoch grows with the number of images and the width."""

import statistics
from itertools import pairwise
from typing import Any

from .training import make_setup, step_ends

IMAGES = (10_000, 20_000, 50_000)
WIDTHS = (16, 32, 64)
BATCH = 512


def print_scaling(
    images: tuple[int, ...] = IMAGES, widths: tuple[int, ...] = WIDTHS, batch: int = BATCH
) -> list[dict[str, Any]]:
    """Prints a table with a line for each width, at the precision that `auto` selects.

    The time of an epoch is the sum of its steps, without the start of the worker processes.
    """
    print(f"{'seconds per epoch':<18}" + "".join(f"{f'{count:,} images':>16}" for count in images))
    rows = []
    for width in widths:
        print(f"{f'width {width}':<18}", end="", flush=True)
        for count in images:
            steps = step_seconds(count, batch, width)
            seconds = statistics.fmean(steps) * (len(steps) + 1)
            print(f"{seconds:>16.1f}", end="", flush=True)
            rows.append({"width": width, "images": count, "seconds": seconds, "steps": steps})
        print()
    return rows


def step_seconds(count: int, batch: int, width: int) -> list[float]:
    """Returns the seconds of each step of an epoch except the first, whose start is unknown."""
    ends = step_ends(make_setup(count, batch, width, "auto"))
    return [end - start for start, end in pairwise(ends)]
