"""Tests both stages as DVC runs them, in a folder with the outputs of the stages before."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from project import edit
from report_making import CURVE, FINDER, HISTORY, RATES, TRAIN, make_run, narrow_bundle

from cifarlens.classifier.bundle import save_bundle
from cifarlens.dataset.arrays import Dataset, save_dataset
from cifarlens.runtime import paths
from cifarlens.runtime.files import read_csv, read_json, write_csv, write_json
from stages import evaluate, gradcam_report


def write_inputs(few_digits: Dataset) -> None:
    """Writes the outputs of the stages before."""
    save_dataset(paths.DATASET, few_digits)
    bundle = narrow_bundle(few_digits.classes)
    save_bundle(paths.MODEL, bundle.network, bundle.config)
    run = make_run(few_digits, np.eye(10, dtype=np.float32)[few_digits.test_labels])
    write_json(paths.STATS_METRICS, run.stats)
    write_json(paths.LR_FIND_METRICS, FINDER)
    write_json(paths.TRAIN_METRICS, TRAIN)
    write_csv(paths.LR_CURVE, list(CURVE), zip(*CURVE.values(), strict=True))
    write_csv(paths.HISTORY, list(HISTORY), zip(*HISTORY.values(), strict=True))
    write_csv(paths.RATES, list(RATES), zip(*RATES.values(), strict=True))


def test_both_stages_write_files_that_agree_and_again_the_same_bytes(
    few_digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy("params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    edit(Path("params.yaml"), "source: cifar10", "source: digits")
    edit(Path("params.yaml"), "accelerator: auto", "accelerator: cpu")
    edit(Path("params.yaml"), "images: 20", "images: 10")
    write_inputs(few_digits)
    evaluate.main()
    metrics = read_json(paths.EVALUATE_METRICS)
    logits = np.load(paths.TEST_LOGITS)
    assert logits.shape == (100, 10)
    assert logits.dtype == np.float32
    hits = int((logits.argmax(1) == few_digits.test_labels).sum())
    assert metrics["correct"] == hits
    assert metrics["accuracy"] == hits / 100
    rows = read_csv(evaluate.CONFUSION)
    assert sum(row["actual"] == row["predicted"] for row in rows) == hits
    assert len(rows) == 100
    for row in read_csv(evaluate.PER_CLASS):
        assert float(row["accuracy"]) == metrics["classes"][row["class"]]
    bins = read_csv(evaluate.CALIBRATION)
    assert sum(int(row["images"]) for row in bins) == 100
    gaps = [abs(float(row["accuracy"]) - float(row["confidence"])) for row in bins]
    error = sum(gap * int(row["images"]) for gap, row in zip(gaps, bins, strict=True)) / 100
    assert error == pytest.approx(metrics["calibration_error"], abs=1e-5)
    for path in (evaluate.CONFUSION_FIGURE, evaluate.CALIBRATION_FIGURE):
        with Image.open(path) as picture:
            assert min(picture.size) > 300
    gradcam_report.main()
    outputs = [
        paths.REPORT,
        gradcam_report.METRICS,
        gradcam_report.TRUST,
        gradcam_report.TRAINING_FIGURE,
        gradcam_report.GALLERY / "misclassified.png",
        gradcam_report.GALLERY / "correct.png",
    ]
    before = [path.read_bytes() for path in outputs]
    gradcam_report.main()
    assert [path.read_bytes() for path in outputs] == before
    assert str(tmp_path).encode() not in before[0]
    assert read_json(gradcam_report.METRICS)["misclassified_images"] == 10
