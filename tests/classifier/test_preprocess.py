import numpy as np
import torch
from PIL import Image

from cifarlens.classifier.preprocess import fit_image, normalize

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


def test_an_image_of_the_right_size_does_not_change():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(fit_image(Image.fromarray(pixels), 32), pixels)


def test_a_wide_image_is_cropped_to_its_centre_square():
    pixels = np.zeros((64, 192, 3), np.uint8)
    pixels[:, 64:128] = 200
    square = fit_image(Image.fromarray(pixels), 32)
    assert square.shape == (32, 32, 3)
    assert square[:, 2:-2].min() > 190
