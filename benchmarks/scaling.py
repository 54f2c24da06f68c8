"""How the cost of an epoch grows with images and width: seconds of real epochs."""

from typing import Any

from .training import make_parts, step_ends

IMAGES = (10_000, 20_000, 50_000)
WIDTHS = (16, 32, 64)
BATCH = 512


def print_scaling(
    images: tuple[int, ...] = IMAGES, widths: tuple[int, ...] = WIDTHS, batch: int = BATCH
) -> list[dict[str, Any]]:
    """Prints a table, a line a width, at the precision that `auto` takes here."""
    print(f"{'seconds an epoch':<18}" + "".join(f"{f'{count:,} images':>16}" for count in images))
    found = []
    for width in widths:
        times = [epoch_seconds(count, batch, width) for count in images]
        cells = "".join(f"{seconds:>16.1f}" for seconds in times)
        print(f"{f'width {width}':<18}{cells}", flush=True)
        found += [
            {"width": width, "images": count, "seconds": seconds}
            for count, seconds in zip(images, times, strict=True)
        ]
    return found


def epoch_seconds(count: int, batch: int, width: int) -> float:
    """Of one whole epoch: first batch to last step, without the start of processes before it."""
    ends = step_ends(make_parts(count, batch, width, "auto"))
    # The first step's start is not seen; it takes as long as the others.
    return (ends[-1] - ends[0]) * len(ends) / (len(ends) - 1)
