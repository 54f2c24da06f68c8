import matplotlib
import numpy as np

from cifarlens.display.heatmap import COLOURS, blend, heat_colours, overlay

IMAGE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
RAMP = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)


def test_colours_are_those_of_inferno_without_its_black_end() -> None:
    values = np.linspace(0, 1, 48)
    expected = 255 * matplotlib.colormaps["inferno"](0.28 + 0.72 * values)[:, :3]
    found = heat_colours(values)
    assert np.abs(found[:, :3] - expected).max() < 6
    assert tuple(found[0]) == (*COLOURS[0], 0)
    assert tuple(found[-1]) == (*COLOURS[-1], 255)


def test_colours_keep_the_shape_and_are_as_opaque_as_the_value_is_high() -> None:
    found = heat_colours(RAMP)
    assert found.shape == (4, 4, 4)
    np.testing.assert_array_equal(found[..., 3], (255 * RAMP).round())


def test_overlay_is_enlarged_and_stays_in_range() -> None:
    alpha = overlay(RAMP, 128)[..., 3]
    assert alpha.shape == (128, 128)
    assert alpha[0, 0] < 13
    assert alpha[-1, -1] > 242


def test_overlay_is_clear_where_the_map_is_zero() -> None:
    assert not overlay(np.zeros((4, 4), np.float32), 128)[..., 3].any()


def test_blend_at_zero_is_the_picture() -> None:
    expected = IMAGE.repeat(8, axis=0).repeat(8, axis=1)
    np.testing.assert_array_equal(blend(IMAGE, RAMP, 0, 256), expected)
    np.testing.assert_array_equal(blend(IMAGE, 0 * RAMP, 1, 256), expected)


def test_blend_at_one_shows_the_pure_colour_of_the_highest_value() -> None:
    found = blend(IMAGE, np.ones((4, 4), np.float32), 1, 256)
    assert (found == COLOURS[-1]).all()


def test_blend_is_half_way_at_half_the_opacity() -> None:
    found = blend(IMAGE, np.ones((32, 32), np.float32), 0.5, 32).astype(float)
    assert np.abs(found - (IMAGE * 0.5 + np.array(COLOURS[-1]) * 0.5)).max() <= 1
