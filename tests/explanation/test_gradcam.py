import numpy as np
import pytest
import torch
from contributed import CONTRIBUTED
from pytorch_grad_cam.utils.image import scale_cam_image

from cifarlens.classifier.bundle import Bundle, BundleConfig
from cifarlens.classifier.networks import NETWORKS
from cifarlens.classifier.saliency import METHODS as SPACE_METHODS
from cifarlens.classifier.saliency import saliency_maps
from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation import gradcam
from cifarlens.explanation.gradcam import METHODS, cam_maps, map_name
from cifarlens.explanation.sanity import check_sanity

CASES = [
    ("custom_resnet", {}),
    ("custom_resnet", {"norm_first": False}),
    ("resnet18", {}),
    *((name, {}) for name in CONTRIBUTED),
]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_maps_equal_those_of_the_space(
    name: str, arguments: dict[str, bool], few_digits: Dataset
) -> None:
    """The Space does not use pytorch-grad-cam; one network changes a layer's output in place."""
    torch.manual_seed(3)
    network = (NETWORKS | CONTRIBUTED)[name](10, width=8, **arguments).eval()
    for module in network.requires_grad_(False).modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after training, all channels differ
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.normal_(module.bias, 0, 0.3)
    third = (0.3, 0.3, 0.3)
    config = BundleConfig(name, arguments, few_digits.classes, third, third, 32, network.layers)
    bundle, images = Bundle(network, config), few_digits.test_images[:2]
    repeated, labels = images[[0, 0, 1]], [0, 7, 4]
    maps = cam_maps(bundle, repeated, labels)
    assert list(METHODS) == list(SPACE_METHODS)
    for layer in network.layers:
        for method in METHODS:
            expected = np.concatenate(saliency_maps(bundle, images, [(0, 7), (4,)], layer, method))
            expected = scale_cam_image(scale_cam_image(expected, (32, 32)))  # as the library does
            np.testing.assert_allclose(maps[map_name(layer, method)], expected, atol=1e-4)
            assert expected.any()  # two empty maps would be equal too
    steps = check_sanity(bundle, repeated, labels, maps).steps
    assert steps == ("head", *reversed(network.layers))


def test_batches_do_not_change_the_maps(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The images are noise: in flat areas of digits, rounding decides which pixel pooling takes."""
    shape, labels = (3, 32, 32, 3), [0, 9, 3]
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    together = cam_maps(bundle, images, labels)
    for maps in together.values():
        assert maps.shape == (3, 32, 32)
        assert maps.dtype == np.float32
        assert 0 <= maps.min() <= maps.max() <= 1
    monkeypatch.setattr(gradcam, "BATCH", 2)
    for name, maps in cam_maps(bundle, images, labels).items():
        np.testing.assert_allclose(together[name], maps, atol=1e-3)
