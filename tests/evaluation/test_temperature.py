import numpy as np
import pytest

from cifarlens.classifier.predict import softmax
from cifarlens.evaluation.calibration import measure_calibration
from cifarlens.evaluation.metrics import evaluate
from cifarlens.evaluation.temperature import fit_temperature


def draw(images: int, factor: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns logits that are `factor` times too large, and labels drawn from their softmax."""
    random = np.random.default_rng(seed)
    logits = 2 * random.normal(size=(images, 10))
    labels = np.array([random.choice(10, p=row) for row in softmax(logits)])
    return (factor * logits).astype(np.float32), labels


@pytest.mark.parametrize("factor", [0.3, 1, 4])
def test_the_temperature_undoes_a_wrong_scale(factor: float) -> None:
    temperature = fit_temperature(*draw(20_000, factor))
    assert temperature == pytest.approx(factor, rel=0.03)
    logits, labels = draw(20_000, factor, seed=1)
    after = evaluate(logits / temperature, labels, "0123456789")
    assert after.calibration.error < 0.02
    assert after.accuracy == evaluate(logits, labels, "0123456789").accuracy


def test_correct_predictions_alone_do_not_make_the_network_certain() -> None:
    labels = np.arange(100) % 10
    logits = np.eye(10, dtype=np.float32)[labels]
    scaled = softmax(logits / fit_temperature(logits, labels))
    assert measure_calibration(scaled, labels).mean_confidence == pytest.approx(100.1 / 101)
