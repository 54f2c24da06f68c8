"""Tests saliency maps; explanation/test_gradcam.py compares them with pytorch-grad-cam."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cifarlens.classifier.networks import layer_sizes
from cifarlens.classifier.saliency import METHODS, saliency_maps


def test_shapes_and_range(bundle, few_digits):
    images = few_digits.test_images[:3]
    for layer, (_, height, width) in layer_sizes(bundle.network, 32).items():
        first, second, third = saliency_maps(bundle, images, [(1, 2, 3), (), (9,)], layer)
        assert first.shape == (3, height, width)
        assert second.shape == (0, height, width)
        assert third.shape == (1, height, width)
        assert first.dtype == np.float32
        assert first.min() >= 0
        assert first.max() <= 1


def test_maps_are_correct_in_eight_threads(bundle, few_digits):
    images = few_digits.test_images[:10]
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
            assert np.abs(saliency - reference).max() < 1e-4
