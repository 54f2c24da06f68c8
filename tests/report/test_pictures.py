import base64
import io

import numpy as np
from PIL import Image

from cifarlens.display.heatmap import heat_colours
from cifarlens.report.pictures import (
    confusion_picture,
    heat_picture,
    heat_uri,
    image_uri,
    strip_uri,
)


def decode(uri: str) -> np.ndarray:
    head, content = uri.split(",", 1)
    assert head == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    return np.asarray(picture.convert("RGBA") if picture.mode == "P" else picture)


def test_images_are_exact_alone_and_side_by_side() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    np.testing.assert_array_equal(decode(image_uri(images[0][:, ::-1])), images[0][:, ::-1])
    np.testing.assert_array_equal(decode(strip_uri(images)), np.concatenate(list(images), axis=1))


def test_opacity_and_colour_follow_the_value_of_a_heat_map() -> None:
    ramp = np.tile(np.linspace(0, 1, 32, dtype=np.float32), (32, 1))
    picture = decode(heat_uri([ramp, 1 - ramp]))
    assert picture.shape == (64, 32, 4)
    alpha = picture[..., 3].astype(int)
    np.testing.assert_allclose(alpha[0] / 255, ramp[0], atol=0.02)
    np.testing.assert_allclose(alpha[40] / 255, 1 - ramp[0], atol=0.02)
    expected = heat_colours(np.array([1.0]))[0]
    np.testing.assert_allclose(picture[0, -1], expected, atol=1)


def test_maps_that_mark_nothing_are_named_for_screen_readers() -> None:
    empty, map_ = np.zeros((4, 4), np.float32), np.eye(4, dtype=np.float32)
    names = ("prep", "layer1", "layer2")
    picture = heat_picture([empty, map_, empty], names)
    assert picture["uri"] == heat_uri([empty, map_, empty])
    assert (picture["empty"], picture["note"]) == ([0, 2], ", no map at prep, layer2")
    assert heat_picture([map_], names)["note"] == ""
    assert heat_picture([empty], names)["note"] == ", no map"


def test_a_confusion_matrix_is_blue_where_right_and_rare_errors_are_visible() -> None:
    picture = confusion_picture(np.array([[99, 1, 0], [0, 0, 0], [0, 4, 0]]))
    assert picture[..., 3].tolist() == [[254, 26, 0], [0, 0, 0], [0, 255, 0]]
    assert picture[0, 0, :3].tolist() == [0, 114, 178]
    assert picture[0, 1, :3].tolist() == picture[2, 1, :3].tolist() == [213, 94, 0]
