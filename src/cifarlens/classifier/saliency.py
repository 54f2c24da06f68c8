"""Computes saliency maps without hooks, so that any number of threads can share one network.

The network runs up to the target layer without gradients. The layer's activation becomes a leaf,
and the rest of the network runs with gradients. The maps equal those of pytorch-grad-cam.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from .bundle import Bundle
from .preprocess import normalize

# Each method computes maps N×h×w from activations and gradients, both N×C×h×w.


def grad_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Weights channels by their mean gradient (Selvaraju et al. 2017)."""
    return (gradient.mean((2, 3), keepdim=True) * activation).sum(1)


def grad_cam_plus_plus(activation: Tensor, gradient: Tensor) -> Tensor:
    """Weights positive gradients by their higher-order terms (Chattopadhay et al. 2018)."""
    squared, cubed = gradient**2, gradient**3
    total = activation.sum((2, 3), keepdim=True)
    weight = torch.where(gradient != 0, squared / (2 * squared + total * cubed + 1e-6), 0.0)
    return ((gradient.clamp_min(0) * weight).sum((2, 3), keepdim=True) * activation).sum(1)


def hires_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Multiplies gradient and activation elementwise (Draelos and Carin 2020)."""
    return (gradient * activation).sum(1)


def layer_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Multiplies positive gradient and activation elementwise (Jiang et al. 2021)."""
    return (gradient.clamp_min(0) * activation).sum(1)


METHODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Grad-CAM": grad_cam,
    "Grad-CAM++": grad_cam_plus_plus,
    "HiResCAM": hires_cam,
    "LayerCAM": layer_cam,
}


def saliency_maps(
    bundle: Bundle,
    images: np.ndarray,
    targets: Sequence[Sequence[int]],
    layer: str,
    method: str = "Grad-CAM",
    shared_scale: bool = False,
) -> list[np.ndarray]:
    """Returns maps of the evidence for the given classes in a target layer.

    Args:
        bundle: the bundle, with its network on the CPU.
        images: uint8, N×H×W×3.
        targets: for each image, the labels to explain.
        layer: the target layer, one of `bundle.config.layers`.
        method: a key of `METHODS`.
        shared_scale: whether the maps of an image keep their sizes relative to each other.

    Returns:
        For each image, float32 maps, targets×h×w at the target layer's resolution, scaled as
        `scale_maps` does.
    """
    config, network = bundle.config, bundle.network
    split = config.layers.index(layer) + 1
    x = normalize(torch.from_numpy(np.array(images)), config.mean, config.std)
    with torch.no_grad():
        activation = network.features[:split](x)
    activation.requires_grad_(True)
    with torch.enable_grad():
        # Copy the leaf: the next operation may work in place, which a leaf does not allow.
        logits = network.head(network.features[split:](activation.clone()))
    maps: list[list[np.ndarray]] = [[] for _ in images]
    for index in range(max(map(len, targets), default=0)):
        rows = [row for row, labels in enumerate(targets) if index < len(labels)]
        target_sum = logits[rows, [targets[row][index] for row in rows]].sum()
        (gradient,) = torch.autograd.grad(target_sum, activation, retain_graph=True)
        evidence = METHODS[method](activation.detach(), gradient).numpy()
        for row in rows:
            maps[row].append(evidence[row])
    empty = np.empty((0, *activation.shape[2:]), np.float32)
    return [
        scale_maps(np.stack(image_maps), shared_scale) if image_maps else empty
        for image_maps in maps
    ]


def scale_maps(maps: np.ndarray, shared: bool = False) -> np.ndarray:
    """Sets negative evidence to 0, then scales maps, float32 targets×h×w, to 0 to 1.

    Without `shared`, the smallest value of each map becomes 0 and its largest 1. With `shared`, the
    largest value of all maps becomes 1. A map without evidence is all 0.
    """
    maps = maps.clip(0)
    if shared:
        return np.asarray(maps / (maps.max() + 1e-7))
    maps = maps - maps.min((1, 2), keepdims=True)
    return np.asarray(maps / (maps.max((1, 2), keepdims=True) + np.float32(1e-7)))
