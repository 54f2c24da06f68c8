"""Makes the results of two runs on the same digits, without DVC."""

from dataclasses import replace

import numpy as np
from report_making import HISTORY, RATES, narrow_bundle, noisy_logits

from cifarlens.comparison.results import Results
from cifarlens.dataset.arrays import Dataset
from cifarlens.evaluation.metrics import evaluate


def make_results(dataset: Dataset, name: str, logits: np.ndarray) -> Results:
    """Returns a run with these logits for the test images."""
    metrics = evaluate(logits, dataset.test_labels, dataset.classes).metrics()
    return Results(
        name=name,
        commit="0123abc",
        params={"epochs": 3, "lr_max": "auto"},
        pending={},
        code={"src/cifarlens/training": "1"},
        metrics={"evaluate": metrics, "train": {"val_loss": 0.5}, "lr_find": {}, "gradcam": {}},
        history=HISTORY,
        rates=RATES,
        logits=logits,
        images=dataset.test_images,
        labels=dataset.test_labels,
        classes=dataset.classes,
        bundle=narrow_bundle(dataset.classes),
    )


def two_runs(dataset: Dataset, lost: int, gained: int) -> tuple[Results, Results]:
    """Returns A, and B, which is wrong on the first `lost` images that A gets right, and right on
    the first `gained` images that A gets wrong.
    """
    labels = dataset.test_labels
    logits = noisy_logits(labels, len(dataset.classes), 1.4)
    a = make_results(dataset, "main", logits)
    changed = logits.copy()
    for row in np.flatnonzero(a.hits)[:lost]:
        changed[row, (labels[row] + 1) % len(dataset.classes)] += 20
    for row in np.flatnonzero(~a.hits)[:gained]:
        changed[row, labels[row]] += 20
    b = make_results(dataset, "faster", changed)
    return a, replace(b, commit="4567def", params={"epochs": 3, "lr_max": 0.02})
