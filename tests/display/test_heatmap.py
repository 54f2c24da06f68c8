import matplotlib
import numpy as np
import pytest

from cifarlens.display.heatmap import COLOURS, blend, heat_colours, overlay

IMAGE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
RAMP = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)


def test_colours_are_those_of_inferno_without_its_black_end() -> None:
    values = np.linspace(0, 1, 48)
    expected = 255 * matplotlib.colormaps["inferno"](0.28 + 0.72 * values)[:, :3]
    colours = heat_colours(values)
    assert np.abs(colours[:, :3] - expected).max() < 6
    assert tuple(colours[0]) == (*COLOURS[0], 0)
    assert tuple(colours[-1]) == (*COLOURS[-1], 255)


def test_an_overlay_is_enlarged_and_as_opaque_as_the_map_is_high() -> None:
    alpha = overlay(RAMP, 128)[..., 3]
    assert alpha.shape == (128, 128)
    assert alpha[0, 0] < 13
    assert alpha[-1, -1] > 242
    np.testing.assert_array_equal(heat_colours(RAMP)[..., 3], (255 * RAMP).round())


@pytest.mark.parametrize(("value", "opacity"), [(1, 0), (0, 1), (1, 0.5), (1, 1)])
def test_a_blend_mixes_image_and_colour_by_opacity_times_value(value: int, opacity: float) -> None:
    image = IMAGE.repeat(8, axis=0).repeat(8, axis=1)
    mixed = blend(IMAGE, np.full((4, 4), value, np.float32), opacity, 256)
    weight = opacity * value
    expected = image * (1 - weight) + np.array(COLOURS[-1]) * weight
    assert np.abs(mixed - expected).max() <= (0.5 if weight == 0.5 else 0)
