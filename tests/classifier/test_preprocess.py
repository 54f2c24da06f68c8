import numpy as np
import torch

from cifarlens.classifier.preprocess import normalize

MEAN, STD = (0.5, 0.25, 0.0), (0.5, 0.25, 1.0)


def test_normalize_is_pixel_over_255_standardised():
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), np.uint8)
    actual = normalize(torch.from_numpy(images), MEAN, STD)
    expected = ((images / 255 - MEAN) / STD).transpose(0, 3, 1, 2)
    assert actual.dtype == torch.float32
    assert actual.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(actual.numpy(), expected, atol=1e-5)


def test_normalize_supports_training_after_inference():
    pixels, mean = torch.zeros((1, 2, 2, 3), dtype=torch.uint8), [0.1, 0.2, 0.3]  # not in the cache
    with torch.inference_mode():
        first = normalize(pixels, mean, STD)
    weight = torch.ones(3, 1, 1, requires_grad=True)
    (normalize(pixels, mean, STD) * weight).sum().backward()
    np.testing.assert_allclose(weight.grad.flatten(), first.sum((0, 2, 3)))
