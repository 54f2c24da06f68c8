"""Shows how far a training is: a bar with the time left on a terminal, and a line per epoch."""

import os
import sys
import time
from typing import Any

import pytorch_lightning as pl
from tqdm import tqdm

from .one_cycle.history import History


class ProgressBar(pl.Callback):
    """Shows the steps of the whole training as a bar, on a terminal only.

    Args:
        title: text before the bar.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar = tqdm(disable=True)

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        hidden = os.environ.get("TQDM_DISABLE") or not trainer.is_global_zero
        self._bar = tqdm(
            desc=self._title,
            total=int(trainer.estimated_stepping_batches),
            initial=trainer.global_step,
            unit="step",
            smoothing=0.05,  # the time left follows the mean speed
            dynamic_ncols=True,
            leave=False,
            disable=True if hidden else None,  # None: unless stderr is a terminal
        )

    def on_train_batch_end(self, *_: Any) -> None:
        self._bar.update()

    def on_train_end(self, *_: Any) -> None:
        self._bar.close()

    def on_exception(self, *_: Any) -> None:
        self._bar.close()


class EpochProgress(ProgressBar):
    """Shows the epoch before the bar, and prints a line with its metrics after each epoch.

    Args:
        history: history of the same run; must come before this among the callbacks.
    """

    def __init__(self, history: History) -> None:
        super().__init__("train")
        self._history = history

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        super().on_train_start(trainer)
        self._start, self._first = time.monotonic(), trainer.current_epoch

    def on_train_epoch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        self._bar.set_description(f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}")

    def on_train_epoch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if not trainer.is_global_zero:
            return
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs or 0
        mean = (time.monotonic() - self._start) / (epoch - self._first)
        metrics = [
            f"{name.replace('_', ' ')} {value:.2%}" if "accuracy" in name else f"loss {value:.3f}"
            for name, value in self._history.epochs[-1].metrics().items()
        ]
        left = tqdm.format_interval((epochs - epoch) * mean)
        print_line(f"Epoch {epoch} of {epochs}: {', '.join(metrics)}, {left} left")


def print_line(text: str) -> None:
    """Prints a line above the bar, at once even into a pipe."""
    tqdm.write(text)
    sys.stdout.flush()
