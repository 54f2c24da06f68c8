"""Reads the results of the stages that run before the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..classifier.bundle import Bundle, BundleConfig
from ..classifier.operations import Layer, network_layers
from ..dataset.arrays import Dataset
from ..dataset.duplicates import shared_images
from ..evaluation.cases import Case, all_cases
from ..evaluation.metrics import Evaluation, evaluate
from ..figures.training import Columns
from ..params import Augment, Loss, Optimizer
from ..runtime import paths
from ..runtime.files import read_csv, read_json


@dataclass(frozen=True)
class RunParams:
    """Holds the parameters that the report shows, as in params.yaml."""

    seed: int
    batch_size: int
    epochs: int
    peak_epoch: float | str
    lr_max: float | str
    lr_min: float | str
    ema_decay: float
    val_size: int
    augment: Augment
    optimizer: Optimizer
    loss: Loss
    repeats: int


@dataclass(frozen=True)
class Run:
    """Holds the results of one training run and its evaluation.

    Attributes:
        source: parameter `data.source`.
        params: parameters of the run.
        dataset: images and labels.
        shared: number of test images that are training images too.
        config: configuration of the bundle.
        layers: layers of the network, from `network_layers`.
        cases: predictions for all test images, with scaled probabilities.
        result: metrics on the test images, without the temperature.
        temperature: divides the logits, see `fit_temperature`; 1 without held-out images.
        scaled: metrics on the test images, with the temperature.
        stats: content of data/stats.json.
        finder: content of metrics/lr_find.json.
        train: content of metrics/train.json.
        curve: columns lr, loss and smooth of the learning-rate finder, one value per step.
        history: columns as in `training_figures`, and `lr`, the learning rate at the end of each
            epoch.
        rates: columns step and lr.
    """

    source: str
    params: RunParams
    dataset: Dataset
    shared: int
    config: BundleConfig
    layers: Sequence[Layer]
    cases: list[Case]
    result: Evaluation
    temperature: float
    scaled: Evaluation
    stats: Mapping[str, Any]
    finder: Mapping[str, Any]
    train: Mapping[str, Any]
    curve: Columns
    history: Columns
    rates: Columns

    @property
    def kept_epoch(self) -> int:
        """Returns the epoch whose weights the run kept."""
        return int(self.train.get("kept_epoch", self.params.epochs))


def read_run(source: str, params: RunParams, dataset: Dataset, bundle: Bundle) -> Run:
    """Reads the metrics, curves and test logits of a run from the files in `paths`."""
    labels, logits = dataset.test_labels, np.load(paths.TEST_LOGITS)
    scaled = logits / bundle.temperature
    return Run(
        source=source,
        params=params,
        dataset=dataset,
        shared=shared_images(dataset),
        config=bundle.config,
        layers=network_layers(bundle.network, bundle.config.image_size),
        cases=all_cases(scaled, labels),
        result=evaluate(logits, labels, dataset.classes),
        temperature=bundle.temperature,
        scaled=evaluate(scaled, labels, dataset.classes),
        stats=read_json(paths.STATS),
        finder=read_json(paths.LR_FIND_METRICS),
        train=read_json(paths.TRAIN_METRICS),
        curve=read_columns(paths.LR_CURVE),
        history=read_columns(paths.HISTORY),
        rates=read_columns(paths.RATES),
    )


def read_columns(path: Path) -> Columns:
    """Returns the columns of a CSV file of numbers, without empty columns."""
    rows = read_csv(path)
    return {name: [float(row[name]) for row in rows] for name in rows[0] if rows[0][name] != "nan"}
