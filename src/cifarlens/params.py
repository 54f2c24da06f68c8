"""Defines the parameters in params.yaml: names, types and ranges.

Error messages give the key, its value, the allowed values and what to do.
Every stage checks the whole file, so an error anywhere stops the first stage instead of the last.
A stage reads parameters by name, and only those that dvc.yaml lists for it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from .classifier.networks import NETWORKS, default_arguments, layer_names
from .params_file import check_keys, describe_error, format_value, read_yaml, whole_floats_to_int
from .runtime.errors import UserError
from .runtime.paths import PARAMS
from .sources import SOURCES

IMAGE_SIZE = 32  # pixels, of all datasets and networks
MAX_SEED = 2**31 - 1
MIN_RATE = 1e-10  # a smaller learning rate changes nothing
MAX_CHANNELS = 2**20  # batch_size times model.width: about 100 GB of float32 activations
MAX_EPOCHS = 1000
MAX_DEVICES = 64  # per machine
MAX_NODES = 15  # up to 1,000 processes, each draws different random numbers


def number(allowed: str, **bounds: float) -> FieldInfo:
    """Describes the allowed numbers in words for the user, and sets the bounds."""
    field: FieldInfo = Field(description=allowed, allow_inf_nan=False, **cast(Any, bounds))
    return field


def whole_number(low: int, high: int) -> FieldInfo:
    field: FieldInfo = Field(ge=low, le=high, description=f"a whole number from {low} to {high}")
    return field


def one_of(*names: str) -> FieldInfo:
    field: FieldInfo = Field(description=", ".join(names[:-1]) + f" or {names[-1]}")
    return field


def key_of(table: Mapping[str, object]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in table:
            raise ValueError
        return name

    return AfterValidator(check)


Share = Annotated[float, number("a number from 0 to below 1", ge=0, lt=1)]
Accelerator = Literal["auto", "cpu", "gpu", "mps"]
Switch = Annotated[bool, Field(description="true or false")]
Rate = Literal["auto"] | Annotated[float, Field(ge=MIN_RATE, le=10, allow_inf_nan=False)]


class Section(BaseModel):
    """Holds parameters: frozen, without conversion of types, without unknown keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, protected_namespaces=()
    )


class Data(Section):
    source: Annotated[str, key_of(SOURCES), one_of(*SOURCES)]
    folder: Annotated[str, Field(min_length=1, description="the path of a folder")]
    fit: Annotated[Literal["crop", "pad"], one_of("crop", "pad")]
    test_share: Annotated[float, number("a number above 0 and below 1", gt=0, lt=1)]
    skip_bad: Switch
    val_size: Annotated[int, whole_number(0, 25_000)]


class Augment(Section):
    padding: Annotated[int, whole_number(0, IMAGE_SIZE // 2)]
    flip: Switch
    cutout: Annotated[int, whole_number(0, IMAGE_SIZE)]


class Model(Section):
    """Selects the network. `_schema` adds the arguments that only one network takes."""

    model_config = ConfigDict(allow_inf_nan=False)

    name: Annotated[str, key_of(NETWORKS), one_of(*NETWORKS)]
    width: Annotated[int, whole_number(1, 256)]
    dropout: Share
    norm_first: Switch

    @property
    def arguments(self) -> dict[str, Any]:
        """Returns the arguments of the network's constructor, except the number of classes."""
        return self.model_dump(include=set(default_arguments(self.name)))


class Optimizer(Section):
    weight_decay: Annotated[float, number("a number from 0 to 10", ge=0, le=10)]
    decoupled: Switch
    beta1: Share
    beta2: Share


class Loss(Section):
    label_smoothing: Share


class LrFind(Section):
    start: Annotated[
        float, number(f"a number from {MIN_RATE:g} to a tenth of lr_find.stop", ge=MIN_RATE)
    ]
    stop: Annotated[float, number("a number above lr_find.start and at most 100", gt=0, le=100)]
    steps: Annotated[int, whole_number(30, 10_000)]
    repeats: Annotated[int, whole_number(1, 100)]
    factor: Annotated[float, number("a number from 0.01 to 100", ge=0.01, le=100)]


class Trainer(Section):
    accelerator: Annotated[Accelerator, one_of("auto", "cpu", "gpu", "mps")]
    devices: Annotated[
        Literal["auto"] | Annotated[int, Field(ge=1, le=MAX_DEVICES)],
        Field(description=f"auto or a whole number from 1 to {MAX_DEVICES}"),
    ]
    num_nodes: Annotated[int, whole_number(1, MAX_NODES)]
    strategy: Annotated[Literal["auto", "ddp"], one_of("auto", "ddp")]
    precision: Annotated[
        Literal["auto", "bf16-mixed"] | Annotated[int, Field(ge=32, le=32)],
        one_of("auto", "32", "bf16-mixed"),
    ]
    workers: Annotated[
        Literal["auto"] | Annotated[int, Field(ge=0, le=64)],
        Field(description="auto or a whole number from 0 to 64"),
    ]

    @property
    def local_processes(self) -> int:
        """Returns the number of training processes per machine, one per device; auto: one."""
        return 1 if self.devices == "auto" else self.devices

    @property
    def processes(self) -> int:
        """Returns the number of training processes on all machines together."""
        return self.local_processes * self.num_nodes


class GradCam(Section):
    layer: Annotated[str, Field(description="auto or a layer of the network")]
    opacity: Annotated[float, number("a number from 0 to 1", ge=0, le=1)]
    images: Annotated[int, whole_number(10, 200)]


class Space(Section):
    mistakes: Annotated[int, whole_number(1, 200)]
    top_classes: Annotated[int, whole_number(1, 10)]


class Params(Section):
    """Holds all of params.yaml."""

    seed: Annotated[int, whole_number(0, MAX_SEED)]
    epochs: Annotated[int, whole_number(1, MAX_EPOCHS)]
    peak_epoch: Annotated[
        Literal["auto"] | Annotated[float, Field(gt=0, allow_inf_nan=False)],
        Field(description="auto or a number above 0 and at most epochs"),
    ]
    batch_size: Annotated[int, whole_number(2, 65_536)]
    lr_max: Annotated[Rate, Field(description=f"auto or a number from {MIN_RATE:g} to 10")]
    lr_min: Annotated[Rate, Field(description=f"auto or a number from {MIN_RATE:g} to lr_max")]
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
    def _check_combinations(self) -> "Params":
        if self.peak_epoch != "auto" and self.peak_epoch > self.epochs:
            raise _value_error("peak_epoch", self.peak_epoch, f"at most epochs, {self.epochs}")
        limit = MAX_CHANNELS // self.model.width
        if self.batch_size > limit:
            allowed = f"at most {limit} at model.width {self.model.width}"
            raise _value_error("batch_size", self.batch_size, allowed)
        if self.keep == "best" and not self.data.val_size:
            allowed = "last while data.val_size is 0; to use best, set data.val_size above 0"
            raise _value_error("keep", "best", allowed)
        self._check_rates()
        self._check_devices()
        self._check_network()
        return self

    def _check_network(self) -> None:
        name, arguments = self.model.name, self.model.arguments
        for key, default in default_arguments("custom_resnet").items():
            value = getattr(self.model, key)
            if key not in arguments and value != default:
                raise _value_error(f"model.{key}", value, f"{format_value(default)} for {name}")
        try:
            layers = layer_names(name, arguments)
        except ValueError as error:
            raise PydanticCustomError("network", "{reason}", {"reason": str(error)}) from None
        if self.gradcam.layer not in ("auto", *layers):
            allowed = f"auto or a layer of {name}: {', '.join(layers)}"
            raise _value_error("gradcam.layer", self.gradcam.layer, allowed)

    def _check_devices(self) -> None:
        trainer = self.trainer
        if trainer.accelerator == "mps" and trainer.strategy == "ddp":
            raise _value_error("trainer.strategy", "ddp", "auto with trainer.accelerator 'mps'")
        if trainer.accelerator == "mps" and trainer.processes > 1:
            key = "num_nodes" if trainer.num_nodes > 1 else "devices"
            raise _value_error(f"trainer.{key}", getattr(trainer, key), "1 with accelerator 'mps'")
        minimum = 2 * trainer.processes
        if self.batch_size < minimum:
            allowed = f"at least {minimum}, two images for each of {trainer.processes} processes"
            raise _value_error("batch_size", self.batch_size, allowed)

    def _check_rates(self) -> None:
        start, stop = self.lr_find.start, self.lr_find.stop
        if self.lr_max != "auto" and self.lr_min != "auto" and self.lr_min > self.lr_max:
            raise _value_error(
                "lr_min", self.lr_min, f"at most lr_max, {format_value(self.lr_max)}"
            )
        # A shorter range shows too little of the loss curve to suggest a learning rate.
        if start > stop / 10 * (1 + 1e-9):
            allowed = f"at most a tenth of lr_find.stop, {format_value(stop)}"
            raise _value_error("lr_find.start", start, allowed)


def _value_error(key: str, value: object, allowed: str) -> PydanticCustomError:
    context = {"key": key, "value": format_value(value), "allowed": allowed}
    return PydanticCustomError("value", "{key} must be {allowed}", context)


ARGUMENT_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _schema(content: dict[str, Any]) -> type[Params]:
    """Returns `Params`, extended by the arguments that only the network in `content` takes."""
    section = content.get("model")
    name = section.get("name") if isinstance(section, dict) else None
    defaults = default_arguments(name) if isinstance(name, str) and name in NETWORKS else {}
    extra: dict[str, Any] = {
        key: (type(default), Field(default, description=ARGUMENT_KINDS[type(default)]))
        for key, default in defaults.items()
        if key not in Model.model_fields
    }
    if not extra:
        return Params
    model = create_model("Model", __base__=Model, **extra)
    return create_model("Params", __base__=Params, model=(model, ...))


def load_params(path: Path = PARAMS) -> Params:
    """Reads and checks params.yaml.

    Raises:
        UserError: the file is missing or invalid YAML, has an unknown key, lacks a key, or has a
            value of the wrong type or out of range.
    """
    return parse_params(read_yaml(path), str(path))


def parse_params(content: object, source: str = "params.yaml") -> Params:
    """Checks the output of a YAML parser; raises UserError as `load_params` does."""
    if not isinstance(content, dict):
        advice = f"restore it with `git checkout {source}`"
        raise UserError(f"{source}: it has no keys and values; {advice}.")
    check_keys(content, source)
    schema = _schema(content)
    try:
        return schema.model_validate(whole_floats_to_int(content))
    except ValidationError as error:
        # A misspelt key causes two errors, unknown and missing. The unknown key helps more.
        first = min(error.errors(), key=lambda details: details["type"] != "extra_forbidden")
        raise UserError(f"{source}: {describe_error(first, schema)}") from None
