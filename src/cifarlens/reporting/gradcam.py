"""Grad-CAM by pytorch-grad-cam, at every layer of a bundle.

Its hooks and its context manager are not safe among threads, and the latter swallows IndexError:
one map a call inside `with`, on a copy of the network, and everything checked before.
"""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from ..classifier.bundle import Bundle
from ..classifier.networks import Network
from ..classifier.preprocess import normalize
from ..errors import UserError

BATCH = 50  # images a pass


def gradcam_maps(
    bundle: Bundle, images: np.ndarray, labels: Sequence[int]
) -> dict[str, np.ndarray]:
    """Where each layer saw what speaks for a class (Selvaraju et al. 2017, arXiv:1610.02391).

    Args:
        bundle: its network is copied, not touched.
        images: uint8, N×H×W×3.
        labels: the label to explain in each image.

    Returns:
        By layer float32 maps N×H×W, enlarged to the image, each from 0 to 1 (all 0 where nothing
        speaks for the class).

    Raises:
        ValueError: another number of labels than of images, or a label out of range.
    """
    classes = len(bundle.config.classes)
    if len(labels) != len(images):
        raise ValueError(f"{len(labels)} labels for {len(images)} images")
    for label in labels:
        if not 0 <= label < classes:
            raise ValueError(f"label is {label}, not from 0 to {classes - 1}")
    network = trainable_copy(bundle)
    maps: dict[str, list[np.ndarray]] = {name: [] for name in bundle.config.layers}
    for start in range(0, len(images), BATCH):
        x = normalized(bundle, images[start : start + BATCH])
        targets = [ClassifierOutputTarget(label) for label in labels[start : start + BATCH]]
        for name, layer in network.features.named_children():
            with GradCAM(model=network, target_layers=[layer]) as cam:
                maps[name].append(cam(input_tensor=x, targets=targets))
    empty = np.empty((0, *images.shape[1:3]), np.float32)
    return {name: np.concatenate(found or [empty]) for name, found in maps.items()}


def trainable_copy(bundle: Bundle) -> Network:
    """The network on the CPU, in `eval()`, with gradients."""
    return copy.deepcopy(bundle.network).cpu().eval().requires_grad_(True)


def normalized(bundle: Bundle, images: np.ndarray) -> torch.Tensor:
    """What the network takes, float32 N×3×H×W, from uint8 N×H×W×3."""
    config = bundle.config
    return normalize(torch.from_numpy(np.array(images)), config.mean, config.std)


def choose_layer(layer: str, bundle: Bundle) -> str:
    """The layer to show first: the one named, or the network's last for `auto`.

    Raises:
        UserError: the bundle has no such layer.
    """
    if layer == "auto":
        return bundle.config.layers[-1]
    if layer not in bundle.config.layers:
        raise UserError(
            f"gradcam.layer is {layer}, but the network in the bundle, "
            f"{bundle.config.architecture}, has {', '.join(bundle.config.layers)}: "
            "name one of them in params.yaml, or auto."
        )
    return layer
