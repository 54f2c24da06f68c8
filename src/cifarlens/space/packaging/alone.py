"""Packages a Space from the released weights alone, without CIFAR-10.

Its examples are drawn scenes. It has no misclassified images, since those are CIFAR-10's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...classifier.bundle import WEIGHTS, load_bundle
from ...classifier.predict import predict_logits
from ...dataset.arrays import Dataset
from ...evaluation.calibration import Calibration
from ...evaluation.metrics import Evaluation
from ...params import load_params
from ...release.fetch import fetch_release
from ...runtime import paths
from ...runtime.files import read_csv, read_json
from ...training.recipe import describe_recipe
from .package import Ingredients, describe_test, package_space, read_trust
from .runs import RUNS, read_runs
from .scenes import draw_scenes

TRAIN_IMAGES = 50_000  # of CIFAR-10; the released run holds none out
CONFUSION = Path("reports/plots/confusion.csv")
CALIBRATION = Path("reports/plots/calibration.csv")


def package_alone(target: Path) -> None:
    """Packages the Space in a new folder.

    Raises:
        UserError: the released weights cannot be put in place.
    """
    fetch_release()
    params, metrics = load_params(), read_json(paths.EVALUATE_METRICS)
    bundle = load_bundle(paths.MODEL)
    classes = bundle.config.classes
    scenes = draw_scenes()
    ingredients = Ingredients(
        model=paths.MODEL,
        dataset=Dataset(scenes[:0], np.arange(0), scenes, np.arange(len(classes)), classes),
        test_logits=predict_logits(bundle, scenes),
        test=describe_test(read_result(metrics, classes)),
        train_images=TRAIN_IMAGES,
        trust=read_trust(paths.TRUST),
        lock=paths.LOCK,
        source=params.data.source,
        space=params.space.model_copy(update={"mistakes": 0}),
        opacity=params.gradcam.opacity,
        recipe=describe_recipe(
            epochs=params.epochs,
            batch_size=params.batch_size,
            ema_decay=params.ema_decay,
            peak_epoch=params.peak_epoch,
            augment=params.augment,
            optimizer=params.optimizer,
            loss=params.loss,
            train=read_json(paths.TRAIN_METRICS),
        ),
        runs=read_runs(RUNS, paths.MODEL / WEIGHTS),
    )
    package_space(target, ingredients)


def read_result(metrics: Mapping[str, Any], classes: tuple[str, ...]) -> Evaluation:
    """Returns the results on the test images, which `evaluate` wrote into files.

    Args:
        metrics: content of metrics/evaluate.json.
        classes: class names in the order of the labels.
    """
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    for row in read_csv(CONFUSION):
        confusion[classes.index(row["actual"]), classes.index(row["predicted"])] = row["images"]
    bins = [[float(value) for value in row.values()] for row in read_csv(CALIBRATION)]
    confidence, accuracy, images = np.array(bins).T
    correct = (accuracy * images).round()
    return Evaluation(
        classes=classes,
        accuracy=metrics["accuracy"],
        loss=metrics["loss"],
        calibration=Calibration(images.astype(np.int64), correct.astype(np.int64), confidence),
        class_accuracy=confusion.diagonal() / confusion.sum(axis=1),
        confusion=confusion,
    )
