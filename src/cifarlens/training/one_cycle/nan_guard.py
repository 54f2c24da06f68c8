"""Stops a run whose numbers have left all sense, at once and with the step at which they did."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from ...runtime.errors import UserError

REMEDY = (
    "lower lr_max (or set a number, if it is auto) and run again; `git checkout . && dvc checkout`"
    " brings the last results back."
)


class NanGuard(pl.Callback):
    """Looks at every step's loss.

    Args:
        every: steps between two looks. On a GPU each look makes it wait for the CPU.

    Raises:
        UserError: a loss was NaN or infinite.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._lr = 0.0
        self._unseen: list[tuple[int, float, Tensor]] = []  # step from 1, its rate and loss

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        self._lr = float(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        self._unseen.append((trainer.global_step, self._lr, outputs["loss"].detach()))
        if len(self._unseen) >= self.every or trainer.is_last_batch:
            self._look(trainer)

    def _look(self, trainer: pl.Trainer) -> None:
        losses = torch.stack([loss for _, _, loss in self._unseen])
        if not bool(losses.isfinite().all()):
            first = int((~losses.isfinite()).nonzero()[0])
            step, lr, loss = self._unseen[first]
            raise UserError(
                f"The loss is {float(loss)} at step {step} of {trainer.estimated_stepping_batches}"
                f" (epoch {trainer.current_epoch + 1} of {trainer.max_epochs}), at a learning rate"
                f" of {lr:.3g}: {REMEDY}"
            )
        self._unseen.clear()


def check_weights(network: nn.Module) -> None:
    """Raises UserError if the last step, whose weights no loss has seen, was one too many."""
    for name, tensor in network.state_dict().items():
        if not bool(tensor.isfinite().all()):
            raise UserError(f"The weights ({name}) are not finite after the last step: {REMEDY}")
