"""The CSV files of other stages, column by column."""

from pathlib import Path

from ..errors import UserError
from ..files import read_csv


def read_columns(path: Path) -> dict[str, list[float | None]]:
    """Each column's numbers; an empty field gives None.

    Raises:
        UserError: the file has no line, or a field that is no number.
    """
    rows = read_csv(path)
    try:
        return {name: [float(row[name]) if row[name] else None for row in rows] for name in rows[0]}
    except (IndexError, ValueError, TypeError):
        raise _damaged(path) from None


def read_full_columns(path: Path) -> dict[str, list[float]]:
    """As `read_columns`, and an empty field is an error too."""
    columns: dict[str, list[float]] = {}
    for name, column in read_columns(path).items():
        columns[name] = [value for value in column if value is not None]
        if len(columns[name]) < len(column):
            raise _damaged(path)
    return columns


def _damaged(path: Path) -> UserError:
    return UserError(f"{path} is damaged, not a table of numbers: `dvc repro -f` makes it again.")
