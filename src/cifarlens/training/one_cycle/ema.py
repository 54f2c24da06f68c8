"""Selects the weights that a run keeps: last or averaged ones, of the last or the best epoch."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor, nn

from ..module import Classifier
from .history import Epoch, History


class WeightAverage(WeightAveraging):
    """Keeps an exponential moving average of weights and batch statistics; validation uses it.

    Source: Polyak and Juditsky 1992; the exponential form as in Tarvainen and Valpola 2017.

    Args:
        decay: weight of the previous average at each step, above 0 and below 1; the average spans
            about 1 / (1 - decay) steps.
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self._decay = decay

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._device = trainer.strategy.root_device  # Lightning moves the module there later
        super().setup(trainer, pl_module, stage)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any
    ) -> None:
        """Averages in one operation; that of PyTorch waits for a GPU at every step."""
        assert self._average_model is not None
        average, current = (_floats(m) for m in (self._average_model.module, pl_module))
        # The first average is a copy.
        torch._foreach_lerp_(average, current, 1 - self._decay if trainer.global_step > 1 else 1.0)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Does nothing, as a run resumed after its last epoch skips this hook; see `restore`."""

    def restore(self, module: Classifier) -> None:
        """Copies the averaged weights into the network."""
        self._copy_average_to_current(module)


def _floats(module: nn.Module) -> list[Tensor]:
    """Returns the weights and batch statistics of a module, without its counters of batches."""
    tensors = (*module.parameters(), *module.buffers())
    return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]


class BestEpoch(pl.Callback):
    """Keeps the weights of the best epoch (see `select_epoch`) and saves them in the checkpoint.

    Must come before `WeightAverage` among the callbacks, which swaps the validated weights back.

    Args:
        history: history of the same run; must come before both.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._validated: dict[str, Tensor] = {}
        self._best: dict[str, Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._best = state_dict["best"]

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Classifier)
        state = pl_module.network.state_dict()
        self._validated = {name: tensor.clone() for name, tensor in state.items()}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epochs = self._history.epochs
        if select_epoch("best", epochs) is epochs[-1]:
            self._best = self._validated

    def restore(self, module: Classifier) -> None:
        """Copies the best weights into the network."""
        module.network.load_state_dict(self._best)


def select_epoch(keep: str, epochs: Sequence[Epoch]) -> Epoch:
    """Returns the epoch whose weights the run keeps.

    Args:
        keep: `last` or `best`. The best epoch has the highest accuracy on the held-out images; ties
            go to the lowest loss, then to the earliest epoch.
        epochs: all epochs so far, at least one; with held-out images if `keep` is `best`.
    """
    return epochs[-1] if keep == "last" else max(epochs, key=_score)


def _score(epoch: Epoch) -> tuple[float, float]:
    assert epoch.val_accuracy is not None
    assert epoch.val_loss is not None
    return epoch.val_accuracy, -epoch.val_loss
