"""The model bundle: `model.safetensors` and `config.json` in one folder.

Loading is strict, ends in `eval()`, never unpickles, and says what is wrong with a bad bundle.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save

from .networks import NETWORKS, Network

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
MOST_PIXELS = 1024  # a side; far above what the networks take
MOST_CHANNELS = 2**20  # of the first layer
LEAST_STD = 1e-9  # a smaller one makes pixels too large for float32
LONGEST = 400  # characters of what a message quotes


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
        std: standard deviation likewise.
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
    state = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
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
            tensors' names, shapes or values are no weights of the architecture.
    """
    config = _read_config(folder / CONFIG)
    network = _outline(folder, config)
    state = _read_weights(folder / WEIGHTS)
    _compare(folder, network.state_dict(), state)
    network.load_state_dict(state, strict=True, assign=True)
    network.eval().requires_grad_(False)
    network.to(memory_format=torch.channels_last)
    return Bundle(network, config)


def _bad(folder: Path, what: str) -> BundleError:
    what = "".join(char if char.isprintable() else " " for char in what[:LONGEST])
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
    if not isinstance(content, dict):
        raise _bad(folder, f"has a {CONFIG} that is no JSON object")
    expected = BundleConfig.__dataclass_fields__.keys()
    for key in sorted(expected - content.keys()):
        raise _bad(folder, f"has a {CONFIG} without {key}")
    for key in sorted(content.keys() - expected):
        raise _bad(folder, f"has a {CONFIG} with the unknown key {key!r}")
    for fault in _faults(content):
        raise _bad(folder, f"has a {CONFIG} {fault}")
    tuples = {key: tuple(value) for key, value in content.items() if isinstance(value, list)}
    return BundleConfig(**{**content, **tuples})


def _faults(content: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the values of a configuration, each in a few words."""
    architecture = content["architecture"]
    if not isinstance(architecture, str) or architecture not in NETWORKS:
        yield f"whose architecture is {architecture!r}, not one of {', '.join(NETWORKS)}"
    if not isinstance(content["arguments"], dict):
        yield f"whose arguments are {content['arguments']!r}, no JSON object"
    else:
        for name, value in content["arguments"].items():
            if not _argument_fits(name, value):
                yield f"whose argument {name!r} is {value!r}, which no network takes"
    for key, what in (("classes", "class names"), ("layers", "names of layers")):
        names = content[key]
        if not isinstance(names, list) or not all(map(_is_name, names)):
            yield f"whose {key} are no list of {what}, each some printable text"
        elif len(set(names)) < max(len(names), 2):
            yield f"whose {key} are not two or more different names, but {names!r}"
    for key, low in (("mean", 0), ("std", LEAST_STD)):
        values = content[key]
        if not isinstance(values, list) or not all(_in_range(v, low, 1) for v in values):
            yield f"whose {key} is {values!r}, no list of numbers from {low:g} to 1"
        elif len(values) != 3:
            yield f"whose {key} has {len(values)} values, not one for each of 3 channels"
    if type(content["image_size"]) is not int or content["image_size"] < 1:
        yield f"whose image_size is {content['image_size']!r}, no whole number of pixels"


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and bool(value.strip())


def _in_range(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and low <= value <= high


def _argument_fits(name: str, value: object) -> bool:
    match name:
        case "width":
            return type(value) is int and 1 <= value <= MOST_CHANNELS
        case "dropout":
            return _in_range(value, 0, math.nextafter(1, 0))
        case "norm_first":
            return isinstance(value, bool)
        case _:
            return False


def _outline(folder: Path, config: BundleConfig) -> Network:
    """The network without memory for its weights; one of width 1 in its place tries an image."""
    name, size = config.architecture, config.image_size
    try:
        with torch.device("meta"):
            network = NETWORKS[name](len(config.classes), **config.arguments).eval()
    except (TypeError, ValueError, RuntimeError) as error:
        raise _bad(folder, f"has arguments that do not fit {name} ({error})") from None
    if network.layers != config.layers:
        raise _bad(folder, f"lists the layers {config.layers}, not {network.layers}")
    try:
        if size > MOST_PIXELS:
            raise ValueError
        # Not the outline itself: meta tensors' arithmetic imports torch's compiler, a second.
        narrow = NETWORKS[name](1, **{**config.arguments, "width": 1}).eval()
        with torch.no_grad():
            narrow(torch.zeros(1, 3, size, size))
    except (RuntimeError, ValueError):
        raise _bad(folder, f"has the image_size {size}, which {name} cannot take") from None
    return network


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        # Copies: the tensors are mapped from the file, and who overwrites it would change them.
        return {name: tensor.clone() for name, tensor in load_file(path).items()}
    except FileNotFoundError:
        raise _bad(path.parent, f"has no {WEIGHTS}") from None
    except Exception as error:  # a file that only claims to be safetensors fails in many ways
        raise _bad(path.parent, f"has a damaged {WEIGHTS} ({error})") from None


def _compare(
    folder: Path, expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]
) -> None:
    for name in sorted(expected.keys() - found.keys()):
        raise _bad(folder, f"lacks the tensor {name}")
    for name in sorted(found.keys() - expected.keys()):
        raise _bad(folder, f"has a tensor too many, {name}")
    for name, should in expected.items():
        is_ = found[name]
        if is_.shape != should.shape or is_.dtype != should.dtype:
            raise _bad(
                folder,
                f"has {name} as {is_.dtype} {tuple(is_.shape)},"
                f" not {should.dtype} {tuple(should.shape)}",
            )
        if not is_.isfinite().all():
            raise _bad(folder, f"has values in {name} that are no finite numbers")
        if name.endswith("running_var") and is_.min() < 0:
            raise _bad(folder, f"has a variance below 0 in {name}")
