"""The tables of other stages: CSV files column by column, and the test logits."""

from pathlib import Path

import numpy as np

from ..errors import UserError
from ..files import read_csv


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


def read_columns(path: Path, *names: str) -> dict[str, list[float | None]]:
    """Each column's numbers; an empty field gives None.

    Args:
        path: the file.
        names: columns that it must have.

    Raises:
        UserError: the file has no line, lacks a column, or has a field that is no finite number.
    """
    try:
        rows = read_csv(path)
        found = {
            name: [float(row[name]) if row[name] else None for row in rows] for name in rows[0]
        }
    except (IndexError, ValueError, TypeError):
        raise _damaged(path) from None
    known = [value for column in found.values() for value in column if value is not None]
    if set(names) - set(found) or not np.isfinite(known).all():
        raise _damaged(path)
    return found


def read_full_columns(path: Path, *names: str) -> dict[str, list[float]]:
    """As `read_columns`, and an empty field is an error too."""
    columns: dict[str, list[float]] = {}
    for name, column in read_columns(path, *names).items():
        columns[name] = [value for value in column if value is not None]
        if len(columns[name]) < len(column):
            raise _damaged(path)
    return columns


def _unfit(path: Path, why: str) -> UserError:
    return UserError(f"{path} does not fit ({why}): `dvc repro -f -s evaluate` makes it again.")


def _damaged(path: Path) -> UserError:
    return UserError(
        f"{path} is damaged, not a table of numbers: bring it back with `git checkout {path}`."
    )
