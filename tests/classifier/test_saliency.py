import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from contributed import CONTRIBUTED
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from cifarlens.classifier.bundle import Bundle, BundleConfig
from cifarlens.classifier.networks import NETWORKS, layer_sizes
from cifarlens.classifier.preprocess import normalize
from cifarlens.classifier.saliency import METHODS, saliency_maps

ORACLES = {
    "Grad-CAM": GradCAM,
    "Grad-CAM++": GradCAMPlusPlus,
    "HiResCAM": HiResCAM,
    "LayerCAM": LayerCAM,
}
WIDTH = 8
TOLERANCE = 1e-4


def make_bundle(architecture: str, **arguments: object) -> Bundle:
    torch.manual_seed(3)
    network = NETWORKS[architecture](10, width=WIDTH, **arguments)
    for module in network.modules():  # as after training, all channels differ
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.normal_(module.bias, 0, 0.3)
    classes = tuple("abcdefghij")
    mean, std = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
    config = BundleConfig(
        architecture, {"width": WIDTH, **arguments}, classes, mean, std, 32, network.layers
    )
    return Bundle(network.eval().requires_grad_(False), config)


def make_images(count: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, 32, 32, 3), np.uint8)


def oracle(bundle: Bundle, image: np.ndarray, label: int, layer: str, method: str) -> np.ndarray:
    """Returns the map of pytorch-grad-cam, 32×32."""
    network = copy.deepcopy(bundle.network).requires_grad_(True)
    x = normalize(torch.from_numpy(image[None]), bundle.config.mean, bundle.config.std)
    target = network.features[bundle.config.layers.index(layer)]
    with ORACLES[method](network, [target]) as cam:
        return cam(x, [ClassifierOutputTarget(label)])[0]


@pytest.mark.parametrize("name", CONTRIBUTED)
def test_maps_of_a_contributed_network_equal_those_of_grad_cam(name, monkeypatch):
    """The oracle gets a copy of the network in which no module works in place."""
    monkeypatch.setitem(NETWORKS, name, CONTRIBUTED[name])
    bundle, images = make_bundle(name), make_images(1)
    plain = copy.deepcopy(bundle)
    for module in plain.network.modules():
        vars(module).update(inplace=False)
    for layer in bundle.config.layers:
        ((saliency,),) = saliency_maps(bundle, images, [(3,)], layer)
        expected = oracle(plain, images[0], 3, layer, "Grad-CAM")
        enlarged = scale_cam_image(scale_cam_image(saliency[None], (32, 32)))[0]
        assert np.abs(enlarged - expected).max() < TOLERANCE, layer


CASES = [
    (architecture, arguments, layer)
    for architecture, arguments in [
        ("custom_resnet", {}),
        ("custom_resnet", {"norm_first": False}),
        ("resnet18", {}),
    ]
    for layer in NETWORKS[architecture](10, width=WIDTH).layers
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("architecture", "arguments", "layer"), CASES)
def test_maps_equal_those_of_grad_cam(architecture, arguments, layer, method):
    bundle, images = make_bundle(architecture, **arguments), make_images(2)
    targets = [(0, 7), (4,)]
    maps = saliency_maps(bundle, images, targets, layer, method)
    not_empty = 0
    for image, labels, image_maps in zip(images, targets, maps, strict=True):
        for label, saliency in zip(labels, image_maps, strict=True):
            expected = oracle(bundle, image, label, layer, method)
            enlarged = scale_cam_image(scale_cam_image(saliency[None], (32, 32)))[0]
            assert np.abs(enlarged - expected).max() < TOLERANCE
            not_empty += expected.any()
    assert not_empty  # two empty maps would be equal too


def test_shapes_and_range():
    bundle, images = make_bundle("custom_resnet"), make_images(3)
    for layer, (_, height, width) in layer_sizes(bundle.network, 32).items():
        first, second, third = saliency_maps(bundle, images, [(1, 2, 3), (), (9,)], layer)
        assert first.shape == (3, height, width)
        assert second.shape == (0, height, width)
        assert third.shape == (1, height, width)
        assert first.dtype == np.float32
        assert first.min() >= 0
        assert first.max() <= 1


def test_maps_are_correct_in_eight_threads():
    bundle, images = make_bundle("custom_resnet"), make_images(10)
    jobs = [
        (number % len(images), number % 10, layer, list(METHODS)[number % 4])
        for number in range(50)
        for layer in bundle.config.layers
    ]

    def compute(job: tuple[int, int, str, str]) -> np.ndarray:
        number, label, layer, method = job
        return saliency_maps(bundle, images[number][None], [(label,)], layer, method)[0][0]

    expected = [compute(job) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        for saliency, reference in zip(pool.map(compute, jobs), expected, strict=True):
            assert np.abs(saliency - reference).max() < TOLERANCE
