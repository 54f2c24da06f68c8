import numpy as np
import pytest

from cifarlens.report.sections.explanations import _similarity


def test_the_similarity_of_flat_maps() -> None:
    slope, flat = np.arange(4.0).reshape(1, 2, 2), np.zeros((1, 2, 2))
    pairs = [(slope, slope), (slope, -slope), (slope, flat), (flat, slope), (flat, flat)]
    values = [float(_similarity(*pair)[0]) for pair in pairs]
    assert values == pytest.approx([1, -1, 0, 0, 1])
