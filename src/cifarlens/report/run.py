"""What the stages before the report found, read from their files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..classifier.bundle import Bundle, BundleConfig
from ..classifier.operations import Layer, network_layers
from ..dataset.arrays import Dataset
from ..evaluation.cases import Case, all_cases
from ..evaluation.metrics import Evaluation, evaluate
from ..figures.training import History, Rates
from ..runtime import paths
from ..runtime.files import read_json
from .sections.glance import Settings
from .tables import load_logits, read_columns, read_full_columns

TRAIN = ("train_loss", "train_accuracy")
VALIDATION = ("val_loss", "val_accuracy")  # of a run that held images out


@dataclass(frozen=True)
class Run:
    """What the other stages found.

    Attributes:
        source: of the data, `data.source`.
        settings: parameters of the run.
        dataset: images and labels.
        config: the bundle's.
        layers: of the network, as `network_layers` finds them.
        cases: the predictions for all test images.
        result: their evaluation.
        stats: content of metrics/stats.json.
        finder: of metrics/lr_find.json.
        curve: columns lr, loss and smooth, a value a step.
        train: of metrics/train.json.
        history: columns as `training_figures` takes them.
        rates: columns step and lr, likewise.
    """

    source: str
    settings: Settings
    dataset: Dataset
    config: BundleConfig
    layers: Sequence[Layer]
    cases: list[Case]
    result: Evaluation
    stats: Mapping[str, Any]
    finder: Mapping[str, Any]
    curve: Mapping[str, Sequence[float]]
    train: Mapping[str, Any]
    history: History
    rates: Rates

    @property
    def test(self) -> tuple[float, float]:
        """Loss and accuracy on the test images."""
        return self.result.loss, self.result.accuracy


def read_run(source: str, settings: Settings, dataset: Dataset, bundle: Bundle) -> Run:
    """Reads the files of `paths`; raises UserError where one is damaged."""
    labels, classes = dataset.test_labels, dataset.classes
    logits = load_logits(paths.TEST_LOGITS, len(labels), len(classes))
    return Run(
        source=source,
        settings=settings,
        dataset=dataset,
        config=bundle.config,
        layers=network_layers(bundle.network, bundle.config.image_size),
        cases=all_cases(logits, labels),
        result=evaluate(logits, labels, classes),
        stats=read_json(paths.STATS_METRICS),
        finder=read_json(paths.LR_FIND_METRICS),
        curve=read_full_columns(paths.LR_CURVE, "lr", "loss", "smooth"),
        train=read_json(paths.TRAIN_METRICS),
        history=read_columns(paths.HISTORY, "epoch", "lr", *TRAIN, optional=VALIDATION),
        rates=read_full_columns(paths.RATES, "step", "lr"),
    )
