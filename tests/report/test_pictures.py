import base64
import io

import numpy as np
from PIL import Image

from cifarlens.display.heatmap import heat_colours
from cifarlens.report.pictures import heat_uri, image_uri, strip_uri


def decode(uri: str) -> np.ndarray:
    head, content = uri.split(",", 1)
    assert head == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    return np.asarray(picture.convert("RGBA") if picture.mode == "P" else picture)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def test_images_come_back_pixel_for_pixel() -> None:
    image = noise(32, 32, 3)
    np.testing.assert_array_equal(decode(image_uri(image)), image)
    np.testing.assert_array_equal(decode(image_uri(image[:, ::-1])), image[:, ::-1])


def test_strip_lies_side_by_side() -> None:
    images = noise(3, 8, 8, 3)
    strip = decode(strip_uri(images))
    assert strip.shape == (8, 24, 3)
    np.testing.assert_array_equal(strip[:, 8:16], images[1])


def test_heat_is_as_opaque_as_it_is_hot() -> None:
    ramp = np.tile(np.linspace(0, 1, 32, dtype=np.float32), (32, 1))
    picture = decode(heat_uri([ramp, 1 - ramp]))
    assert picture.shape == (64, 32, 4)
    alpha = picture[..., 3].astype(int)
    np.testing.assert_allclose(alpha[0] / 255, ramp[0], atol=0.02)
    np.testing.assert_allclose(alpha[40] / 255, 1 - ramp[0], atol=0.02)
    expected = heat_colours(np.array([1.0]))[0]
    np.testing.assert_allclose(picture[0, -1], expected, atol=1)


def test_heat_maps_are_small() -> None:
    maps = np.random.default_rng(0).random((4, 32, 32)).astype(np.float32)
    assert len(heat_uri(list(maps))) < 6_000
