"""Evaluates the network on the test set: logits, metrics, confusion matrix, calibration."""

from pathlib import Path

from cifarlens.classifier.bundle import BundleError, load_bundle
from cifarlens.dataset.arrays import load_dataset
from cifarlens.dataset.split import split
from cifarlens.evaluation.metrics import evaluate
from cifarlens.evaluation.predictions import predict_all
from cifarlens.evaluation.temperature import fit_temperature
from cifarlens.params import load_params
from cifarlens.runtime import paths
from cifarlens.runtime.device import choose_device
from cifarlens.runtime.files import write_array, write_csv, write_json
from cifarlens.runtime.stage import run_stage

CONFUSION = Path("reports/plots/confusion.csv")
CALIBRATION = Path("reports/plots/calibration.csv")
PER_CLASS = Path("reports/plots/per_class.csv")


def main() -> None:
    params = load_params()
    device = choose_device(params.trainer.accelerator)
    dataset, bundle = load_dataset(paths.DATASET), load_bundle(paths.MODEL)
    classes, labels = dataset.classes, dataset.test_labels
    logits = predict_all(bundle, dataset.test_images, device, "evaluate")
    result = evaluate(logits, labels, classes)
    metrics, scaled = result.metrics(), result
    _, held_out = split(dataset.train_labels, params.data.val_size)
    if len(held_out):
        held_out_logits = predict_all(bundle, dataset.train_images[held_out], device, "calibrate")
        temperature = fit_temperature(held_out_logits, dataset.train_labels[held_out])
        scaled = evaluate(logits / temperature, labels, classes)
        metrics["temperature"] = temperature
        metrics |= {f"scaled_{key}": scaled.metrics()[key] for key in ("loss", "calibration_error")}

    write_array(paths.TEST_LOGITS, logits)
    write_csv(CONFUSION, ("actual", "predicted", "images"), result.confusion_rows())
    write_csv(PER_CLASS, ("class", "accuracy", "images"), result.class_rows())
    rows = scaled.calibration.rows()
    write_csv(CALIBRATION, ("confidence", "accuracy", "images"), rows)
    write_json(paths.EVALUATE_METRICS, metrics)
    print(f"Test accuracy: {result.accuracy:.2%} of {result.images:,} images")


if __name__ == "__main__":
    run_stage(main, BundleError)
