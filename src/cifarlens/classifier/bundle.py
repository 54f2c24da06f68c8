"""Saves and loads the model bundle: `model.safetensors` and `config.json` in one folder.

Loading is strict, never unpickles, returns a network in `eval()` mode and reports what is wrong
with a bad bundle.
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
MAX_IMAGE_SIZE = 1024  # pixels per side; far more than the networks support
MIN_STD = 1e-9  # with a smaller value, normalised pixels overflow float32
JOINERS = "\u200c\u200d"  # join or separate letters and emoji, in Persian or Hindi for instance
MAX_MESSAGE = 400  # characters of the part of a message that may quote a file


class BundleError(ValueError):
    """Reports an unusable bundle; the message names the folder, the fault and what to do."""


@dataclass(frozen=True)
class BundleConfig:
    """Describes everything that a network needs to predict, except its weights.

    Attributes:
        architecture: a key of `NETWORKS`.
        arguments: keyword arguments of its constructor, without `num_classes`.
        classes: class names in the order of the labels.
        mean: mean of pixel / 255 over the training images for red, green and blue.
        std: standard deviation of pixel / 255 over the training images for red, green and blue.
        image_size: side of the input in pixels.
        layers: names of the feature layers, which can be target layers of saliency maps.
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
    """Holds a network that is ready to predict: in `eval()` mode, with frozen parameters.

    Attributes:
        network: the network.
        config: its configuration.
        temperature: divides the logits, so that probabilities match the accuracy; above 0. It is
            not part of the files.
    """

    network: Network
    config: BundleConfig
    temperature: float = 1.0


def save_bundle(folder: Path, network: Network, config: BundleConfig) -> None:
    """Writes the two files; the same weights give the same bytes.

    Deletes the old configuration first and writes the new one last. Each file is replaced
    atomically. A reader in between, or after a kill, sees an incomplete bundle, but never the
    weights of one run with the configuration of another.
    """
    # Copy the tensors: safetensors refuses tensors that share memory, such as tied weights.
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
    temporary = path.with_name(
        f".{path.name}.part"
    )  # fixed, so a save replaces a killed save's file
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_bundle(folder: Path) -> Bundle:
    """Loads a bundle on the CPU.

    Allocates the network only after it has checked that the file's tensors fit the architecture.

    Raises:
        BundleError: a file is missing or damaged, the configuration is invalid, or the tensors'
            names, shapes or values do not fit the architecture.
    """
    config = _read_config(folder / CONFIG)
    name, size = config.architecture, config.image_size
    try:
        with torch.device("meta"):
            meta_network = _make_network(config)
    except Exception as error:  # a constructor may raise any exception
        raise _bundle_error(folder, f"has arguments that do not fit {name} ({error})") from None
    if meta_network.layers != config.layers:
        layers, expected = ", ".join(config.layers), ", ".join(meta_network.layers)
        raise _bundle_error(folder, f"lists the layers {layers}; {name} has {expected}")
    state = _read_weights(folder / WEIGHTS)
    for fault in _weight_faults(meta_network.state_dict(), state):
        raise _bundle_error(folder, fault)
    network = _make_network(config)  # meta_network has no values for buffers that the file lacks
    network.load_state_dict(state, strict=True, assign=True)
    network.eval().requires_grad_(False)
    network.to(memory_format=torch.channels_last)
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, size, size))
    except Exception:  # a forward pass may raise any exception
        fault = f"has the image_size {size}, which {name} does not support"
        raise _bundle_error(folder, fault) from None
    return Bundle(network, config)


def _make_network(config: BundleConfig) -> Network:
    return NETWORKS[config.architecture](len(config.classes), **config.arguments)


def _bundle_error(folder: Path, fault: str) -> BundleError:
    fault = "".join(char if char.isprintable() else " " for char in fault[:MAX_MESSAGE])
    message = f"The model bundle in {folder}/ {fault}. Run `dvc repro` to create it again."
    return BundleError(message)


def _read_config(path: Path) -> BundleConfig:
    folder = path.parent
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _bundle_error(folder, f"has no {CONFIG}") from None
    except OSError as error:
        fault = f"has a {CONFIG} that cannot be read ({error.strerror})"
        raise _bundle_error(folder, fault) from None
    except (ValueError, RecursionError) as error:
        raise _bundle_error(folder, f"has a {CONFIG} that is not valid JSON ({error})") from None
    for fault in _config_faults(content):
        raise _bundle_error(folder, f"has a {CONFIG} {fault}")
    tuples = {key: tuple(value) for key, value in content.items() if isinstance(value, list)}
    return BundleConfig(**{**content, **tuples})


def _config_faults(content: Any) -> Iterator[str]:
    """Yields the faults of a configuration; only the first is reliable."""
    if not isinstance(content, dict):
        yield "that is not a JSON object"
    expected = BundleConfig.__dataclass_fields__.keys()
    for key in sorted(expected - content.keys()):
        yield f"without {key}"
    for key in sorted(content.keys() - expected):
        yield f"with the unknown key {key!r}"
    architecture, arguments = content["architecture"], content["arguments"]
    if not isinstance(architecture, str) or architecture not in NETWORKS:
        yield f"whose architecture is {architecture!r}, not one of {', '.join(NETWORKS)}"
    if not isinstance(arguments, dict):
        yield f"whose arguments are {arguments!r}, not a JSON object"
    defaults = default_arguments(architecture)
    for name, value in arguments.items():
        if name not in defaults or not _matches_default(value, defaults[name]):
            yield f"whose argument {name!r} is {value!r}, which {architecture} does not accept"
    for key, kind in (("classes", "class names"), ("layers", "layer names")):
        names = content[key]
        if not isinstance(names, list) or not all(map(_is_name, names)):
            yield f"whose {key} are not a list of {kind} in printable text"
        elif len(names) < 2:
            yield f"whose {key} are {names!r}, not two or more {kind}"
        elif twice := [name for name in names if names.count(name) > 1]:
            yield f"whose {key} name {twice[0]!r} twice"
    for key, low in (("mean", 0), ("std", MIN_STD)):
        values = content[key]
        numbers = isinstance(values, list) and all(type(v) in (int, float) for v in values)
        if not numbers or not all(low <= v <= 1 for v in values):
            yield f"whose {key} is {values!r}, not a list of numbers from {low:g} to 1"
        elif len(values) != 3:
            yield f"whose {key} has {len(values)} values, not one for each of the 3 channels"
    size = content["image_size"]
    if type(size) is not int or not 1 <= size <= MAX_IMAGE_SIZE:
        yield f"whose image_size is {size!r}, not a whole number from 1 to {MAX_IMAGE_SIZE}"


def _is_name(value: object) -> bool:
    if not isinstance(value, str) or not value.strip():
        return False
    return all(char.isprintable() or char in JOINERS for char in value)


def _matches_default(value: object, default: object) -> bool:
    """Returns whether a value has the type of the default; an int also passes for a float."""
    return type(value) is type(default) or (type(default) is float and type(value) is int)


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        # Copy the tensors: they are mapped from the file, so overwriting it would change them.
        return {name: tensor.clone() for name, tensor in load_file(path).items()}
    except FileNotFoundError:
        raise _bundle_error(path.parent, f"has no {WEIGHTS}") from None
    except Exception as error:  # a file that is not safetensors raises various exceptions
        raise _bundle_error(path.parent, f"has a damaged {WEIGHTS} ({error})") from None


def _weight_faults(
    expected: Mapping[str, torch.Tensor], state: Mapping[str, torch.Tensor]
) -> Iterator[str]:
    """Yields the faults of a file's tensors; only the first is reliable."""
    for name in sorted(expected.keys() - state.keys()):
        yield f"lacks the tensor {name}"
    for name in sorted(state.keys() - expected.keys()):
        yield f"has the unknown tensor {name}"
    for name, meta_tensor in expected.items():
        tensor = state[name]
        actual, required = (f"{t.dtype} {tuple(t.shape)}" for t in (tensor, meta_tensor))
        if actual != required:
            yield f"has {name} as {actual}, not {required}"
        if not tensor.isfinite().all():
            yield f"has values in {name} that are not finite numbers"
        if name.endswith("running_var") and tensor.min() < 0:
            yield f"has a variance below 0 in {name}"
