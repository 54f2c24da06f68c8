"""Typed, strict parameters: what params.yaml may hold, and one sentence for what it may not.

The file is always checked as a whole, so a mistake anywhere stops the first stage and not the
last. A stage reads by name only what dvc.yaml lists for it.
"""

import difflib
import warnings
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError
from ruamel.yaml import YAML, AliasEvent

from .runtime.errors import UserError, shown
from .runtime.paths import PARAMS
from .sources import SOURCES

IMAGE_SIZE = 32  # pixels; both data sets and all networks
LAYERS = {
    "custom_resnet": ("prep", "layer1", "layer2", "layer3"),
    "resnet18": ("stem", "layer1", "layer2", "layer3", "layer4"),
    "resnet34": ("stem", "layer1", "layer2", "layer3", "layer4"),
}
ModelName = Literal["custom_resnet", "resnet18", "resnet34"]
MAX_SEED = 2**31 - 1
MIN_RATE = 1e-10  # a learning rate below it changes nothing
MAX_CHANNELS = 2**20  # batch_size times model.width: some 100 GB of activations, float32
MAX_BYTES = 100_000  # of params.yaml
MAX_ALIASES = 20  # in it: a few merged into each other could fill any memory
MAX_EPOCHS = 1000
MAX_DEVICES = 64  # of one machine
MAX_NODES = 15  # with at most 1,000 processes each has random numbers of its own
MAX_SHOWN = 60  # characters of a value in a message


def number(
    allowed: str,
    *,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
) -> FieldInfo:
    """What is allowed, in words for the user, and the bounds."""
    field: FieldInfo = Field(description=allowed, gt=gt, ge=ge, lt=lt, le=le, allow_inf_nan=False)
    return field


def whole(low: int, high: int) -> FieldInfo:
    field: FieldInfo = Field(ge=low, le=high, description=f"a whole number from {low} to {high}")
    return field


def one_of(*names: str) -> FieldInfo:
    field: FieldInfo = Field(description=", ".join(names[:-1]) + f" or {names[-1]}")
    return field


Share = Annotated[float, number("a number from 0 to below 1", ge=0, lt=1)]
Accelerator = Literal["auto", "cpu", "gpu", "mps"]
Switch = Annotated[bool, Field(description="true or false")]
Rate = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]


class Section(BaseModel):
    """Frozen, without coercion, without unknown keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, protected_namespaces=()
    )


class Data(Section):
    source: Annotated[str, Field(pattern=f"^({'|'.join(SOURCES)})$"), one_of(*SOURCES)]
    val_size: Annotated[int, whole(0, 25_000)]


class Augment(Section):
    padding: Annotated[int, whole(0, IMAGE_SIZE // 2)]
    flip: Switch
    cutout: Annotated[
        int,
        Field(
            ge=0,
            le=IMAGE_SIZE,
            description=f"a whole number from 0 (none) to {IMAGE_SIZE}, the image's side in pixels",
        ),
    ]


class Model(Section):
    name: Annotated[ModelName, one_of(*LAYERS)]
    width: Annotated[int, whole(1, 256)]
    dropout: Share
    norm_first: Switch


class Optimizer(Section):
    weight_decay: Annotated[float, number("a number from 0 to 10", ge=0, le=10)]
    decoupled: Switch
    beta1: Share
    beta2: Share


class Loss(Section):
    label_smoothing: Share


class LrFind(Section):
    start: Annotated[float, number("a number above 0 and at most a tenth of lr_find.stop", gt=0)]
    stop: Annotated[float, number("a number above lr_find.start and at most 100", gt=0, le=100)]
    steps: Annotated[int, whole(30, 10_000)]
    repeats: Annotated[int, whole(1, 100)]
    factor: Annotated[float, number("a number from 0.01 to 100", ge=0.01, le=100)]


class Trainer(Section):
    accelerator: Annotated[Accelerator, one_of("auto", "cpu", "gpu", "mps")]
    devices: Annotated[
        Literal["auto"] | Annotated[int, Field(ge=1, le=MAX_DEVICES)],
        Field(description=f"auto or a whole number from 1 to {MAX_DEVICES}"),
    ]
    num_nodes: Annotated[int, whole(1, MAX_NODES)]
    strategy: Annotated[Literal["auto", "ddp"], one_of("auto", "ddp")]
    precision: Annotated[
        Literal["auto", "bf16-mixed"] | Annotated[int, Field(ge=32, le=32)],
        one_of("auto", "32", "bf16-mixed"),
    ]
    workers: Annotated[
        Literal["auto"] | Annotated[int, Field(ge=0, le=64)],
        Field(description="auto or a whole number from 0 to 64"),
    ]

    @classmethod
    def on_one_device(
        cls,
        *,
        accelerator: Accelerator,
        precision: Literal["auto", "bf16-mixed"] | int,
        workers: Literal["auto"] | int,
    ) -> "Trainer":
        """The settings that matter to a single process, on one machine."""
        return cls(
            accelerator=accelerator,
            devices=1,
            num_nodes=1,
            strategy="auto",
            precision=precision,
            workers=workers,
        )

    @property
    def local_processes(self) -> int:
        """Processes that train on each machine, one a device; `auto` is one on any machine."""
        return 1 if self.devices == "auto" else self.devices

    @property
    def processes(self) -> int:
        """Processes that train, on all machines together."""
        return self.local_processes * self.num_nodes


class GradCam(Section):
    layer: Annotated[str, Field(description="auto or a layer of the network")]
    opacity: Annotated[float, number("a number from 0 to 1", ge=0, le=1)]
    images: Annotated[int, whole(10, 200)]


class Space(Section):
    mistakes: Annotated[int, whole(1, 200)]
    top_classes: Annotated[int, whole(1, 10)]


class Params(Section):
    """The whole of params.yaml."""

    seed: Annotated[int, whole(0, MAX_SEED)]
    epochs: Annotated[int, whole(1, MAX_EPOCHS)]
    peak_epoch: Annotated[float, number("a number above 0 and at most epochs", gt=0)]
    batch_size: Annotated[int, whole(2, 65_536)]
    lr_max: Annotated[
        Literal["auto"] | Rate, Field(description="auto or a number above 0 and at most 10")
    ]
    lr_min: Annotated[
        Literal["auto"] | Rate, Field(description="auto or a number above 0 and at most lr_max")
    ]
    ema_decay: Share
    keep: Annotated[Literal["last", "best"], one_of("last", "best")]
    data: Data
    augment: Augment
    model: Model
    optimizer: Optimizer
    loss: Loss
    lr_find: LrFind
    trainer: Trainer
    gradcam: GradCam
    space: Space

    @model_validator(mode="after")
    def _fits_together(self) -> "Params":
        if self.peak_epoch > self.epochs:
            raise _misfit("peak_epoch", self.peak_epoch, f"at most epochs, {self.epochs}")
        most = MAX_CHANNELS // self.model.width
        if self.batch_size > most:
            raise _misfit(
                "batch_size", self.batch_size, f"at most {most} at model.width {self.model.width}"
            )
        if self.keep == "best" and not self.data.val_size:
            raise _misfit("keep", "best", "last while data.val_size is 0 (no images to judge by)")
        self._rates_fit()
        self._devices_fit()
        layers = LAYERS[self.model.name]
        if self.gradcam.layer not in ("auto", *layers):
            raise _misfit(
                "gradcam.layer",
                self.gradcam.layer,
                f"auto or a layer of {self.model.name}: {', '.join(layers)}",
            )
        if self.model.name != "custom_resnet" and not self.model.norm_first:
            raise _misfit("model.norm_first", False, f"true for {self.model.name}")
        return self

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
            if rate != "auto" and rate < MIN_RATE:
                raise _misfit(key, rate, f"at least {MIN_RATE:g}")
        if self.lr_max != "auto" and self.lr_min != "auto" and self.lr_min > self.lr_max:
            raise _misfit("lr_min", self.lr_min, f"at most lr_max, {_show(self.lr_max)}")
        # One decade is the least that the range test can read anything off.
        if start > stop / 10 * (1 + 1e-9):
            raise _misfit("lr_find.start", start, f"at most a tenth of lr_find.stop, {_show(stop)}")


def _misfit(key: str, value: object, allowed: str) -> PydanticCustomError:
    context = {"key": key, "value": _show(value), "allowed": allowed}
    return PydanticCustomError("misfit", "{key} must be {allowed}", context)


def load_params(path: Path = PARAMS) -> Params:
    """Reads and checks params.yaml.

    Raises:
        UserError: the file is missing, no YAML, or holds an unknown key, misses a key, or has a
            value of the wrong type or outside its range.
    """
    return parse_params(_read(path), str(path))


def parse_params(content: object, source: str = "params.yaml") -> Params:
    """The parameters in what a YAML parser gave; raises UserError as `load_params` does."""
    if not isinstance(content, dict):
        raise UserError(f"{source}: it holds no keys and values: restore it with `git checkout`.")
    for section in (content, *content.values()):
        for key in section if isinstance(section, dict) else ():
            if not isinstance(key, str) or not key.isprintable():
                raise UserError(f"{source}: the key {_show(key)} is no parameter; remove it.")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        # A misspelt key is also a missing one: the misspelling is what helps.
        first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
        raise UserError(f"{source}: {_sentence(first)}") from None


def _read(path: Path) -> object:
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
            f"{path}: {line}no valid YAML ({shown(what, 2 * MAX_SHOWN)}): mend it."
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


def _sentence(error: ErrorDetails) -> str:
    if error["type"] == "misfit":
        context = error["ctx"]
        key, value, allowed = context["key"], context["value"], context["allowed"]
        return f"{key} is {value}, but must be {allowed}; change it and run again."
    path = [_key(part) for part in error["loc"]]
    if error["type"] == "extra_forbidden":
        return _unknown(path)
    key, allowed = _describe(path)
    if error["type"] == "missing":
        return f"{key} is missing; add it: {allowed}."
    return f"{key} is {_show(error['input'])}, but must be {allowed}; change it and run again."


def _unknown(path: list[str]) -> str:
    known = sorted(_fields(path[:-1]))
    near = difflib.get_close_matches(path[-1], known, n=1) or [
        f"{section}.{path[-1]}" for section in Params.model_fields if path[-1] in _fields([section])
    ]
    hint = f"; did you mean {near[0]}?" if near else "."
    return f"{'.'.join(path)} is no parameter{hint} Allowed here: {', '.join(known)}."


def _describe(path: list[str]) -> tuple[str, str]:
    """The dotted key of an error's place, and what is allowed there."""
    for end in range(len(path), 0, -1):  # a union adds the name of its branch to the place
        field = _fields(path[: end - 1]).get(path[end - 1])
        if field is not None:
            allowed = field.description
            if allowed is None:
                allowed = f"a section with the keys {', '.join(_fields(path[:end]))}"
            return ".".join(path[:end]), allowed
    return ".".join(path), "a parameter"


def _fields(path: list[str]) -> dict[str, FieldInfo]:
    model: Any = Params
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
    return text if text.isidentifier() and len(text) <= MAX_SHOWN else _show(text)
