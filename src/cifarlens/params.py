"""Typed, strict parameters: what params.yaml may hold, and one sentence for what it may not.

The file is always checked as a whole, so a mistake anywhere stops the first stage and not the
last. A stage receives only the keys it names.
"""

import difflib
import warnings
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML, AliasEvent

from .classifier.networks import NETWORKS, default_arguments, layer_names
from .runtime.errors import UserError, shown
from .runtime.paths import PARAMS

IMAGE_SIZE = 32  # pixels; both data sets and all networks
MAX_SEED = 2**31 - 1
LEAST_RATE = 1e-10  # a learning rate below it changes nothing
MOST_CHANNELS = 2**20  # batch_size times model.width: some 100 GB of activations, float32
MOST_BYTES = 100_000  # of params.yaml
MOST_ALIASES = 20  # in it: a few merged into each other could fill any memory
MOST_EPOCHS = 1000
MOST_DEVICES = 64  # of one machine
MOST_NODES = 15  # with at most 1,000 processes each has random numbers of its own
MOST_SHOWN = 60  # characters of a value in a message


def number(allowed: str, **bounds: float) -> Any:
    """A field whose description says, in words for the user, what is allowed."""
    return Field(description=allowed, allow_inf_nan=False, **cast(Any, bounds))


def whole(low: int, high: int) -> Any:
    return Field(ge=low, le=high, description=f"a whole number from {low} to {high}")


def switch() -> Any:
    return Field(description="true or false")


def one_of(*names: str) -> Any:
    return Field(description=", ".join(names[:-1]) + f" or {names[-1]}")


SHARE = "a number from 0 to below 1"
RATE = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]


class Section(BaseModel):
    """Frozen, without coercion, without unknown keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, protected_namespaces=()
    )


class Data(Section):
    source: Literal["cifar10", "digits"] = one_of("cifar10", "digits")
    val_size: int = whole(0, 25_000)


class Augment(Section):
    padding: int = whole(0, IMAGE_SIZE // 2)
    flip: bool = switch()
    cutout: int = Field(
        ge=0,
        le=IMAGE_SIZE,
        description=f"a whole number from 0 (none) to {IMAGE_SIZE}, the image's side in pixels",
    )


class Model(Section):
    """Of the network; a subclass has the arguments that only the network named in it takes."""

    model_config = ConfigDict(allow_inf_nan=False)

    name: str = one_of(*NETWORKS)
    width: int = whole(1, 256)
    dropout: float = number(SHARE, ge=0, lt=1)
    norm_first: bool = switch()

    @field_validator("name")
    @classmethod
    def _exists(cls, name: str) -> str:
        if name not in NETWORKS:
            raise ValueError
        return name

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of the network's constructor, without the number of classes."""
        return self.model_dump(include=set(default_arguments(self.name)))


class Optimizer(Section):
    weight_decay: float = number("a number from 0 to 10", ge=0, le=10)
    decoupled: bool = switch()
    beta1: float = number(SHARE, ge=0, lt=1)
    beta2: float = number(SHARE, ge=0, lt=1)
    label_smoothing: float = number(SHARE, ge=0, lt=1)


class LrFind(Section):
    start: float = number("a number above 0 and at most a tenth of lr_find.stop", gt=0)
    stop: float = number("a number above lr_find.start and at most 100", gt=0, le=100)
    steps: int = whole(30, 10_000)
    repeats: int = whole(1, 100)
    factor: float = number("a number from 0.01 to 100", ge=0.01, le=100)


class Trainer(Section):
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = one_of("auto", "cpu", "gpu", "mps")
    devices: Literal["auto"] | Annotated[int, Field(ge=1, le=MOST_DEVICES)] = Field(
        description=f"auto or a whole number from 1 to {MOST_DEVICES}"
    )
    num_nodes: int = whole(1, MOST_NODES)
    strategy: Literal["auto", "ddp"] = one_of("auto", "ddp")
    precision: Literal["auto", "bf16-mixed"] | Annotated[int, Field(ge=32, le=32)] = one_of(
        "auto", "32", "bf16-mixed"
    )
    workers: Literal["auto"] | Annotated[int, Field(ge=0, le=64)] = Field(
        description="auto or a whole number from 0 to 64"
    )

    @property
    def local_processes(self) -> int:
        """Processes that train on each machine, one a device; `auto` is one on any machine."""
        return 1 if self.devices == "auto" else self.devices

    @property
    def processes(self) -> int:
        """Processes that train, on all machines together."""
        return self.local_processes * self.num_nodes


def one_device(accelerator: str, precision: str | int, workers: str | int) -> Trainer:
    """Of the settings of a Trainer, those that matter to a single process."""
    return Trainer.model_validate(
        {
            "accelerator": accelerator,
            "devices": 1,
            "num_nodes": 1,
            "strategy": "auto",
            "precision": precision,
            "workers": workers,
        }
    )


class GradCam(Section):
    layer: str = Field(description="auto or a layer of the network")
    opacity: float = number("a number from 0 to 1", ge=0, le=1)
    images: int = whole(10, 200)


class Space(Section):
    mistakes: int = whole(1, 200)
    top_classes: int = whole(1, 10)


class Params(Section):
    """The whole of params.yaml."""

    seed: int = whole(0, MAX_SEED)
    epochs: int = whole(1, MOST_EPOCHS)
    peak_epoch: float = number("a number above 0 and at most epochs", gt=0)
    batch_size: int = whole(2, 65_536)
    lr_max: Literal["auto"] | RATE = Field(
        description="auto or a number above 0 and at most 10",
    )
    lr_min: Literal["auto"] | RATE = Field(
        description="auto or a number above 0 and at most lr_max",
    )
    ema_decay: float = number(SHARE, ge=0, lt=1)
    keep: Literal["last", "best"] = one_of("last", "best")
    data: Data
    augment: Augment
    model: Model
    optimizer: Optimizer
    lr_find: LrFind
    trainer: Trainer
    gradcam: GradCam
    space: Space

    @model_validator(mode="after")
    def _fits_together(self) -> "Params":
        if self.peak_epoch > self.epochs:
            raise _misfit("peak_epoch", self.peak_epoch, f"at most epochs, {self.epochs}")
        most = MOST_CHANNELS // self.model.width
        if self.batch_size > most:
            raise _misfit(
                "batch_size", self.batch_size, f"at most {most} at model.width {self.model.width}"
            )
        if self.keep == "best" and not self.data.val_size:
            raise _misfit("keep", "best", "last while data.val_size is 0 (no images to judge by)")
        self._rates_fit()
        self._devices_fit()
        self._network_fits()
        return self

    def _network_fits(self) -> None:
        name, arguments = self.model.name, self.model.arguments
        for key, default in default_arguments("custom_resnet").items():
            value = getattr(self.model, key)
            if key not in arguments and value != default:
                raise _misfit(f"model.{key}", value, f"{_show(default)} for {name}")
        try:
            layers = layer_names(name, arguments)
        except ValueError as error:
            raise PydanticCustomError("network", "{reason}", {"reason": str(error)}) from None
        if self.gradcam.layer not in ("auto", *layers):
            raise _misfit(
                "gradcam.layer",
                self.gradcam.layer,
                f"auto or a layer of {name}: {', '.join(layers)}",
            )

    def _devices_fit(self) -> None:
        trainer = self.trainer
        if trainer.accelerator == "mps" and trainer.strategy == "ddp":
            raise _misfit("trainer.strategy", "ddp", "auto with trainer.accelerator 'mps'")
        if trainer.accelerator == "mps" and trainer.processes > 1:
            key = "num_nodes" if trainer.num_nodes > 1 else "devices"
            raise _misfit(f"trainer.{key}", getattr(trainer, key), "1 with accelerator 'mps'")
        least = 2 * trainer.processes
        if self.batch_size < least:
            raise _misfit(
                "batch_size",
                self.batch_size,
                f"at least {least}, two images for each of {trainer.processes} processes",
            )

    def _rates_fit(self) -> None:
        start, stop = self.lr_find.start, self.lr_find.stop
        for key, rate in (
            ("lr_max", self.lr_max),
            ("lr_min", self.lr_min),
            ("lr_find.start", start),
        ):
            if rate != "auto" and rate < LEAST_RATE:
                raise _misfit(key, rate, f"at least {LEAST_RATE:g}")
        if self.lr_max != "auto" and self.lr_min != "auto" and self.lr_min > self.lr_max:
            raise _misfit("lr_min", self.lr_min, f"at most lr_max, {_show(self.lr_max)}")
        # One decade is the least that the range test can read anything off.
        if start > stop / 10 * (1 + 1e-9):
            raise _misfit("lr_find.start", start, f"at most a tenth of lr_find.stop, {_show(stop)}")


def _misfit(key: str, value: object, allowed: str) -> PydanticCustomError:
    context = {"key": key, "value": _show(value), "allowed": allowed}
    return PydanticCustomError("misfit", "{key} must be {allowed}", context)


ARGUMENT_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _schema(content: dict[str, Any]) -> type[Params]:
    """`Params`, with the arguments that only the network named in `content` takes."""
    section = content.get("model")
    name = section.get("name") if isinstance(section, dict) else None
    defaults = default_arguments(name) if isinstance(name, str) and name in NETWORKS else {}
    own: dict[str, Any] = {
        key: (type(default), Field(default, description=ARGUMENT_KINDS[type(default)]))
        for key, default in defaults.items()
        if key not in Model.model_fields
    }
    if not own:
        return Params
    model = create_model("Model", __base__=Model, **own)
    return create_model("Params", __base__=Params, model=(model, ...))


def load_params(*names: str, path: Path = PARAMS) -> tuple[Any, ...]:
    """Reads and checks params.yaml.

    Args:
        names: keys as dvc.yaml lists them: `seed`, `model` (a whole section) or `data.source`.
        path: the file.

    Returns:
        The frozen section or the value of each name, in that order.

    Raises:
        UserError: the file is missing, no YAML, or holds an unknown key, misses a key, or has a
            value of the wrong type or outside its range.
    """
    params = parse_params(_read(path), str(path))
    values: list[Any] = []
    for name in names:
        value: Any = params
        for key in name.split("."):
            value = getattr(value, key)
        values.append(value)
    return tuple(values)


def parse_params(content: object, source: str = "params.yaml") -> Params:
    """The parameters in what a YAML parser gave; raises UserError as `load_params` does."""
    if not isinstance(content, dict):
        raise UserError(f"{source}: it holds no keys and values: restore it with `git checkout`.")
    for section in (content, *content.values()):
        for key in section if isinstance(section, dict) else ():
            if not isinstance(key, str) or not key.isprintable():
                raise UserError(f"{source}: the key {_show(key)} is no parameter; remove it.")
    schema = _schema(content)
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        # A misspelt key is also a missing one: the misspelling is what helps.
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        raise UserError(f"{source}: {_sentence(first, schema)}") from None


def _read(path: Path) -> object:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing here: run from the project's root.") from None
    if len(content) > MOST_BYTES:
        raise UserError(
            f"{path}: it holds {len(content)} bytes, but must be at most {MOST_BYTES}: restore it"
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
            f"{path}: {line}no valid YAML ({shown(what, 2 * MOST_SHOWN)}): mend it."
        ) from None


def _parse(text: str) -> object:
    # DVC's own parser: YAML 1.2, where the 5e-05 that `dvc exp run -S` writes is a number.
    with warnings.catch_warnings(action="ignore"):  # what it warns of in YAML 1.1 is checked below
        aliases = sum(isinstance(event, AliasEvent) for event in YAML(typ="safe").parse(text))
        if aliases > MOST_ALIASES:
            raise UserError(
                f"it has {aliases} aliases (*name), but must have at most {MOST_ALIASES}: write"
                " the values themselves."
            )
        return YAML(typ="safe").load(text)


def _sentence(error: ErrorDetails, schema: type[Params]) -> str:
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
    return f"{key} is {_show(error['input'])}, but must be {allowed}; change it and run again."


def _unknown(path: list[str], schema: type[Params]) -> str:
    known = sorted(_fields(path[:-1], schema))
    near = difflib.get_close_matches(path[-1], known, n=1)
    hint = f"; did you mean {near[0]}?" if near else "."
    return f"{'.'.join(path)} is no parameter{hint} Allowed here: {', '.join(known)}."


def _describe(path: list[str], schema: type[Params]) -> tuple[str, str]:
    """The dotted key of an error's place, and what is allowed there."""
    for end in range(len(path), 0, -1):  # a union adds the name of its branch to the place
        field = _fields(path[: end - 1], schema).get(path[end - 1])
        if field is not None:
            allowed = field.description
            if allowed is None:
                allowed = f"a section with the keys {', '.join(_fields(path[:end], schema))}"
            return ".".join(path[:end]), allowed
    return ".".join(path), "a parameter"


def _fields(path: list[str], schema: type[Params]) -> dict[str, FieldInfo]:
    model: Any = schema
    for key in path:
        field = model.model_fields.get(key)
        model = field.annotation if field else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return {}
    return dict(model.model_fields)


def _show(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case str():
            return repr(value) if len(value) <= MOST_SHOWN else repr(value[:MOST_SHOWN]) + "…"
        case int() if abs(value) >= 10**MOST_SHOWN:  # too long to read, and even to print
            return f"a whole number of more than {MOST_SHOWN} digits"
        case int() | float() | date():
            return str(value).removesuffix(".0")
        case dict():
            return "a section"
        case _:
            return "a list" if isinstance(value, list) else f"of the type {type(value).__name__}"


def _key(part: int | str) -> str:
    """A key as it is shown: quoted if it is no plain word."""
    text = str(part)
    return text if text.isidentifier() and len(text) <= MOST_SHOWN else _show(text)
