import numpy as np
import pytest

from cifarlens.classifier.bundle import Bundle
from cifarlens.classifier.predict import predict_logits, softmax
from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation.removal import EXAMPLE_PERCENT, removal_examples


def test_the_right_pixels_are_removed_from_the_right_images(
    bundle: Bundle, few_digits: Dataset
) -> None:
    images = few_digits.test_images[:4]
    inside = np.zeros((32, 32), bool)
    inside[8:24, 8:24] = True  # 256 important pixels; 307 are removed
    maps = np.stack([inside.astype(np.float32)] * 4)
    first, second = removal_examples(bundle, images, [1, 2, 3, 4], maps, [0, 3])
    assert (first.row, second.row) == (0, 3)
    probabilities = softmax(predict_logits(bundle, images))
    assert first.original == pytest.approx(probabilities[0, 1], abs=1e-5)
    assert second.original == pytest.approx(probabilities[3, 4], abs=1e-5)
    for removal, image in ((first, images[0]), (second, images[3])):
        least = (removal.without_least != image).any(axis=2)
        assert least.sum() > 0.5 * EXAMPLE_PERCENT / 100 * 1024
        assert not least[inside].any()
        most = (removal.without_most != image).any(axis=2)
        assert most[inside].any()
        assert most[~inside].sum() <= EXAMPLE_PERCENT / 100 * 1024 - 256 + 1
        assert 0 <= removal.most_removed <= 1
