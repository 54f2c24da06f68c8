"""How the cost of an epoch grows with images and width: seconds of real epochs."""

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
    """Prints a table, a line a width, at the precision that `auto` takes here.

    An epoch's time is that of its steps, which are its repeats, without the start of processes.
    """
    print(f"{'seconds an epoch':<18}" + "".join(f"{f'{count:,} images':>16}" for count in images))
    found = []
    for width in widths:
        print(f"{f'width {width}':<18}", end="", flush=True)
        for count in images:
            steps = step_seconds(count, batch, width)
            seconds = statistics.fmean(steps) * (len(steps) + 1)
            print(f"{seconds:>16.1f}", end="", flush=True)
            found.append({"width": width, "images": count, "seconds": seconds, "steps": steps})
        print()
    return found


def step_seconds(count: int, batch: int, width: int) -> list[float]:
    """Of each step of one whole epoch but the first, whose start is not seen."""
    ends = step_ends(make_setup(count, batch, width, "auto"))
    return [end - start for start, end in pairwise(ends)]
