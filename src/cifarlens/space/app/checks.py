"""Checks the values that a visitor or a program sends. Each refusal is one sentence.

The controls on the page limit what people can choose. Nothing limits what a program posts, so every
value is checked again here. This module does not depend on Gradio.
"""

import math
from collections.abc import Sequence

MAX_SHOWN = 40  # characters of a refused value
MAX_LISTED = 20  # allowed values in a message


class InputError(ValueError):
    """Reports an invalid input. The message is one sentence that is safe to show to a visitor."""


def check_whole_number(value: object, low: int, high: int, name: str) -> int:
    """Returns `value` if it is a whole number from `low` to `high`.

    Raises InputError for anything else, including true and "5".
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not low <= value <= high  # also false for NaN
        or value != int(value)
    ):
        allowed = f"{low}" if low == high else f"a whole number from {low} to {high}"
        raise InputError(f"{name} is {_describe(value)}; it must be {allowed}.")
    return int(value)


def check_percent(value: object, name: str) -> float:
    """Converts a number from 0 to 100 to a share from 0 to 1; raises InputError for others."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value <= 100  # also false for NaN
    ):
        raise InputError(f"{name} is {_describe(value)}; it must be a number from 0 to 100.")
    return value / 100


def check_choice(value: object, allowed: Sequence[str], name: str) -> str:
    """Returns `value` if it is one of `allowed`; raises InputError otherwise."""
    if not isinstance(value, str) or value not in allowed:
        listed, more = ", ".join(allowed[:MAX_LISTED]), len(allowed) - MAX_LISTED
        rest = f" and {more} more" if more > 0 else ""
        raise InputError(f"{name} is {_describe(value)}; it must be one of: {listed}{rest}.")
    return value


def check_switch(value: object, name: str) -> bool:
    """Returns `value` if it is true or false; raises InputError otherwise."""
    if not isinstance(value, bool):
        raise InputError(f"{name} is {_describe(value)}; it must be true or false.")
    return value


def _describe(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case float() if math.isnan(value):
            return "not a number"
        case int() if abs(value) >= 10**MAX_SHOWN:
            return "far out of range"
        case int() | float():
            return f"{value}"
        case str():
            return repr(value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + "…")
        case list():
            return "a list"
        case dict():
            return "a dictionary"
        case _:
            return f"of the wrong type ({type(value).__name__})"
