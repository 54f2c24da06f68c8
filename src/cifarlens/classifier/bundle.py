"""The model bundle: `model.safetensors` and `config.json` in one folder.

Loading is strict, ends in `eval()`, never unpickles, and says what is wrong with a bad bundle.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from .networks import NETWORKS, Network

WEIGHTS = "model.safetensors"
CONFIG = "config.json"


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
    """Writes the two files; the same weights give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    text = json.dumps(asdict(config), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / WEIGHTS).write_bytes(save(state))
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8", newline="\n")


def load_bundle(folder: Path) -> Bundle:
    """Reads a bundle on the CPU.

    Raises:
        BundleError: a file is missing or damaged, the configuration is not one of ours, or the
            tensors' names or shapes differ from the architecture's.
    """
    config = _read_config(folder / CONFIG)
    network = _build(folder, config)
    state = _read_weights(folder / WEIGHTS)
    _compare(folder, network.state_dict(), state)
    network.load_state_dict(state, strict=True)
    network.eval().requires_grad_(False)
    network.to(memory_format=torch.channels_last)
    return Bundle(network, config)


def _bad(folder: Path, what: str) -> BundleError:
    return BundleError(f"The model bundle {folder} {what}: run `dvc repro` to make it again.")


def _read_config(path: Path) -> BundleConfig:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _bad(path.parent, f"has no {CONFIG}") from None
    except OSError as error:
        raise _bad(path.parent, f"has a {CONFIG} that cannot be read ({error})") from None
    except (ValueError, RecursionError) as error:
        raise _bad(path.parent, f"has a {CONFIG} that is no JSON ({error})") from None
    expected = set(BundleConfig.__dataclass_fields__)
    if not isinstance(content, dict) or set(content) != expected:
        found = sorted(content) if isinstance(content, dict) else type(content).__name__
        raise _bad(path.parent, f"has a {CONFIG} with {found}, not {sorted(expected)}")
    lists = {
        key: tuple(content[key])
        for key in ("classes", "mean", "std", "layers")
        if isinstance(content[key], list)
    }
    config = BundleConfig(**{**content, **lists})
    if len(lists) < 4 or len(config.mean) != 3 or len(config.std) != 3 or not config.classes:
        raise _bad(
            path.parent,
            f"has a {CONFIG} whose classes, mean, std or layers are no lists of the right length",
        )
    if not all(isinstance(value, int | float) for value in (*config.mean, *config.std)):
        raise _bad(path.parent, f"has a {CONFIG} whose mean or std holds no numbers")
    if not all(config.std):
        raise _bad(path.parent, f"has a {CONFIG} with a standard deviation of 0")
    if not isinstance(config.image_size, int) or config.image_size < 1:
        raise _bad(path.parent, f"has a {CONFIG} whose image_size is no whole number of pixels")
    return config


def _build(folder: Path, config: BundleConfig) -> Network:
    if not isinstance(config.architecture, str) or config.architecture not in NETWORKS:
        known = ", ".join(NETWORKS)
        raise _bad(folder, f"names the architecture {config.architecture!r}, not one of {known}")
    try:
        network = NETWORKS[config.architecture](len(config.classes), **config.arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _bad(
            folder, f"has arguments that do not fit {config.architecture} ({error})"
        ) from None
    if network.layers != config.layers:
        raise _bad(folder, f"lists the layers {config.layers}, not {network.layers}")
    return network


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError:
        raise _bad(path.parent, f"has no {WEIGHTS}") from None
    except (SafetensorError, ValueError, OSError) as error:
        raise _bad(path.parent, f"has a damaged {WEIGHTS} ({error})") from None


def _compare(
    folder: Path, expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]
) -> None:
    for name in sorted(expected.keys() - found.keys()):
        raise _bad(folder, f"lacks the tensor {name}")
    for name in sorted(found.keys() - expected.keys()):
        raise _bad(folder, f"has a tensor too many, {name}")
    for name, tensor in expected.items():
        if found[name].shape != tensor.shape or found[name].dtype != tensor.dtype:
            is_, should = found[name], tensor
            raise _bad(
                folder,
                f"has {name} as {is_.dtype} {tuple(is_.shape)},"
                f" not {should.dtype} {tuple(should.shape)}",
            )
