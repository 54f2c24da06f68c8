"""Records the metrics of each epoch, also across a resumed run."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from typing import Any

import pytorch_lightning as pl
from torchmetrics import MetricCollection

from ..module import Classifier


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

    def metrics(self) -> dict[str, float]:
        """Returns loss and accuracy by name, those on the held-out images first."""
        names = ("val_accuracy", "val_loss", "train_accuracy", "train_loss")
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}


COLUMNS = tuple(field.name for field in fields(Epoch))


class History(pl.Callback):
    """Collects an `Epoch` after each epoch; the checkpoint contains them.

    Args:
        save: called in the first process with all epochs so far, after each one and on resume.
    """

    def __init__(self, save: Callable[[Sequence[Epoch]], None]) -> None:
        self.epochs: list[Epoch] = []
        self._save = save
        self._lr = math.nan

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": [asdict(epoch) for epoch in self.epochs]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epochs = [Epoch(**epoch) for epoch in state_dict["epochs"]]

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if self.epochs and trainer.is_global_zero:
            self._save(self.epochs)

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        self._lr = float(trainer.optimizers[0].param_groups[0]["lr"])

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
        if trainer.is_global_zero:
            self._save(self.epochs)


def _read(metrics: MetricCollection) -> tuple[float, float]:
    """Returns loss and accuracy since the last reset, and resets the metrics."""
    values = metrics.compute()
    metrics.reset()
    return round(float(values["loss"]), 6), round(float(values["accuracy"]), 6)
