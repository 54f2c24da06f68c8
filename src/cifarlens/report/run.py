"""The results of the stages before the report, read from their files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..classifier.bundle import Bundle, BundleConfig
from ..classifier.operations import Layer, network_layers
from ..dataset.arrays import Dataset
from ..evaluation.cases import Case, all_cases
from ..evaluation.metrics import Evaluation, evaluate
from ..figures.training import Columns
from ..params import Augment, Loss, Optimizer
from ..runtime import paths
from ..runtime.files import read_csv, read_json


@dataclass(frozen=True)
class RunParams:
    """The parameters that the report names, as in params.yaml."""

    seed: int
    batch_size: int
    peak_epoch: float
    lr_max: float | str
    lr_min: float | str
    val_size: int
    augment: Augment
    optimizer: Optimizer
    loss: Loss


@dataclass(frozen=True)
class Run:
    """A training and the evaluation of its network.

    Attributes:
        source: of the data, `data.source`.
        params: of the run.
        dataset: images and labels.
        config: the bundle's.
        layers: of the network, as `network_layers` finds them.
        cases: the predictions for all test images.
        result: their evaluation.
        stats: content of metrics/stats.json.
        finder: of metrics/lr_find.json.
        train: of metrics/train.json.
        curve: columns lr, loss and smooth, a value a step.
        history: columns as `training_figures` takes them, and `lr` at the end of each epoch.
        rates: columns step and lr.
    """

    source: str
    params: RunParams
    dataset: Dataset
    config: BundleConfig
    layers: Sequence[Layer]
    cases: list[Case]
    result: Evaluation
    stats: Mapping[str, Any]
    finder: Mapping[str, Any]
    train: Mapping[str, Any]
    curve: Columns
    history: Columns
    rates: Columns


def read_run(source: str, params: RunParams, dataset: Dataset, bundle: Bundle) -> Run:
    """Reads the files of `paths`."""
    labels, logits = dataset.test_labels, np.load(paths.TEST_LOGITS)
    return Run(
        source=source,
        params=params,
        dataset=dataset,
        config=bundle.config,
        layers=network_layers(bundle.network, bundle.config.image_size),
        cases=all_cases(logits, labels),
        result=evaluate(logits, labels, dataset.classes),
        stats=read_json(paths.STATS_METRICS),
        finder=read_json(paths.LR_FIND_METRICS),
        train=read_json(paths.TRAIN_METRICS),
        curve=read_columns(paths.LR_CURVE),
        history=read_columns(paths.HISTORY),
        rates=read_columns(paths.RATES),
    )


def read_columns(path: Path) -> Columns:
    """The columns of a CSV file of numbers; an empty one is left out."""
    rows = read_csv(path)
    return {name: [float(row[name]) for row in rows] for name in rows[0] if rows[0][name]}
