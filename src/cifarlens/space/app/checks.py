"""Checks of what a visitor or a program sends, each refused in one sentence.

The controls on the page limit what people can choose; nothing limits what a program posts, so
every value is checked again here. Knows nothing of Gradio.
"""

import math
from collections.abc import Sequence

SHOWN = 40  # characters of a refused value


class InputError(ValueError):
    """A visitor's mistake; the message is one sentence, safe to show."""


def whole(value: object, low: int, high: int, name: str) -> int:
    """A whole number from `low` to `high`; raises InputError for all else, also true and "5"."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not low <= value <= high  # also false for what is no number
        or value != int(value)
    ):
        allowed = f"{low}" if low == high else f"a whole number from {low} to {high}"
        raise InputError(f"{name} is {_show(value)}, but must be {allowed}.")
    return int(value)


def percent(value: object, name: str) -> float:
    """A number from 0 to 100, as a share from 0 to 1; raises InputError for all else."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value <= 100  # also false for what is no number
    ):
        raise InputError(f"{name} is {_show(value)}, but must be a number from 0 to 100.")
    return value / 100


def choice(value: object, allowed: Sequence[str], name: str) -> str:
    """One of `allowed`; raises InputError for all else."""
    if not isinstance(value, str) or value not in allowed:
        raise InputError(f"{name} is {_show(value)}, but must be one of: {', '.join(allowed)}.")
    return value


def switch(value: object, name: str) -> bool:
    """True or false; raises InputError for all else."""
    if not isinstance(value, bool):
        raise InputError(f"{name} is {_show(value)}, but must be true or false.")
    return value


def _show(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case float() if math.isnan(value):
            return "not a number"
        case int() if abs(value) >= 10**SHOWN:
            return "of the wrong size"
        case int() | float():
            return f"{value}"
        case str():
            return repr(value if len(value) <= SHOWN else value[:SHOWN] + "…")
        case list() | dict():
            return f"a {'list' if isinstance(value, list) else 'set of keys and values'}"
        case _:
            return f"of the wrong kind ({type(value).__name__})"
