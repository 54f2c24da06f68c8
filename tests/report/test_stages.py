"""Tests both stages as DVC runs them, in a folder with the outputs of the stages before."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from project import edit
from report_making import CURVE, FINDER, HISTORY, RATES, TRAIN, make_run, narrow_bundle

from cifarlens.classifier.bundle import load_bundle, save_bundle
from cifarlens.classifier.predict import predict_logits
from cifarlens.dataset.arrays import Dataset, save_dataset
from cifarlens.dataset.split import split
from cifarlens.evaluation.temperature import fit_temperature
from cifarlens.runtime import paths
from cifarlens.runtime.files import read_csv, read_json, write_csv, write_json
from stages import evaluate, gradcam_report


def write_inputs(few_digits: Dataset) -> None:
    """Writes the outputs of the stages before."""
    save_dataset(paths.DATASET, few_digits)
    bundle = narrow_bundle(few_digits.classes)
    save_bundle(paths.MODEL, bundle.network, bundle.config)
    run = make_run(few_digits, np.eye(10, dtype=np.float32)[few_digits.test_labels])
    write_json(paths.STATS, run.stats)
    write_json(paths.LR_FIND_METRICS, FINDER)
    write_json(paths.TRAIN_METRICS, TRAIN)
    write_csv(paths.LR_CURVE, list(CURVE), zip(*CURVE.values(), strict=True))
    write_csv(paths.HISTORY, list(HISTORY), zip(*HISTORY.values(), strict=True))
    write_csv(paths.RATES, list(RATES), zip(*RATES.values(), strict=True))


def test_both_stages_write_tables_that_agree_with_the_metrics(
    few_digits: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy("params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    edit(Path("params.yaml"), "source: cifar10", "source: digits")
    edit(Path("params.yaml"), "accelerator: auto", "accelerator: cpu")
    edit(Path("params.yaml"), "images: 20", "images: 10")
    edit(Path("params.yaml"), "val_size: 0", "val_size: 50")
    write_inputs(few_digits)
    evaluate.main()
    metrics = read_json(paths.EVALUATE_METRICS)
    for row in read_csv(evaluate.PER_CLASS):
        assert float(row["accuracy"]) == metrics["classes"][row["class"]]
    bins = read_csv(evaluate.CALIBRATION)
    assert sum(int(row["images"]) for row in bins) == 100
    # The temperature comes from the 50 held-out images, not from the 100 test images.
    _, held_out = split(few_digits.train_labels, 50)
    logits = predict_logits(load_bundle(paths.MODEL), few_digits.train_images[held_out])
    temperature = fit_temperature(logits, few_digits.train_labels[held_out])
    assert metrics["temperature"] == pytest.approx(temperature, rel=1e-3)
    assert metrics["scaled_loss"] < metrics["loss"]
    gradcam_report.main()
    assert read_json(gradcam_report.METRICS)["road_random"] is not None
    accuracy = f"Test accuracy: {metrics['accuracy']:.2%}"
    output = capsys.readouterr().out
    assert output == f"{accuracy} of 100 images\n{accuracy}. Report: reports/index.html\n"
