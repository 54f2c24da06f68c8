import numpy as np
from PIL import Image

from cifarlens.pictures.fit import fit_image


def test_an_image_of_the_right_size_does_not_change():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(fit_image(Image.fromarray(pixels), 32), pixels)


def test_a_wide_image_is_cropped_to_its_centre_square():
    pixels = np.zeros((64, 192, 3), np.uint8)
    pixels[:, 64:128] = 200
    square = fit_image(Image.fromarray(pixels), 32)
    assert square.shape == (32, 32, 3)
    assert square[:, 2:-2].min() > 190


def test_padding_keeps_all_of_a_wide_image_between_black_borders():
    square = fit_image(Image.new("RGB", (96, 48), (200, 100, 50)), 32, "pad")
    assert (square[8:24] == (200, 100, 50)).all()
    assert not square[:8].any()
    assert not square[24:].any()
