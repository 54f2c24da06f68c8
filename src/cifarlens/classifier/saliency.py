"""Saliency maps without hooks, so that any number of threads may share one network.

The network runs to the layer without gradients; its activation becomes a leaf; the rest runs with
gradients. The maps equal pytorch-grad-cam's.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from .bundle import Bundle
from .preprocess import normalize

# A method maps activations and gradients, both N×C×h×w, to maps N×h×w.


def grad_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Channels weighted by their mean gradient (Selvaraju et al. 2017)."""
    return (gradient.mean((2, 3), keepdim=True) * activation).sum(1)


def grad_cam_plus_plus(activation: Tensor, gradient: Tensor) -> Tensor:
    """Positive gradients weighted by their higher orders (Chattopadhay et al. 2018)."""
    squared, cubed = gradient**2, gradient**3
    total = activation.sum((2, 3), keepdim=True)
    weight = torch.where(gradient != 0, squared / (2 * squared + total * cubed + 1e-6), 0.0)
    return ((gradient.clamp_min(0) * weight).sum((2, 3), keepdim=True) * activation).sum(1)


def hires_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Gradient times activation, place by place (Draelos and Carin 2020)."""
    return (gradient * activation).sum(1)


def layer_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Positive gradient times activation, place by place (Jiang et al. 2021)."""
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
) -> list[np.ndarray]:
    """What in a layer speaks for which class.

    Args:
        bundle: the network, on the CPU.
        images: uint8, N×H×W×3.
        targets: labels to explain, a sequence for each image.
        layer: one of `bundle.config.layers`.
        method: a key of `METHODS`.

    Returns:
        For each image float32 maps, targets×h×w at the layer's resolution, each scaled to 0 to 1
        (all 0 where nothing speaks for the class).
    """
    config, network = bundle.config, bundle.network
    split = config.layers.index(layer) + 1
    x = normalize(torch.from_numpy(np.array(images)), config.mean, config.std)
    with torch.no_grad():
        activation = network.features[:split](x)
    activation.requires_grad_(True)
    with torch.enable_grad():
        # A copy: the next operation may work in place, and a leaf must stay as it is.
        logits = network.head(network.features[split:](activation.clone()))
    maps: list[list[np.ndarray]] = [[] for _ in images]
    for turn in range(max(map(len, targets), default=0)):
        rows = [row for row, labels in enumerate(targets) if turn < len(labels)]
        chosen = logits[rows, [targets[row][turn] for row in rows]].sum()
        (gradient,) = torch.autograd.grad(chosen, activation, retain_graph=True)
        scaled = _scale(METHODS[method](activation.detach(), gradient)).numpy()
        for row in rows:
            maps[row].append(scaled[row])
    empty = np.empty((0, *activation.shape[2:]), np.float32)
    return [np.stack(found) if found else empty for found in maps]


def _scale(maps: Tensor) -> Tensor:
    """Negative evidence cut off, then each map stretched to 0 to 1."""
    maps = maps.clamp_min(0)
    maps = maps - maps.amin((1, 2), keepdim=True)
    return maps / (maps.amax((1, 2), keepdim=True) + 1e-7)
