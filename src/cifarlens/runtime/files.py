"""Writes files whole and with stable bytes: the same values give the same file everywhere.

A file appears under its name only when it is complete, so a killed stage never leaves half of one.
"""

import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .errors import UserError, shown


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path` that takes its place when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # writing to an open file leaves it out
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """UTF-8 with `\\n` line ends on every platform."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Sorted keys, floats as Python prints them; raises ValueError for NaN and infinity."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def read_metrics(
    path: Path,
    *numbers: str,
    lists: Sequence[str] = (),
    tables: Sequence[str] = (),
    optional: Sequence[str] = (),
) -> dict[str, Any]:
    """What an earlier stage wrote.

    Args:
        path: a JSON object.
        numbers: keys that must hold a finite number; a rate (`lr_...`) one above 0.
        lists: keys that must hold a list of finite numbers.
        tables: keys that must hold an object of finite numbers.
        optional: further numbers, that may all be missing.

    Raises:
        UserError: it is damaged, lacks a key or has something else there.
    """
    mend = f"bring it back with `git checkout {path}`, or delete it and run `dvc repro`."
    try:
        content = read_json(path)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON ({error}): {mend}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} is no JSON object: {mend}")
    if not content.keys().isdisjoint(optional):
        numbers = (*numbers, *optional)
    for key in (*numbers, *lists, *tables):
        if key not in content:
            raise UserError(f"{path} has no {key}: {mend}")
        value = content[key]
        if key in lists:
            allowed, fits = (
                "a list of numbers",
                isinstance(value, list) and all(map(_number, value)),
            )
        elif key in tables:
            allowed = "an object of numbers"
            fits = isinstance(value, dict) and all(map(_number, value.values()))
        elif key.startswith("lr_"):
            allowed, fits = "a number above 0", _number(value) and value > 0
        else:
            allowed, fits = "a number", _number(value)
        if not fits:
            raise UserError(f"{path} has {key} as {shown(repr(value))}, not {allowed}: {mend}")
    return dict(content)


def _number(value: object) -> bool:
    """Whether it is one, finite and no boolean."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= sys.float_info.max
    )


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A header line, then a line a row; None becomes an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def write_array(path: Path, array: np.ndarray) -> None:
    """A `.npy` file in C order."""
    array = np.ascontiguousarray(array)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    with replacing(path) as temporary, temporary.open("wb") as stream:
        stream.write(header.getvalue())
        stream.write(array.data)  # np.save's own writing hides the errno of a full disk


def append_json_line(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(value, sort_keys=True) + "\n")
