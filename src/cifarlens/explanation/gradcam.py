"""Computes Grad-CAM and three related methods with pytorch-grad-cam, at every layer of a bundle.

The hooks of pytorch-grad-cam are not thread-safe, so each call works on a copy of the network.
"""

import copy
from collections.abc import Iterable, Sequence
from contextlib import ExitStack

import numpy as np
import torch
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from ..classifier.bundle import Bundle
from ..classifier.networks import Network
from ..classifier.preprocess import normalize

BATCH = 50  # images per pass
GRAD_CAM = "Grad-CAM"
METHODS = {
    GRAD_CAM: GradCAM,  # Selvaraju et al. 2017, arXiv:1610.02391
    "Grad-CAM++": GradCAMPlusPlus,  # Chattopadhay et al. 2018, arXiv:1710.11063
    "HiResCAM": HiResCAM,  # Draelos and Carin 2020, arXiv:2011.08891
    "LayerCAM": LayerCAM,  # Jiang et al. 2021, doi:10.1109/TIP.2021.3089943
}

# Saliency maps by `map_name`, float32 N×H×W, resized to the image, each from 0 to 1. A map is all 0
# if the layer has no evidence for the class.
Maps = dict[str, np.ndarray]


def map_name(layer: str, method: str) -> str:
    """Returns the name of a method's maps of a layer: `layer3`, `layer3 HiResCAM`."""
    return layer if method == GRAD_CAM else f"{layer} {method}"


def cam_maps(
    bundle: Bundle,
    images: np.ndarray,
    labels: Sequence[int],
    methods: Iterable[str] = METHODS,
) -> Maps:
    """Computes saliency maps of a class at every layer.

    Args:
        bundle: network to explain; the function works on a copy.
        images: uint8, N×H×W×3.
        labels: label to explain in each image.
        methods: keys of `METHODS`.
    """
    return network_maps(*prepare_network(bundle, images), labels, methods)


def network_maps(
    network: Network, x: torch.Tensor, labels: Sequence[int], methods: Iterable[str] = METHODS
) -> Maps:
    """Computes the maps of `cam_maps` from normalised images, float32 N×3×H×W."""
    names = [map_name(layer, method) for method in methods for layer in network.layers]
    maps: Maps = dict.fromkeys(names, np.empty((0, *x.shape[2:]), np.float32))
    for start in range(0, len(x), BATCH):
        batch = x[start : start + BATCH].clone().requires_grad_(True)
        batch_maps = _batch_maps(network, batch, labels[start : start + BATCH], methods)
        maps = {name: np.concatenate([maps[name], batch_maps[name]]) for name in names}
    return maps


def _batch_maps(
    network: Network, x: torch.Tensor, labels: Sequence[int], methods: Iterable[str]
) -> Maps:
    """Computes all methods in one pass: each method hooks all layers, one runs the network."""
    layers = list(network.features)
    targets = [ClassifierOutputTarget(label) for label in labels]
    with ExitStack() as stack:
        cams = {name: stack.enter_context(METHODS[name](network, layers)) for name in methods}
        next(iter(cams.values()))(input_tensor=x, targets=targets)
        return {
            map_name(layer, method): cam.aggregate_multi_layers([layer_maps])
            for method, cam in cams.items()
            for layer, layer_maps in zip(
                network.layers, cam.compute_cam_per_layer(x, targets, False), strict=True
            )
        }


def prepare_network(bundle: Bundle, images: np.ndarray) -> tuple[Network, torch.Tensor]:
    """Returns a copy of the network and its normalised input, float32 N×3×H×W.

    The copy is on the CPU, in `eval()` mode and has frozen weights. Its in-place operations are
    switched off, because they would change the activations that pytorch-grad-cam stores.

    Args:
        bundle: network to copy.
        images: uint8, N×H×W×3.
    """
    network = copy.deepcopy(bundle.network).cpu().eval().requires_grad_(False)
    for module in network.modules():
        if "inplace" in vars(module):
            vars(module)["inplace"] = False
    return network, normalize_images(bundle, images)


def normalize_images(bundle: Bundle, images: np.ndarray) -> torch.Tensor:
    """Returns the input of a bundle's network, float32 N×3×H×W, for images, uint8 N×H×W×3."""
    config = bundle.config
    return normalize(torch.from_numpy(np.array(images)), config.mean, config.std)
