"""Runs learning-rate range tests: short trainings whose learning rate rises at every step."""

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
from ..progress import ProgressBar, print_line
from ..setup import Settings, Setup
from ..trainer import make_trainer, translate_runtime_errors

DIVERGENCE = 3.0  # times the lowest loss: higher learning rates add no information
LEARNED_LOSS = 0.9  # times the loss of random guessing: below it, the network has learned
MIN_WINDOW = 5  # steps that are averaged, since the loss of one batch is noisy
MIN_IMAGES = 320  # in these steps; a small batch is noisier
MIN_REST = 0.25  # of a batch; the loss of a smaller last step of an epoch is mostly noise
SEED_STEP = 1_000_000_007  # between the tests of a run; odd, so that no seed repeats


@dataclass(frozen=True)
class Curve:
    """Holds the learning rate and the batch loss of each step."""

    lrs: tuple[float, ...]
    losses: tuple[float, ...]


class _Record(pl.Callback):
    """Records each step; stops once higher learning rates add no information."""

    def __init__(self, classes: int, batch_size: int) -> None:
        self.lrs: list[float] = []
        self.losses: list[float] = []
        self._min_loss = math.inf
        self._guessing_loss = math.log(classes)
        self._window = max(MIN_WINDOW, math.ceil(MIN_IMAGES / batch_size))

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        self.lrs.append(float(trainer.optimizers[0].param_groups[0]["lr"]))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any
    ) -> None:
        loss: Tensor = outputs["loss"] if isinstance(outputs, dict) else outputs
        self.losses.append(float(loss))
        recent = fmean(self.losses[-self._window :])
        if len(self.losses) >= self._window:
            self._min_loss = min(self._min_loss, recent)
        guessing = self._guessing_loss
        unlearned = self._min_loss < LEARNED_LOSS * guessing and recent > guessing
        if unlearned or not math.isfinite(recent) or recent > DIVERGENCE * self._min_loss:
            trainer.should_stop = True


def rising_schedule(optimizer: Optimizer, params: LrFind) -> LRScheduler:
    """Returns a schedule from `start` to `stop` in `steps` steps, evenly spaced on a log scale."""
    return ExponentialLR(optimizer, (params.stop / params.start) ** (1 / (params.steps - 1)))


def range_test(setup: Setup, params: LrFind, title: str = "range test") -> Curve:
    """Trains for at most `params.steps` steps at rising learning rates, which ruins the network.

    Args:
        setup: a new setup, with the initial weights.
        params: range and number of steps.
        title: name of the test, for the output.

    Returns:
        The curve. It ends early if the loss diverges, returns to that of random guessing or is not
        finite; a step without a finite loss is left out.
    """
    module = setup.module(params.start, partial(rising_schedule, params=params))
    batch_size, steps = setup.images.batch_size, setup.images.steps_per_epoch
    rest = len(setup.images.train_images) % batch_size
    record = _Record(len(setup.config.classes), batch_size)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(
            setup.settings.trainer,
            [record, ProgressBar(title)],
            max_steps=params.steps,
            max_epochs=-1,
            limit_train_batches=steps - (0 < rest < MIN_REST * batch_size),
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            default_root_dir=folder,
        )
        with translate_runtime_errors(setup.settings.trainer, setup.settings.batch_size):
            trainer.fit(module, datamodule=setup.images)
    points = zip(record.lrs, record.losses, strict=True)
    finite = [point for point in points if math.isfinite(point[1])]
    print_line(f"{title}: {len(record.lrs)} steps, up to a learning rate of {record.lrs[-1]:.3g}")
    return Curve(tuple(lr for lr, _ in finite), tuple(loss for _, loss in finite))


def repeat_settings(settings: Settings, times: int) -> Iterator[Settings]:
    """Yields the settings of each test, whose seed sets weights, image order and augmentation."""
    for number in range(times):
        seed = (settings.seed + number * SEED_STEP) % (MAX_SEED + 1)
        yield settings.model_copy(update={"seed": seed})


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """Returns the mean loss at each learning rate of the longest curve; all share their rates.

    A curve that ended early has diverged. It is extended with its largest loss, so the valley of
    the mean ends soon after the first curve diverges. The result is empty if any curve is empty.
    """
    lrs = max((curve.lrs for curve in curves), key=len)
    if not all(curve.losses for curve in curves):
        return Curve((), ())
    columns = [(*each.losses, *[max(each.losses)] * (len(lrs) - len(each.lrs))) for each in curves]
    return Curve(lrs, tuple(fmean(losses) for losses in zip(*columns, strict=True)))
