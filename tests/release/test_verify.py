import numpy as np

from cifarlens.evaluation.metrics import evaluate
from cifarlens.release.verify import TOLERANCE, find_faults


def test_other_predictions_and_logits_are_named_and_last_bits_are_not():
    logits = np.array([[2, 1], [0, 3], [1, 0.5]], np.float32)
    result = evaluate(logits, np.array([0, 1, 0]), ("cat", "dog"))
    metrics = result.metrics()
    assert find_faults(0, 5e-6, result, metrics) == []
    assert find_faults(2, 0.5, result, metrics) == [
        "2 of 3 predictions differ",
        f"logits differ by up to 5.0e-01, more than {TOLERANCE:g}",
    ]
    (fault,) = find_faults(0, 0, result, {**metrics, "classes": {"cat": 0.5, "dog": 1.0}})
    assert fault.startswith("classes is {'cat': 1.0, 'dog': 1.0}, not {'cat': 0.5")
