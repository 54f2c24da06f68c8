"""Reads params.yaml, and says in one sentence what is wrong in it. Names no parameter."""

import difflib
import warnings
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML, AliasEvent

from .runtime.errors import UserError, shown

MAX_BYTES = 100_000  # of params.yaml
MAX_ALIASES = 20  # in it: a few merged into each other could fill any memory
MAX_SHOWN = 60  # characters of a value in a message


def read_yaml(path: Path) -> object:
    """What the YAML parser makes of a file; raises UserError if it cannot be read or parsed."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing here: run from the project's root.") from None
    if len(content) > MAX_BYTES:
        raise UserError(
            f"{path}: it holds {len(content)} bytes, but must be at most {MAX_BYTES}: restore it"
            " with `git checkout`."
        )
    try:
        return _parse(content.decode())
    except UnicodeDecodeError:
        raise UserError(
            f"{path}: it is not UTF-8 text: save it as UTF-8, or restore it with `git checkout`."
        ) from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except Exception as error:  # the parser raises a dozen kinds for what is no YAML
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1} is " if mark else ""
        what = getattr(error, "problem", None) or str(error) or type(error).__name__
        raise UserError(
            f"{path}: {line}no valid YAML ({shown(what, 2 * MAX_SHOWN)}): fix it."
        ) from None


def _parse(text: str) -> object:
    # DVC's own parser: YAML 1.2, where the 5e-05 that `dvc exp run -S` writes is a number.
    with warnings.catch_warnings(action="ignore"):  # what it warns of in YAML 1.1 is checked below
        aliases = sum(isinstance(event, AliasEvent) for event in YAML(typ="safe").parse(text))
        if aliases > MAX_ALIASES:
            raise UserError(
                f"it has {aliases} aliases (*name), but must have at most {MAX_ALIASES}: write"
                " the values themselves."
            )
        return YAML(typ="safe").load(text)


def sentence(error: ErrorDetails, schema: type[BaseModel]) -> str:
    """Pydantic's first error for the user: the key, its value and what is allowed there."""
    if error["type"] == "misfit":
        context = error["ctx"]
        key, value, allowed = context["key"], context["value"], context["allowed"]
        return f"{key} is {value}, but must be {allowed}; change it and run again."
    if error["type"] == "network":
        return f"model: {shown(error['ctx']['reason'])}; change it and run again."
    path = [_key(part) for part in error["loc"]]
    if error["type"] == "extra_forbidden":
        return _unknown(path, schema)
    key, allowed = _describe(path, schema)
    if error["type"] == "missing":
        return f"{key} is missing; add it: {allowed}."
    return f"{key} is {show(error['input'])}, but must be {allowed}; change it and run again."


def _unknown(path: list[str], schema: type[BaseModel]) -> str:
    known = sorted(_fields(path[:-1], schema))
    near = difflib.get_close_matches(path[-1], known, n=1) or [
        f"{name}.{path[-1]}" for name in schema.model_fields if path[-1] in _fields([name], schema)
    ]
    hint = f"; did you mean {near[0]}?" if near else "."
    return f"{'.'.join(path)} is no parameter{hint} Allowed here: {', '.join(known)}."


def _describe(path: list[str], schema: type[BaseModel]) -> tuple[str, str]:
    """The dotted key of an error's place, and what is allowed there."""
    for end in range(len(path), 0, -1):  # a union adds the name of its branch to the place
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


def show(value: object) -> str:
    """A value of params.yaml as a sentence quotes it."""
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case str():
            return repr(value) if len(value) <= MAX_SHOWN else repr(value[:MAX_SHOWN]) + "…"
        case int() if abs(value) >= 10**MAX_SHOWN:  # too long to read, and even to print
            return f"a whole number of more than {MAX_SHOWN} digits"
        case int() | float() | date():
            return str(value).removesuffix(".0")
        case dict():
            return "a section"
        case _:
            return "a list" if isinstance(value, list) else f"of the type {type(value).__name__}"


def _key(part: int | str) -> str:
    """A key as it is shown: quoted if it is no plain word."""
    text = str(part)
    return text if text.isidentifier() and len(text) <= MAX_SHOWN else show(text)
