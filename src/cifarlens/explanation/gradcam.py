"""Grad-CAM and its kin by pytorch-grad-cam, at every layer of a bundle.

Its hooks are not safe among threads, hence a copy of the network for each call.
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

BATCH = 50  # images a pass
GRAD_CAM = "Grad-CAM"
METHODS = {
    GRAD_CAM: GradCAM,  # Selvaraju et al. 2017, arXiv:1610.02391
    "Grad-CAM++": GradCAMPlusPlus,  # Chattopadhay et al. 2018, arXiv:1710.11063
    "HiResCAM": HiResCAM,  # Draelos and Carin 2020, arXiv:2011.08891
    "LayerCAM": LayerCAM,  # Jiang et al. 2021, doi:10.1109/TIP.2021.3089943
}

# By `map_name`, float32 maps N×H×W, enlarged to the image, each from 0 to 1 (all 0 where nothing
# speaks for the class).
Maps = dict[str, np.ndarray]


def map_name(layer: str, method: str) -> str:
    """What a method's maps of a layer are called: `layer3`, `layer3 HiResCAM`."""
    return layer if method == GRAD_CAM else f"{layer} {method}"


def metric_name(test: str, name: str) -> str:
    """The flat name of a test's result: `road_layer3`, `road_layer3_gradcampp`."""
    plain = name.lower().replace("-", "").replace("+", "p").replace(" ", "_")
    return f"{test}_{plain}"


def cam_maps(
    bundle: Bundle,
    images: np.ndarray,
    labels: Sequence[int],
    methods: Iterable[str] = METHODS,
) -> Maps:
    """Where each layer saw what speaks for a class.

    Args:
        bundle: its network is copied, not touched.
        images: uint8, N×H×W×3.
        labels: the label to explain in each image.
        methods: keys of `METHODS`.
    """
    return network_maps(*prepare(bundle, images), labels, methods)


def network_maps(
    network: Network, x: torch.Tensor, labels: Sequence[int], methods: Iterable[str] = METHODS
) -> Maps:
    """As `cam_maps`, of a network's own inputs, float32 N×3×H×W."""
    names = [map_name(layer, method) for method in methods for layer in network.layers]
    maps: Maps = dict.fromkeys(names, np.empty((0, *x.shape[2:]), np.float32))
    for start in range(0, len(x), BATCH):
        batch = x[start : start + BATCH].clone().requires_grad_(True)
        part = _one_pass(network, batch, labels[start : start + BATCH], methods)
        maps = {name: np.concatenate([maps[name], part[name]]) for name in names}
    return maps


def _one_pass(
    network: Network, x: torch.Tensor, labels: Sequence[int], methods: Iterable[str]
) -> Maps:
    """All methods from one pass: each listens to all layers, one of them runs the network."""
    layers = list(network.features)
    targets = [ClassifierOutputTarget(label) for label in labels]
    with ExitStack() as stack:
        cams = {name: stack.enter_context(METHODS[name](network, layers)) for name in methods}
        next(iter(cams.values()))(input_tensor=x, targets=targets)
        return {
            map_name(layer, method): cam.aggregate_multi_layers([one])
            for method, cam in cams.items()
            for layer, one in zip(
                network.layers, cam.compute_cam_per_layer(x, targets, False), strict=True
            )
        }


def prepare(bundle: Bundle, images: np.ndarray) -> tuple[Network, torch.Tensor]:
    """A copy of the network, and what it takes, float32 N×3×H×W, from images uint8 N×H×W×3.

    It is on the CPU, in `eval()`, its weights without gradients. Nothing in it works in place,
    which would change the activations that grad-cam keeps.
    """
    config = bundle.config
    network = copy.deepcopy(bundle.network).cpu().eval().requires_grad_(False)
    for module in network.modules():
        if "inplace" in vars(module):
            vars(module)["inplace"] = False
    return network, normalize(torch.from_numpy(np.array(images)), config.mean, config.std)
