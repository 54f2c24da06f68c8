import numpy as np
import pytest
import torch
from contributed import CONTRIBUTED

from cifarlens.classifier.bundle import Bundle, BundleConfig
from cifarlens.classifier.saliency import METHODS as SPACE_METHODS
from cifarlens.classifier.saliency import saliency_maps
from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation.gradcam import GRAD_CAM, METHODS, cam_maps, map_name
from cifarlens.explanation.sanity import check_sanity


def gradcam_maps(bundle: Bundle, images: np.ndarray, labels: list[int]) -> dict[str, np.ndarray]:
    return cam_maps(bundle, images, labels, [GRAD_CAM])


def test_maps_of_every_layer_from_0_to_1(bundle: Bundle, few_digits: Dataset) -> None:
    maps = gradcam_maps(bundle, few_digits.test_images[:3], [0, 5, 9])
    assert tuple(maps) == bundle.config.layers
    for found in maps.values():
        assert found.shape == (3, 32, 32)
        assert found.dtype == np.float32
        assert found.min() >= 0
        assert found.max() <= 1
    assert maps["layer3"].max() > 0.99


def test_maps_at_full_resolution_equal_those_without_hooks(
    bundle: Bundle, few_digits: Dataset
) -> None:
    """One pass for all methods gives what each of them gives alone in the Space."""
    images, labels = few_digits.test_images[:4], [1, 2, 3, 4]
    assert list(METHODS) == list(SPACE_METHODS)
    found = cam_maps(bundle, images, labels)
    for method in METHODS:
        ours = saliency_maps(bundle, images, [[label] for label in labels], "prep", method)
        # Both add 1e-7 where they scale, grad-cam twice: it shows where a map was faint.
        np.testing.assert_allclose(found[map_name("prep", method)], np.concatenate(ours), atol=0.01)


@pytest.mark.parametrize("name", CONTRIBUTED)
def test_maps_and_sanity_of_a_contributed_network(name: str, few_digits: Dataset) -> None:
    """Also where a layer changes the one before in place."""
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


def test_methods_together_equal_each_alone(bundle: Bundle, few_digits: Dataset) -> None:
    images, labels = few_digits.test_images[:2], [0, 9]
    together = cam_maps(bundle, images, labels)
    for method in METHODS:
        for name, maps in cam_maps(bundle, images, labels, [method]).items():
            np.testing.assert_array_equal(together[name], maps)


def test_the_explained_class_matters(bundle: Bundle, few_digits: Dataset) -> None:
    images = few_digits.test_images[:2]
    one, other = (gradcam_maps(bundle, images, [label] * 2)["layer3"] for label in (0, 1))
    assert np.abs(one - other).max() > 0.1


def test_many_images_pass_in_batches(bundle: Bundle, few_digits: Dataset) -> None:
    images, labels = few_digits.test_images[:60], [3] * 60
    together = gradcam_maps(bundle, images, labels)["layer2"]
    alone = gradcam_maps(bundle, images[55:57], [3, 3])["layer2"]
    np.testing.assert_allclose(together[55:57], alone, atol=1e-4)


def test_no_images_give_no_maps(bundle: Bundle, few_digits: Dataset) -> None:
    assert gradcam_maps(bundle, few_digits.test_images[:0], [])["prep"].shape == (0, 32, 32)


def test_the_bundle_stays_as_it_was(bundle: Bundle, few_digits: Dataset) -> None:
    before = [parameter.clone() for parameter in bundle.network.parameters()]
    gradcam_maps(bundle, few_digits.test_images[:2], [0, 1])
    for old, new in zip(before, bundle.network.parameters(), strict=True):
        assert torch.equal(old, new)
        assert not new.requires_grad
        assert new.grad is None
    assert not any(module._forward_hooks for module in bundle.network.modules())
