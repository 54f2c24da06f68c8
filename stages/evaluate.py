"""Evaluates the network on the test set: logits, metrics, confusion matrix, calibration."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from cifarlens.classifier.bundle import BundleError, load_bundle
from cifarlens.classifier.predict import predict_batches
from cifarlens.dataset.arrays import load_dataset
from cifarlens.evaluation.metrics import evaluate
from cifarlens.figures.confusion import confusion_figure
from cifarlens.figures.reliability import reliability_figure
from cifarlens.figures.style import save_png
from cifarlens.params import load_params
from cifarlens.runtime import paths
from cifarlens.runtime.device import choose_device
from cifarlens.runtime.files import write_array, write_csv, write_json
from cifarlens.runtime.stage import run_stage

CONFUSION = Path("reports/plots/confusion.csv")
CONFUSION_FIGURE = Path("reports/figures/confusion.png")
CALIBRATION = Path("reports/plots/calibration.csv")
CALIBRATION_FIGURE = Path("reports/figures/calibration.png")
PER_CLASS = Path("reports/plots/per_class.csv")


def main() -> None:
    params = load_params()
    device = choose_device(params.trainer.accelerator)
    dataset, bundle = load_dataset(paths.DATASET), load_bundle(paths.MODEL)
    classes, images, labels = dataset.classes, dataset.test_images, dataset.test_labels
    batches = []
    with tqdm(total=len(images), desc="evaluate", unit="image", disable=None) as bar:
        for batch in predict_batches(bundle, images, device=device):
            batches.append(batch)
            bar.update(len(batch))
    logits = np.concatenate(batches)
    result = evaluate(logits, labels, classes)
    write_array(paths.TEST_LOGITS, logits)
    predicted = logits.argmax(axis=1)
    pairs = ((classes[i], classes[j]) for i, j in zip(labels, predicted, strict=True))
    write_csv(CONFUSION, ("actual", "predicted"), pairs)
    write_csv(PER_CLASS, ("class", "accuracy", "images"), result.class_rows())
    rows = result.calibration.rows()
    write_csv(CALIBRATION, ("confidence", "accuracy", "images"), rows)
    save_png(CALIBRATION_FIGURE, reliability_figure(result.calibration))
    save_png(CONFUSION_FIGURE, confusion_figure(result.confusion, classes))
    write_json(paths.EVALUATE_METRICS, result.metrics())
    print(f"Test accuracy: {result.accuracy:.2%} of {result.images:,} images")


if __name__ == "__main__":
    run_stage(main, BundleError)
