import numpy as np
import pytest

from cifarlens.classifier.bundle import Bundle
from cifarlens.classifier.predict import predict_logits, softmax
from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation.removal import SHARE, remove


def test_removed_pixels_and_what_is_left_of_the_answer(bundle: Bundle, few_digits: Dataset) -> None:
    images = few_digits.test_images[:4]
    maps = np.zeros((4, 32, 32), np.float32)
    maps[:, 8:24, 8:24] = 1  # more than the share to remove, and all that matters
    first, second = remove(bundle, images, [1, 2, 3, 4], maps, [0, 3])
    assert (first.place, second.place) == (0, 3)
    shares = softmax(predict_logits(bundle, images))
    assert first.untouched == pytest.approx(shares[0, 1], abs=1e-5)
    assert second.untouched == pytest.approx(shares[3, 4], abs=1e-5)
    for found, image in ((first, images[0]), (second, images[3])):
        outside = np.ones((32, 32), bool)
        outside[8:24, 8:24] = False
        least = (found.without_least != image).any(axis=2)
        assert least.sum() > 0.5 * SHARE / 100 * 1024
        assert not least[~outside].any()
        most = (found.without_most != image).any(axis=2)
        assert most[~outside].any()
        assert most[outside].sum() <= SHARE / 100 * 1024 - 256 + 1
        assert 0 <= found.most <= 1
