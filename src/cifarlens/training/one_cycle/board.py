"""Logs a run to TensorBoard while it trains: curves, images, the network and its settings."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger
from torchvision.utils import make_grid

from ...classifier.networks import Network
from ...runtime.errors import truncate_for_message
from ...runtime.paths import LOGS
from ..module import Classifier
from .ema import select_epoch
from .graph import graph_event
from .history import History
from .schedule import Recipe

LR_INTERVAL = 10  # steps between two learning rates
SAMPLES = 32  # augmented images


class Board(pl.Callback):
    """Writes to the trainer's TensorBoard logger; only the first process does.

    Args:
        history: history of the same run; must come before this among the callbacks.
        recipe: recipe of the run.
        settings: further parameters to list with the final metrics, names and values or sections.
    """

    def __init__(self, history: History, recipe: Recipe, settings: Mapping[str, Any]) -> None:
        self._history, self._recipe, self._settings = history, recipe, settings

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if not trainer.is_global_zero or trainer.global_step % LR_INTERVAL:
            return
        writer = _logger(trainer).experiment
        writer.add_scalar("lr", trainer.optimizers[0].param_groups[0]["lr"], trainer.global_step)
        if trainer.global_step == 0:
            images = batch[0][:SAMPLES].float()
            writer.add_image("augmented", make_grid(images, nrow=8, normalize=True), 0)
            assert isinstance(pl_module, Classifier)
            _draw(writer, pl_module.network, images.shape[-1])

    def on_train_epoch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if not trainer.is_global_zero:
            return
        writer, epoch = _logger(trainer).experiment, self._history.epochs[-1]
        values = {name.replace("_", "/"): value for name, value in epoch.metrics().items()}
        for name, value in {**values, "epoch": epoch.epoch}.items():
            writer.add_scalar(name, value, trainer.global_step - 1)  # the step that ends the epoch
        writer.flush()

    def on_train_end(self, trainer: pl.Trainer, *_: Any) -> None:
        metrics = select_epoch(self._recipe.keep, self._history.epochs).metrics()
        final = {f"final/{name}": value for name, value in metrics.items()}
        _logger(trainer).log_hyperparams({**self._recipe._asdict(), **self._settings}, final)


def _draw(writer: Any, network: Network, image_size: int) -> None:
    """Logs the graph of the network. An error does not stop the training."""
    try:
        writer.file_writer.add_event(graph_event(network, image_size))
    except Exception as error:
        reason = truncate_for_message(str(error))
        print(f"Skipping the network graph in TensorBoard: {reason}", flush=True)


def _logger(trainer: pl.Trainer) -> TensorBoardLogger:
    assert isinstance(trainer.logger, TensorBoardLogger)
    return trainer.logger


def log_name(network: str) -> str:
    """Returns a name for the log of a new run: that of the experiment or network, and the time."""
    return f"{os.environ.get('DVC_EXP_NAME') or network}_{time.strftime('%Y-%m-%d_%H-%M-%S')}"


def log_folder() -> Path:
    """Returns the folder of all logs, in the checkout that the user works in.

    DVC runs a queued experiment in a temporary folder; DVC_ROOT names the checkout.
    """
    return Path(os.environ.get("DVC_ROOT", "")) / LOGS
