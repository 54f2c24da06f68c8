import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from cifarlens.classifier.predict import softmax
from cifarlens.evaluation.calibration import BINS, measure_calibration


def test_bins_by_hand() -> None:
    # 100 images with a confidence of 0.8, 60 of them correct: one bin with a gap of 0.2.
    labels = np.array([0] * 60 + [1] * 40)
    calibration = measure_calibration(np.tile([0.8, 0.2], (100, 1)), labels)
    assert calibration.error == pytest.approx(0.2)
    assert calibration.mean_confidence == pytest.approx(0.8)
    assert calibration.rows() == [(0.8, 0.6, 100)]
    assert calibration.filled_bins.tolist() == [11]  # 11/15 to 12/15
    assert np.isnan(calibration.accuracy[0])
    certain = measure_calibration(np.eye(3), np.arange(3))
    assert certain.images[-1] == 3
    assert certain.error == 0


@pytest.mark.parametrize("classes", [2, 10])
def test_the_error_equals_that_of_torchmetrics(classes: int) -> None:
    random = np.random.default_rng(0)
    probabilities = softmax(2 * random.normal(size=(500, classes)))
    labels = random.integers(0, classes, 500)
    tensors = torch.from_numpy(probabilities), torch.from_numpy(labels)
    expected = multiclass_calibration_error(*tensors, classes, n_bins=BINS)
    calibration = measure_calibration(probabilities, labels)
    assert calibration.error == pytest.approx(float(expected), abs=1e-6)
    assert calibration.images.sum() == 500
