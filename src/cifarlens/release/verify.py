"""Runs `make verify`: evaluates the released weights on this machine and compares the results."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..classifier.bundle import BundleError, load_bundle
from ..dataset.arrays import load_dataset
from ..demo import run_dvc
from ..evaluation.metrics import Evaluation, evaluate
from ..evaluation.predictions import predict_all
from ..params import load_params
from ..runtime import paths
from ..runtime.device import choose_device
from ..runtime.errors import UserError
from ..runtime.files import read_json
from ..runtime.stage import run_stage
from .fetch import fetch_release

# Largest difference of a logit between machines. Another order of additions in float32 changes a
# logit by some 1e-5.
TOLERANCE = 1e-3


def main() -> None:
    device = choose_device(load_params().trainer.accelerator)
    fetch_release()
    if run_dvc("repro", "--single-item", "download"):
        raise UserError("Stopped. Fix the error above and run `make verify` again.")
    dataset, released = load_dataset(paths.DATASET), np.load(paths.TEST_LOGITS)
    logits = predict_all(load_bundle(paths.MODEL), dataset.test_images, device, "verify")
    result = evaluate(logits, dataset.test_labels, dataset.classes)
    print(f"Test accuracy: {result.accuracy:.2%} of {result.images:,} images")
    other = int((logits.argmax(axis=1) != released.argmax(axis=1)).sum())
    largest = float(np.abs(logits - released).max())
    if faults := find_faults(other, largest, result, read_json(paths.EVALUATE_METRICS)):
        raise UserError(
            f"On this machine, the released weights give other results: {'; '.join(faults)}."
            " `dvc status` and `git status` show whether code, data or metrics were changed."
        )
    print(
        "The same predictions and metrics as those of the release; logits differ by at most"
        f" {largest:.1e} (allowed: {TOLERANCE:g})."
    )


def find_faults(
    other: int, largest: float, result: Evaluation, metrics: Mapping[str, Any]
) -> list[str]:
    """Returns how the results of this machine differ from the released ones, in words.

    Args:
        other: number of images with another prediction.
        largest: largest difference of a logit.
        result: evaluation on this machine.
        metrics: content of metrics/evaluate.json.
    """
    faults = []
    if other:
        faults.append(f"{other:,} of {result.images:,} predictions differ")
    if largest > TOLERANCE:
        faults.append(f"logits differ by up to {largest:.1e}, more than {TOLERANCE:g}")
    actual = result.metrics()
    for key in ("accuracy", "classes"):
        if actual[key] != metrics[key]:
            faults.append(f"{key} is {actual[key]}, not {metrics[key]}")
    if abs(result.loss - metrics["loss"]) > TOLERANCE:
        faults.append(f"loss is {actual['loss']}, not {metrics['loss']}")
    return faults


if __name__ == "__main__":
    run_stage(main, BundleError)
