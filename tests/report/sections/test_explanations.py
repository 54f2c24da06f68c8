import numpy as np
import pytest

from cifarlens.report.sections.explanations import _alike


def test_maps_of_which_one_is_flat_have_nothing_in_common() -> None:
    slope, flat = np.arange(4.0).reshape(1, 2, 2), np.zeros((1, 2, 2))
    pairs = [(slope, slope), (slope, -slope), (slope, flat), (flat, slope), (flat, flat)]
    found = [float(_alike(*pair)[0]) for pair in pairs]
    assert found == pytest.approx([1, -1, 0, 0, 1])
