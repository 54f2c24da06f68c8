"""Which weights a run keeps: the last ones or an average, of the last epoch or of the best."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ..module import Classifier
from .history import Epoch, History


class WeightAverage(WeightAveraging):
    """Exponential moving average of weights and batch statistics, validated in their place.

    Polyak and Juditsky 1992; the exponential form as in Tarvainen and Valpola 2017.

    Args:
        decay: share of the average that stays at each step, above 0 and below 1; it spans some
            1 / (1 - decay) steps.
    """

    def __init__(self, decay: float) -> None:
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]  # torch has no types here
        super().__init__(multi_avg_fn=average)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self._device = trainer.strategy.root_device  # the module itself is moved there later
        super().setup(trainer, pl_module, stage)
        if self._average_model is not None:  # it asks for this number at every step
            self._average_model.n_averaged = self._average_model.n_averaged.cpu()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leaves it to `restore`: a run resumed after its last epoch does not come here."""

    def restore(self, module: Classifier) -> None:
        """Gives the network the averaged weights."""
        self._copy_average_to_current(module)


class BestEpoch(pl.Callback):
    """Keeps the weights of the epoch that `kept_epoch` calls best; they travel in the checkpoint.

    Stands before `WeightAverage` among the callbacks, which afterwards swaps the validated weights
    back.

    Args:
        history: of the same run; stands before both.
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
        if kept_epoch("best", epochs) is epochs[-1]:
            self._best = self._validated

    def restore(self, module: Classifier) -> None:
        """Gives the network the best weights."""
        module.network.load_state_dict(self._best)


def kept_epoch(keep: str, epochs: Sequence[Epoch]) -> Epoch:
    """The epoch whose weights a run keeps.

    Args:
        keep: `last`, or `best`: highest accuracy on the held-out images, of several the one with
            the lowest loss, of these the first.
        epochs: all so far, at least one; with held-out images if `keep` is `best`.
    """
    return epochs[-1] if keep == "last" else max(epochs, key=_merit)


def _merit(epoch: Epoch) -> tuple[float, float]:
    assert epoch.val_accuracy is not None
    assert epoch.val_loss is not None
    return epoch.val_accuracy, -epoch.val_loss
