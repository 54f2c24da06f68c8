"""The LightningModule around a plain network; knows nothing of files or of how images are fed."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from ..classifier.networks import Network
from ..classifier.preprocess import normalize
from ..params import MAX_EPOCHS, Loss
from ..params import Optimizer as OptimizerParams

Schedule = Callable[[Optimizer], LRScheduler]
Batch = tuple[Tensor, Tensor]  # images, uint8 N×H×W×3 until on the device; labels, int64 N


class Classifier(pl.LightningModule):
    """Trains a network with Adam and cross-entropy on one learning-rate schedule, a rate a step.

    Args:
        network: maps normalised images N×3×H×W to logits N×classes.
        classes: how many.
        mean: of pixel / 255 per channel.
        std: standard deviation likewise.
        optimizer: Adam's settings.
        loss: the cross-entropy's settings.
        lr: the rate the schedule starts from.
        schedule: makes the schedule for an optimizer.
        seed: of dropout.
        step_size: images of a step of the epoch (from 0), those of all processes together.
        processes: that train.
    """

    def __init__(
        self,
        network: Network,
        *,
        classes: int,
        mean: Sequence[float],
        std: Sequence[float],
        optimizer: OptimizerParams,
        loss: Loss,
        lr: float,
        schedule: Schedule,
        seed: int,
        step_size: Callable[[int], int],
        processes: int,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.mean, self.std = mean, std
        self.optimizer_params, self.loss, self.lr = optimizer, loss, lr
        self.schedule, self.seed = schedule, seed
        self.step_size, self.processes = step_size, processes
        self.train_metrics = metrics(classes)
        self.val_metrics = metrics(classes)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Normalises on the device, where it costs nothing and moves four times fewer bytes."""
        images, labels = batch
        return normalize(images, self.mean, self.std), labels

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.network(images))

    def on_train_epoch_start(self) -> None:
        # Dropout depends on epoch and process alone, so a resumed run repeats it.
        place = self.current_epoch + MAX_EPOCHS * self.global_rank
        torch.manual_seed(self.seed * 1_000_003 + place)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = self._step(batch, self.train_metrics, self.loss.label_smoothing)
        if self.processes == 1:
            return loss
        # Gradients are averaged over processes: each counts for its share of the step's images.
        return loss * (len(batch[1]) * self.processes / self.step_size(batch_idx))

    def validation_step(self, batch: Batch, _: int) -> Tensor:
        return self._step(batch, self.val_metrics, 0.0)

    def _step(self, batch: Batch, found: MetricCollection, label_smoothing: float) -> Tensor:
        """The loss to minimise; the metrics count the cross-entropy without smoothing."""
        images, labels = batch
        logits = self(images).float()
        loss = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
        plain = F.cross_entropy(logits.detach(), labels, reduction="none")
        cast(MeanMetric, found["loss"]).update(plain)  # without NaN checks it ignores weights
        cast(MulticlassAccuracy, found["accuracy"]).update(logits.detach(), labels)
        return loss

    def configure_optimizers(self) -> Any:
        adam = self.optimizer_params
        optimizer = Adam(
            self.network.parameters(),
            lr=self.lr,
            betas=(adam.beta1, adam.beta2),
            weight_decay=adam.weight_decay,
            decoupled_weight_decay=adam.decoupled,
            fused=self.device.type == "cuda",
        )
        schedule = {"scheduler": self.schedule(optimizer), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}


def metrics(classes: int) -> MetricCollection:
    """Loss and accuracy, accumulated on the device and read once an epoch."""
    kinds: dict[str, Any] = {
        "loss": MeanMetric(nan_strategy="disable"),
        "accuracy": MulticlassAccuracy(classes, average="micro", validate_args=False),
    }
    return MetricCollection(kinds, compute_groups=False)
