import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from cifarlens.classifier.predict import softmax
from cifarlens.evaluation.calibration import BINS, calibrate


def test_one_bin_by_hand() -> None:
    # 100 images at a confidence of 0.8, 60 of them right: one bin, off by 0.2.
    labels = np.array([0] * 60 + [1] * 40)
    found = calibrate(np.tile([0.8, 0.2], (100, 1)), labels)
    assert found.error == pytest.approx(0.2)
    assert found.mean_confidence == pytest.approx(0.8)
    assert found.rows() == [(0.8, 0.6, 100)]
    assert found.filled.tolist() == [11]  # 11/15 to 12/15
    assert np.isnan(found.accuracy[0])


@pytest.mark.parametrize("classes", [2, 10])
def test_the_error_agrees_with_torchmetrics(classes: int) -> None:
    random = np.random.default_rng(0)
    probabilities = softmax(2 * random.normal(size=(500, classes)))
    labels = random.integers(0, classes, 500)
    tensors = torch.from_numpy(probabilities), torch.from_numpy(labels)
    expected = multiclass_calibration_error(*tensors, classes, n_bins=BINS)
    found = calibrate(probabilities, labels)
    assert found.error == pytest.approx(float(expected), abs=1e-6)
    assert found.images.sum() == 500


def test_certainty_belongs_to_the_last_bin() -> None:
    found = calibrate(np.eye(3), np.arange(3))
    assert found.images[-1] == 3
    assert found.error == 0
