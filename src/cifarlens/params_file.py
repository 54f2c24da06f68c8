"""Reads params.yaml and describes errors in it. Independent of the names of the parameters."""

import difflib
import warnings
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML, AliasEvent

from .runtime.errors import UserError, truncate_for_message

MAX_BYTES = 100_000  # of params.yaml
MAX_ALIASES = 20  # a few nested aliases could fill any memory
MAX_QUOTED = 60  # characters of a value in a message
MAX_EXACT = 2**53  # a larger float may stand for another whole number


def read_yaml(path: Path) -> object:
    """Parses a YAML file; raises UserError if it cannot be read or parsed."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing here; run from the project's root.") from None
    if len(content) > MAX_BYTES:
        raise UserError(
            f"{path}: it has {len(content)} bytes; it must have at most {MAX_BYTES}. Restore it"
            f" with `git checkout {path}`."
        )
    try:
        return _parse(content.decode())
    except UnicodeDecodeError:
        raise UserError(
            f"{path}: it is not UTF-8 text; save it as UTF-8, or restore it with"
            f" `git checkout {path}`."
        ) from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:  # the parser raises a dozen types for invalid YAML
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        reason = getattr(error, "problem", None) or str(error) or type(error).__name__
        quoted = truncate_for_message(reason, 2 * MAX_QUOTED)
        raise UserError(f"{path}: {place}invalid YAML ({quoted}); fix it.") from None


def _parse(text: str) -> object:
    # The parser that DVC uses: in YAML 1.2 the 5e-05 that `dvc exp run -S` writes is a number.
    with warnings.catch_warnings(action="ignore"):  # YAML 1.1: its values are checked later
        aliases = sum(isinstance(event, AliasEvent) for event in YAML(typ="safe").parse(text))
        if aliases > MAX_ALIASES:
            raise UserError(
                f"it has {aliases} aliases (*name); it must have at most {MAX_ALIASES}. Write"
                " the values instead."
            )
        return YAML(typ="safe").load(text)


def check_keys(content: dict[Any, Any], source: str) -> None:
    """Raises UserError if a key is not printable text, which no parameter's name is."""
    for section in (content, *content.values()):
        for key in section if isinstance(section, dict) else ():
            if not isinstance(key, str) or not key.isprintable():
                raise UserError(
                    f"{source}: the key {format_value(key)} is not a parameter; remove it."
                )


def whole_floats_to_int(section: dict[str, Any], depth: int = 2) -> dict[str, Any]:
    """Returns the content of a file with 10 in place of 10.0, which `-S epochs=1e1` writes."""

    def convert(value: Any) -> Any:
        if isinstance(value, dict) and depth > 1:
            return whole_floats_to_int(value, depth - 1)
        whole = isinstance(value, float) and value.is_integer() and abs(value) < MAX_EXACT
        return int(value) if whole else value

    return {key: convert(value) for key, value in section.items()}


def describe_error(error: ErrorDetails, schema: type[BaseModel]) -> str:
    """Describes an error of pydantic for the user: key, value, allowed values and what to do."""
    if error["type"] == "value":
        context = error["ctx"]
        key, value, allowed = context["key"], context["value"], context["allowed"]
        return f"{key} is {value}; it must be {allowed}. Change it and run again."
    if error["type"] == "network":
        return f"model: {truncate_for_message(error['ctx']['reason'])}. Change it and run again."
    path = [_key(part) for part in error["loc"]]
    if error["type"] == "extra_forbidden":
        return _unknown(path, schema)
    key, allowed = _describe(path, schema)
    if error["type"] == "missing":
        return f"{key} is missing; add it: {allowed}."
    value = format_value(error["input"])
    return f"{key} is {value}; it must be {allowed}. Change it and run again."


def _unknown(path: list[str], schema: type[BaseModel]) -> str:
    known = sorted(_fields(path[:-1], schema))
    near = difflib.get_close_matches(path[-1], known, n=1) or [
        f"{name}.{path[-1]}" for name in schema.model_fields if path[-1] in _fields([name], schema)
    ]
    hint = f"; did you mean {near[0]}?" if near else "."
    return f"{'.'.join(path)} is not a parameter{hint} Allowed here: {', '.join(known)}."


def _describe(path: list[str], schema: type[BaseModel]) -> tuple[str, str]:
    """Returns the dotted key at which an error occurred, and the allowed values."""
    for end in range(len(path), 0, -1):  # a union appends the name of its branch
        field = _fields(path[: end - 1], schema).get(path[end - 1])
        if field is not None:
            allowed = field.description
            if allowed is None:
                allowed = f"a section with the keys {', '.join(_fields(path[:end], schema))}"
            return ".".join(path[:end]), allowed
    return ".".join(path), "a parameter"


def _fields(path: list[str], schema: type[BaseModel]) -> dict[str, FieldInfo]:
    model: Any = schema
    for key in path:
        field = model.model_fields.get(key)
        model = field.annotation if field else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return {}
    return dict(model.model_fields)


def format_value(value: object) -> str:
    """Formats a value of params.yaml for a message."""
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case str():
            return repr(value) if len(value) <= MAX_QUOTED else repr(value[:MAX_QUOTED]) + "…"
        case int() if abs(value) >= 10**MAX_QUOTED:  # Python may refuse to print it
            return f"a whole number of more than {MAX_QUOTED} digits"
        case int() | float() | date():
            return str(value).removesuffix(".0")
        case dict():
            return "a section"
        case _:
            return "a list" if isinstance(value, list) else f"of the type {type(value).__name__}"


def _key(part: int | str) -> str:
    """Formats a key for a message: quotes it unless it is an identifier."""
    text = str(part)
    return text if text.isidentifier() and len(text) <= MAX_QUOTED else format_value(text)
