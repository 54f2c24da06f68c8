"""The tables of other stages: CSV files column by column, and the test logits."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..runtime.errors import UserError
from ..runtime.files import read_csv

LARGEST = 1e100  # that a chart's axes can hold, and far above any float32


def load_logits(path: Path, images: int, classes: int) -> np.ndarray:
    """The test logits, float32 images×classes; raises UserError unless they are that."""
    try:
        logits = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise
    except Exception as error:  # NumPy raises a dozen kinds for damaged files
        raise _unfit(path, str(error)) from None
    if getattr(logits, "shape", None) != (images, classes) or not np.isfinite(logits).all():
        raise _unfit(path, f"not {images}×{classes} finite numbers")
    return np.asarray(logits)


def read_columns(
    path: Path, *names: str, optional: Sequence[str] = ()
) -> dict[str, list[float | None]]:
    """Each column's numbers.

    Args:
        path: the file.
        names: columns that it must have; rates (`lr`) above 0.
        optional: others that it must have, but whose fields may all be empty: that gives None.

    Raises:
        UserError: the file has no line, lacks a column, or has a field that is empty, or no
            number that can be drawn.
    """
    try:
        rows = read_csv(path)
        found: dict[str, list[float | None]] = {
            name: [float(row[name]) if row[name] else None for row in rows]
            for name in (*names, *optional)
        }
    except (KeyError, ValueError, TypeError, csv.Error):
        raise _damaged(path) from None
    empty = [value is None for name in optional for value in found[name]]
    full = names if all(empty) else (*names, *optional)
    if not rows or not all(map(_drawable, (value for name in full for value in found[name]))):
        raise _damaged(path)
    if any(value is None or value <= 0 for value in found.get("lr", [])):
        raise _damaged(path)
    return found


def read_full_columns(path: Path, *names: str) -> dict[str, list[float]]:
    """As `read_columns`, without optional ones."""
    columns = read_columns(path, *names)
    return {name: [value for value in columns[name] if value is not None] for name in names}


def _drawable(value: float | None) -> bool:
    return value is not None and abs(value) <= LARGEST


def _unfit(path: Path, why: str) -> UserError:
    return UserError(f"{path} does not fit ({why}): `dvc repro -f -s evaluate` makes it again.")


def _damaged(path: Path) -> UserError:
    return UserError(
        f"{path} is damaged, not a table of numbers: bring it back with `git checkout {path}`."
    )
