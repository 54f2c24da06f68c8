"""Wraps a network in a LightningModule; knows nothing about files or how images are loaded."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import SingleDeviceStrategy
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
from .cuda_graph import Pass, record

Schedule = Callable[[Optimizer], LRScheduler]
Batch = tuple[Tensor, Tensor]  # images, uint8 N×H×W×3 until on the device; labels, int64 N


class Classifier(pl.LightningModule):
    """Trains a network with Adam and cross-entropy; a schedule sets the learning rate of each step.

    Args:
        network: maps normalised images N×3×H×W to logits N×classes.
        classes: number of classes.
        mean: mean of pixel / 255 per channel.
        std: standard deviation of pixel / 255 per channel.
        optimizer: settings of Adam.
        loss: settings of the cross-entropy.
        lr: learning rate that the schedule starts from.
        schedule: makes the schedule for an optimizer.
        seed: seed of dropout.
        step_size: maps a step of the epoch, from 0, to its images over all processes.
        processes: number of training processes.
        image_size: height and width of an image in pixels.
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
        image_size: int,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.mean, self.std = mean, std
        self.optimizer_params, self.loss, self.lr = optimizer, loss, lr
        self.schedule, self.seed = schedule, seed
        self.step_size, self.processes, self.image_size = step_size, processes, image_size
        self.replay: Pass | None = None
        self.train_metrics = make_metrics(classes)
        self.val_metrics = make_metrics(classes)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Normalises on the device, since uint8 images are four times smaller to transfer."""
        images, labels = batch
        return self._normalize(images), labels

    def _normalize(self, pixels: Tensor) -> Tensor:
        return normalize(pixels, self.mean, self.std)

    def on_fit_start(self) -> None:
        # The loader's threads do not run yet; their CUDA calls would stop the recording.
        strategy = self.trainer.strategy
        single = isinstance(strategy, SingleDeviceStrategy)
        if single and strategy.root_device.type == "cuda" and self.network.static:
            side, half = self.image_size, self.trainer.precision == "bf16-mixed"
            shape = (self.step_size(0), side, side, 3)
            pixels = torch.zeros(shape, dtype=torch.uint8, device=self.device)
            self.replay = record(self.network, self._normalize(pixels), half=half)

    def forward(self, images: Tensor) -> Tensor:
        full = len(images) == self.step_size(0)
        if self.replay is not None and self.training and full:
            return self.replay(images)
        return cast(Tensor, self.network(images))

    def on_train_epoch_start(self) -> None:
        # Dropout depends only on seed, epoch and process, so a resumed run repeats it.
        number = self.current_epoch + MAX_EPOCHS * self.global_rank
        torch.manual_seed(self.seed * 1_000_003 + number)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = self._step(batch, self.train_metrics, self.loss.label_smoothing)
        if self.processes == 1:
            return loss
        # Lightning averages gradients over processes, so the loss is weighted by the share.
        return loss * (len(batch[1]) * self.processes / self.step_size(batch_idx))

    def validation_step(self, batch: Batch, _: int) -> Tensor:
        return self._step(batch, self.val_metrics, 0.0)

    def _step(self, batch: Batch, metrics: MetricCollection, label_smoothing: float) -> Tensor:
        """Returns the loss to minimise; the metrics record the cross-entropy without smoothing."""
        images, labels = batch
        logits = self(images).float()
        loss = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
        plain = F.cross_entropy(logits.detach(), labels, reduction="none")
        cast(MeanMetric, metrics["loss"]).update(plain)  # without NaN checks it ignores weights
        cast(MulticlassAccuracy, metrics["accuracy"]).update(logits.detach(), labels)
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


def make_metrics(classes: int) -> MetricCollection:
    """Returns loss and accuracy metrics, which accumulate on the device over one epoch."""
    kinds: dict[str, Any] = {
        "loss": MeanMetric(nan_strategy="disable"),
        "accuracy": MulticlassAccuracy(classes, average="micro", validate_args=False),
    }
    return MetricCollection(kinds, compute_groups=False)
