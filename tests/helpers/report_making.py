"""Makes a run from real digits, a narrow network with random weights, and given logits."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cifarlens.classifier.bundle import Bundle, BundleConfig
from cifarlens.classifier.networks import custom_resnet
from cifarlens.classifier.operations import network_layers
from cifarlens.dataset.arrays import Dataset
from cifarlens.evaluation.cases import all_cases
from cifarlens.evaluation.metrics import evaluate
from cifarlens.params import load_params
from cifarlens.report.run import Run, RunParams

HISTORY = {
    "epoch": [1.0, 2.0, 3.0],
    "lr": [0.01, 0.02, 0.001],
    "train_loss": [2.1, 1.0, 0.4],
    "train_accuracy": [0.3, 0.7, 0.9],
    "val_loss": [1.9, 0.9, 0.5],
    "val_accuracy": [0.35, 0.72, 0.88],
}
RATES = {"step": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "lr": [0.001, 0.01, 0.02, 0.0137, 0.0073, 0.001]}
COMMITTED = load_params(Path(__file__).parents[2] / "params.yaml")
PARAMS = RunParams(
    seed=0,
    epochs=3,
    batch_size=512,
    peak_epoch=1.5,
    lr_max="auto",
    lr_min=0.001,
    ema_decay=0.0,
    val_size=100,
    augment=COMMITTED.augment,
    optimizer=COMMITTED.optimizer,
    loss=COMMITTED.loss,
    repeats=2,
)
CURVE = {
    "lr": [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0],
    "loss": [2.4, 2.2, 2.0, 1.2, 1.5, 9.0],
    "smooth": [2.4, 2.3, 2.0, 1.3, 1.6, 7.0],
}
TRAIN = {
    "lr_max": 0.02,
    "lr_min": 0.001,
    "train_loss": 0.4,
    "train_accuracy": 0.9,
    "val_loss": 0.5,
    "val_accuracy": 0.88,
}
FINDER = {"lr_max": 0.02, "lr_min": 0.0001, "lr_valley_start": 0.02, "lr_valley_end": 0.08}


def narrow_bundle(classes: tuple[str, ...], width: int = 4) -> Bundle:
    """Returns a network with random weights."""
    torch.manual_seed(0)
    network = custom_resnet(len(classes), width=width).eval().requires_grad_(False)
    third = (0.31, 0.31, 0.31)
    config = BundleConfig(
        "custom_resnet", {"width": width}, classes, third, third, 32, network.layers
    )
    return Bundle(network, config)


def noisy_logits(labels: np.ndarray, classes: int, noise: float) -> np.ndarray:
    """Returns logits whose largest value is that of the label, less often with more noise."""
    random = np.random.default_rng(0)
    logits = 3 * np.eye(classes)[labels] + noise * random.normal(size=(len(labels), classes))
    return logits.astype(np.float32)


def make_run(dataset: Dataset, logits: np.ndarray, **changes: Any) -> Run:
    """Returns a run with these logits for the test images; `changes` replace attributes."""
    classes = dataset.classes
    temperature = 0.8
    scaled = logits / temperature
    bundle = narrow_bundle(classes)
    run = Run(
        source="digits",
        params=PARAMS,
        dataset=dataset,
        shared=0,
        config=bundle.config,
        layers=network_layers(bundle.network, 32),
        cases=all_cases(scaled, dataset.test_labels),
        result=evaluate(logits, dataset.test_labels, classes),
        temperature=temperature,
        scaled=evaluate(scaled, dataset.test_labels, classes),
        stats={
            "mean": [0.31, 0.31, 0.31],
            "std": [0.35, 0.35, 0.35],
            "images": len(dataset.train_labels),
        },
        finder=FINDER,
        curve=CURVE,
        train=TRAIN,
        history=HISTORY,
        rates=RATES,
    )
    return replace(run, **changes)
