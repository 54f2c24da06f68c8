"""Records the metrics of each epoch, also across a resumed run, and logs them to TensorBoard."""

import math
from dataclasses import asdict, astuple, dataclass, fields
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger
from torchmetrics import MetricCollection
from torchvision.utils import make_grid

from ...classifier.networks import Network
from ...runtime.errors import truncate_for_message
from ..module import Classifier
from .graph import graph_event

LR_INTERVAL = 10  # steps between two learning rates in TensorBoard
SAMPLES = 32  # augmented images in TensorBoard


@dataclass(frozen=True)
class Epoch:
    """Holds the metrics of one epoch.

    Attributes:
        epoch: number of the epoch, from 1.
        lr: learning rate of its last step.
        train_loss: mean cross-entropy on the augmented images, during training.
        train_accuracy: accuracy on the augmented images during training, 0 to 1.
        val_loss: mean cross-entropy on the held-out images after the epoch; None without them.
        val_accuracy: accuracy on the held-out images after the epoch; None without them.
    """

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None

    def row(self) -> tuple[float | None, ...]:
        """Returns the values in the order of `COLUMNS`."""
        return astuple(self)


COLUMNS = tuple(field.name for field in fields(Epoch))


class History(pl.Callback):
    """Collects an `Epoch` after each epoch; the checkpoint contains them."""

    def __init__(self) -> None:
        self.epochs: list[Epoch] = []
        self._lr = math.nan

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": [asdict(epoch) for epoch in self.epochs]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epochs = [Epoch(**epoch) for epoch in state_dict["epochs"]]

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self._lr = float(trainer.optimizers[0].param_groups[0]["lr"])
        board = _board(trainer)
        if board and trainer.global_step % LR_INTERVAL == 0:
            board.add_scalar("lr", self._lr, trainer.global_step)
        if board and trainer.global_step == 0:
            images = batch[0][:SAMPLES].float()
            board.add_image("augmented", make_grid(images, nrow=8, normalize=True), 0)
            assert isinstance(pl_module, Classifier)
            _draw(board, pl_module.network, images.shape[-1])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        train_loss, train_accuracy = _read(pl_module.train_metrics)
        val_loss, val_accuracy = None, None
        if trainer.val_dataloaders:
            val_loss, val_accuracy = _read(pl_module.val_metrics)
        epoch = Epoch(
            trainer.current_epoch + 1,
            float(f"{self._lr:.8g}"),  # drops rounding errors in the last bits
            train_loss,
            train_accuracy,
            val_loss,
            val_accuracy,
        )
        self.epochs.append(epoch)
        metrics = {k: v for k, v in asdict(epoch).items() if "_" in k and v is not None}
        trainer.progress_bar_metrics.update(metrics)
        if board := _board(trainer):
            for name, value in metrics.items():
                board.add_scalar(name.replace("_", "/"), value, epoch.epoch)


def _read(metrics: MetricCollection) -> tuple[float, float]:
    """Returns loss and accuracy since the last reset, and resets the metrics."""
    values = metrics.compute()
    metrics.reset()
    return round(float(values["loss"]), 6), round(float(values["accuracy"]), 6)


def _draw(board: Any, network: Network, image_size: int) -> None:
    """Logs the graph of the network. An error does not stop the training."""
    try:
        board.file_writer.add_event(graph_event(network, image_size))
    except Exception as error:
        reason = truncate_for_message(str(error))
        print(f"Skipping the network graph in TensorBoard: {reason}", flush=True)


def _board(trainer: pl.Trainer) -> Any | None:
    """Returns the TensorBoard writer, or None if this process does not log to TensorBoard."""
    logger = trainer.logger
    if isinstance(logger, TensorBoardLogger) and trainer.is_global_zero:
        return logger.experiment
    return None
