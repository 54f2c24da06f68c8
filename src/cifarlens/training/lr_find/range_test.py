"""Runs learning-rate range tests: short trainings whose rate rises at every step."""

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

import pytorch_lightning as pl
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ExponentialLR, LRScheduler

from ...params import MAX_SEED, LrFind
from ..setup import Settings, Setup
from ..trainer import make_trainer, translate_runtime_errors

DIVERGED = 3.0  # times the least loss: nothing more to learn from higher rates
FALLEN = 0.9  # of the loss of chance: a network below has learned something
LOOK_BACK = 5  # steps whose mean is compared, since a single batch may be unlucky
NEXT_SEED = 1_000_000_007  # between the tests of a run; odd, so that no seed comes twice


@dataclass(frozen=True)
class Curve:
    """Learning rates and the batch losses at them, one for each step."""

    lrs: tuple[float, ...]
    losses: tuple[float, ...]


class _Record(pl.Callback):
    """Notes rate and loss of each step; stops when higher rates have no more to tell."""

    def __init__(self, classes: int) -> None:
        self.lrs: list[float] = []
        self.losses: list[float] = []
        self._least = math.inf
        self._chance = math.log(classes)

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        self.lrs.append(float(trainer.optimizers[0].param_groups[0]["lr"]))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        loss: Tensor = outputs["loss"] if isinstance(outputs, dict) else outputs
        self.losses.append(float(loss))
        recent = fmean(self.losses[-LOOK_BACK:])
        self._least = min(self._least, recent)
        forgotten = self._least < FALLEN * self._chance and recent > self._chance
        if forgotten or not math.isfinite(recent) or recent > DIVERGED * self._least:
            trainer.should_stop = True


def rising(optimizer: Optimizer, params: LrFind) -> LRScheduler:
    """From `start` to `stop` in `steps` steps, evenly spaced on a log scale."""
    return ExponentialLR(optimizer, (params.stop / params.start) ** (1 / (params.steps - 1)))


def range_test(setup: Setup, params: LrFind) -> Curve:
    """Trains for at most `params.steps` steps at rising rates; the network is worthless afterwards.

    Returns:
        The curve; shorter than asked for if the loss diverged or came back up to that of chance,
        and without the step at which it was no longer finite.
    """
    module = setup.module(params.start, partial(rising, params=params))
    record = _Record(len(setup.config.classes))
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(
            setup.settings.trainer,
            [record],
            max_steps=params.steps,
            max_epochs=-1,
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            default_root_dir=folder,
        )
        with translate_runtime_errors(setup.settings.trainer, setup.settings.batch_size):
            trainer.fit(module, datamodule=setup.images)
    kept = [pair for pair in zip(record.lrs, record.losses, strict=True) if math.isfinite(pair[1])]
    return Curve(tuple(lr for lr, _ in kept), tuple(loss for _, loss in kept))


def repeated(settings: Settings, times: int) -> Iterator[Settings]:
    """The settings of each test: with its own weights, order of images and augmentation."""
    for number in range(times):
        seed = (settings.seed + number * NEXT_SEED) % (MAX_SEED + 1)
        yield settings.model_copy(update={"seed": seed})


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """The mean loss at each rate of the longest curve; they rise by the same rates.

    A curve that ended early counts with its largest loss from there on: its network has diverged.
    So the mean's valley ends little later than that of the first to diverge.
    One without any loss leaves nothing to average, so the result has none either.
    """
    lrs = max((curve.lrs for curve in curves), key=len)
    if not all(curve.losses for curve in curves):
        return Curve((), ())
    columns = [(*each.losses, *[max(each.losses)] * (len(lrs) - len(each.lrs))) for each in curves]
    return Curve(lrs, tuple(fmean(losses) for losses in zip(*columns, strict=True)))
