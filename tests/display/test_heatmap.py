import numpy as np

from cifarlens.display.heatmap import ANCHORS, blend, colour_table, enlarge, overlay

IMAGE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
RAMP = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)


def test_table_runs_from_first_to_last_colour():
    table = colour_table()
    assert table.shape == (256, 3)
    assert tuple(table[0]) == ANCHORS[0]
    assert tuple(table[255]) == ANCHORS[-1]
    assert len(np.unique(table, axis=0)) > 200


def test_enlarged_maps_stay_in_range():
    large = enlarge(RAMP, 128)
    assert large.shape == (128, 128)
    assert large.min() >= 0
    assert large.max() <= 1
    assert large[-1, -1] > 0.95
    assert large[0, 0] < 0.05


def test_overlay_is_clear_where_the_map_is_zero():
    layer = overlay(np.zeros((4, 4), np.float32))
    assert layer.shape == (128, 128, 4)
    assert not layer[:, :, 3].any()


def test_overlay_is_as_opaque_as_the_map_is_high():
    layer = overlay(np.full((4, 4), 0.5, np.float32), 32)
    assert (layer[:, :, 3] == 128).all()


def test_blend_at_zero_is_the_picture():
    expected = IMAGE.repeat(8, axis=0).repeat(8, axis=1)
    assert (blend(IMAGE, RAMP, 0.0) == expected).all()


def test_blend_at_one_shows_the_pure_colour_of_the_highest_value():
    found = blend(IMAGE, np.ones((4, 4), np.float32), 1.0)
    assert (found == ANCHORS[-1]).all()


def test_blend_is_half_way_at_half_the_opacity():
    found = blend(IMAGE, np.ones((4, 4), np.float32), 0.5).astype(float)
    expected = IMAGE.repeat(8, axis=0).repeat(8, axis=1) * 0.5 + np.array(ANCHORS[-1]) * 0.5
    assert np.abs(found - expected).max() <= 1
