import numpy as np
import pytest
import torch
from contributed import CONTRIBUTED

from cifarlens.classifier.bundle import Bundle, BundleConfig
from cifarlens.classifier.saliency import METHODS as SPACE_METHODS
from cifarlens.classifier.saliency import saliency_maps
from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation import gradcam
from cifarlens.explanation.gradcam import GRAD_CAM, METHODS, cam_maps, map_name
from cifarlens.explanation.sanity import check_sanity


def test_maps_equal_those_of_the_space(bundle: Bundle, few_digits: Dataset) -> None:
    """The Space computes each method alone and without hooks."""
    images, labels = few_digits.test_images[:4], [1, 2, 3, 4]
    assert list(METHODS) == list(SPACE_METHODS)
    maps = cam_maps(bundle, images, labels)
    for method in METHODS:
        ours = saliency_maps(bundle, images, [[label] for label in labels], "prep", method)
        # Scaling adds 1e-7, in pytorch-grad-cam twice; this is visible in faint maps.
        expected = np.concatenate(ours)
        np.testing.assert_allclose(maps[map_name("prep", method)], expected, atol=0.01)


@pytest.mark.parametrize("name", CONTRIBUTED)
def test_maps_and_sanity_of_a_contributed_network(name: str, few_digits: Dataset) -> None:
    """The networks include one that changes the output of a layer in place."""
    torch.manual_seed(0)
    network = CONTRIBUTED[name](10, width=4).eval().requires_grad_(False)
    third = (0.3, 0.3, 0.3)
    config = BundleConfig(name, {}, few_digits.classes, third, third, 32, network.layers)
    bundle, images, labels = Bundle(network, config), few_digits.test_images[:2], [3, 8]
    maps = cam_maps(bundle, images, labels)
    for layer in network.layers:
        ours = np.concatenate(saliency_maps(bundle, images, [[3], [8]], layer))
        if ours.shape[1] == 32:
            np.testing.assert_allclose(maps[map_name(layer, GRAD_CAM)], ours, atol=0.02)
    steps = check_sanity(bundle, images, labels, maps).steps
    assert steps == ("head", *reversed(network.layers))


def test_methods_and_batches_together_equal_each_alone(
    bundle: Bundle, few_digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = few_digits.test_images[:3], [0, 9, 3]
    together = cam_maps(bundle, images, labels)
    for maps in together.values():
        assert maps.shape == (3, 32, 32)
        assert maps.dtype == np.float32
        assert 0 <= maps.min() <= maps.max() <= 1
    for method in METHODS:
        for name, maps in cam_maps(bundle, images, labels, [method]).items():
            np.testing.assert_array_equal(together[name], maps)
    monkeypatch.setattr(gradcam, "BATCH", 2)
    for name, maps in cam_maps(bundle, images, labels).items():
        np.testing.assert_allclose(together[name], maps, atol=1e-3)
