"""The model bundle: `model.safetensors` and `config.json` in one folder.

Loading is strict, ends in `eval()`, never unpickles, and says what is wrong with a bad bundle.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save

from .networks import NETWORKS, Network, default_arguments

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
MAX_PIXELS = 1024  # a side; far above what the networks take
MIN_STD = 1e-9  # a smaller one makes pixels too large for float32
MAX_QUOTED = 400  # characters of what a message quotes


class BundleError(ValueError):
    """A bundle that cannot be used; the message names the folder, what is wrong and what to do."""


@dataclass(frozen=True)
class BundleConfig:
    """All that a network needs to predict, beside its weights.

    Attributes:
        architecture: a key of `NETWORKS`.
        arguments: keyword arguments of its constructor, without `num_classes`.
        classes: class names, by label.
        mean: of pixel / 255 over the train images, red, green, blue.
        std: standard deviation of the same.
        image_size: side of the input, pixels.
        layers: names of the layers that Grad-CAM may look at.
    """

    architecture: str
    arguments: dict[str, Any]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    image_size: int
    layers: tuple[str, ...]


@dataclass(frozen=True)
class Bundle:
    """A network ready to predict: in `eval()`, its parameters frozen."""

    network: Network
    config: BundleConfig


def save_bundle(folder: Path, network: Network, config: BundleConfig) -> None:
    """Writes the two files; the same weights give the same bytes.

    The configuration goes first and comes back last, each file whole: who reads in between, or
    after a kill, finds no bundle, never weights of one run beside the configuration of another.
    """
    # Copies: safetensors refuses tensors that share memory, such as tied weights.
    state = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
    }
    text = json.dumps(asdict(config), indent=2, sort_keys=True, ensure_ascii=False)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).unlink(missing_ok=True)
    _replace(folder / WEIGHTS, save(state))
    _replace(folder / CONFIG, f"{text}\n".encode())


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.part")  # one name: what a kill leaves is taken over
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_bundle(folder: Path) -> Bundle:
    """Reads a bundle on the CPU.

    Nothing is allocated for the network before the file's tensors are known to be its own.

    Raises:
        BundleError: a file is missing or damaged, the configuration is not one of ours, or the
            tensors' names, shapes or values are not weights of the architecture.
    """
    config = _read_config(folder / CONFIG)
    name, size = config.architecture, config.image_size
    try:
        with torch.device("meta"):
            outline = _make(config)
    except Exception as error:  # the constructor of a network may raise any
        raise _bad(folder, f"has arguments that do not fit {name} ({error})") from None
    if outline.layers != config.layers:
        raise _bad(folder, f"lists the layers {config.layers}, not {outline.layers}")
    state = _read_weights(folder / WEIGHTS)
    for fault in _weight_faults(outline.state_dict(), state):
        raise _bad(folder, fault)
    network = _make(config)  # the outline has no values for what is not in the file
    network.load_state_dict(state, strict=True, assign=True)
    network.eval().requires_grad_(False)
    network.to(memory_format=torch.channels_last)
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, size, size))
    except Exception:  # and so may its forward pass
        raise _bad(folder, f"has the image_size {size}, which {name} cannot take") from None
    return Bundle(network, config)


def _make(config: BundleConfig) -> Network:
    return NETWORKS[config.architecture](len(config.classes), **config.arguments)


def _bad(folder: Path, what: str) -> BundleError:
    what = "".join(char if char.isprintable() else " " for char in what[:MAX_QUOTED])
    return BundleError(f"The model bundle {folder} {what}: run `dvc repro` to make it again.")


def _read_config(path: Path) -> BundleConfig:
    folder = path.parent
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _bad(folder, f"has no {CONFIG}") from None
    except OSError as error:
        raise _bad(folder, f"has a {CONFIG} that cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise _bad(folder, f"has a {CONFIG} that is no JSON ({error})") from None
    for fault in _config_faults(content):
        raise _bad(folder, f"has a {CONFIG} {fault}")
    tuples = {key: tuple(value) for key, value in content.items() if isinstance(value, list)}
    return BundleConfig(**{**content, **tuples})


def _config_faults(content: Any) -> Iterator[str]:
    """What is wrong with a configuration, in a few words; only the first holds for certain."""
    if not isinstance(content, dict):
        yield "that is no JSON object"
    expected = BundleConfig.__dataclass_fields__.keys()
    for key in sorted(expected - content.keys()):
        yield f"without {key}"
    for key in sorted(content.keys() - expected):
        yield f"with the unknown key {key!r}"
    architecture, arguments = content["architecture"], content["arguments"]
    if not isinstance(architecture, str) or architecture not in NETWORKS:
        yield f"whose architecture is {architecture!r}, not one of {', '.join(NETWORKS)}"
    if not isinstance(arguments, dict):
        yield f"whose arguments are {arguments!r}, no JSON object"
    defaults = default_arguments(architecture)
    for name, value in arguments.items():
        if name not in defaults or not _is_like(value, defaults[name]):
            yield f"whose argument {name!r} is {value!r}, which {architecture} does not take"
    for key, what in (("classes", "class names"), ("layers", "names of layers")):
        names = content[key]
        if not isinstance(names, list) or not all(map(_is_name, names)):
            yield f"whose {key} are no list of {what}, each some printable text"
        elif len(set(names)) < max(len(names), 2):
            yield f"whose {key} are not two or more different names, but {names!r}"
    for key, low in (("mean", 0), ("std", MIN_STD)):
        values = content[key]
        numbers = isinstance(values, list) and all(type(v) in (int, float) for v in values)
        if not numbers or not all(low <= v <= 1 for v in values):
            yield f"whose {key} is {values!r}, no list of numbers from {low:g} to 1"
        elif len(values) != 3:
            yield f"whose {key} has {len(values)} values, not one for each of 3 channels"
    size = content["image_size"]
    if type(size) is not int or not 1 <= size <= MAX_PIXELS:
        yield f"whose image_size is {size!r}, no whole number of pixels from 1 to {MAX_PIXELS}"


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and bool(value.strip())


def _is_like(value: object, default: object) -> bool:
    """Whether a value has the type of an argument's default; a whole number is a float too."""
    return type(value) is type(default) or (type(default) is float and type(value) is int)


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        # Copies: the tensors are mapped from the file, and who overwrites it would change them.
        return {name: tensor.clone() for name, tensor in load_file(path).items()}
    except FileNotFoundError:
        raise _bad(path.parent, f"has no {WEIGHTS}") from None
    except Exception as error:  # a file that only claims to be safetensors fails in many ways
        raise _bad(path.parent, f"has a damaged {WEIGHTS} ({error})") from None


def _weight_faults(
    expected: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]
) -> Iterator[str]:
    """What is wrong with the tensors of a file; only the first holds for certain."""
    for name in sorted(expected.keys() - state.keys()):
        yield f"lacks the tensor {name}"
    for name in sorted(state.keys() - expected.keys()):
        yield f"has a tensor too many, {name}"
    for name, needed in expected.items():
        tensor = state[name]
        has, needs = (f"{part.dtype} {tuple(part.shape)}" for part in (tensor, needed))
        if has != needs:
            yield f"has {name} as {has}, not {needs}"
        if not tensor.isfinite().all():
            yield f"has values in {name} that are no finite numbers"
        if name.endswith("running_var") and tensor.min() < 0:
            yield f"has a variance below 0 in {name}"
