"""Stops a run whose loss or weights are not finite, and reports the step."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from ...runtime.errors import UserError

REMEDY = (
    "Lower lr_max (if it is auto, set a number) and run again. `git checkout . && dvc checkout`"
    " restores the last commit's results; it also discards all uncommitted changes, including those"
    " in params.yaml."
)


class NanGuard(pl.Callback):
    """Checks the loss of every step.

    Args:
        interval: steps between two checks. On a GPU, each check waits for the GPU.

    Raises:
        UserError: a loss is NaN or infinite.
    """

    def __init__(self, interval: int) -> None:
        self.interval = interval
        self._lr = 0.0
        self._unchecked: list[tuple[int, float, Tensor]] = []  # step from 1, learning rate and loss

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        self._lr = float(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        self._unchecked.append((trainer.global_step, self._lr, outputs["loss"].detach()))
        if len(self._unchecked) >= self.interval or trainer.is_last_batch:
            self._check(trainer)

    def _check(self, trainer: pl.Trainer) -> None:
        losses = torch.stack([loss for _, _, loss in self._unchecked])
        if not bool(losses.isfinite().all()):
            first = int((~losses.isfinite()).nonzero()[0])
            step, lr, loss = self._unchecked[first]
            raise UserError(
                f"The loss is {float(loss)} at step {step} of {trainer.estimated_stepping_batches}"
                f" (epoch {trainer.current_epoch + 1} of {trainer.max_epochs}), at a learning rate"
                f" of {lr:.3g}. {REMEDY}"
            )
        self._unchecked.clear()


def check_weights(network: nn.Module) -> None:
    """Raises UserError if the last step, which no loss checks, made a weight NaN or infinite."""
    for name, tensor in network.state_dict().items():
        if not bool(tensor.isfinite().all()):
            raise UserError(f"The weights ({name}) are not finite after the last step. {REMEDY}")
