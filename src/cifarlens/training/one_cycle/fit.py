"""Trains a network from the first epoch, or from the checkpoint of a killed run."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger

from ...runtime.errors import UserError
from ..progress import EpochProgress
from ..setup import Setup
from ..trainer import check_interval, checkpoint_pause, make_trainer, translate_runtime_errors
from .board import Board
from .checkpoint import FILE, AtomicCheckpointIO, EpochCheckpoint, load_checkpoint
from .ema import BestEpoch, WeightAverage, select_epoch
from .history import Epoch, History
from .nan_guard import NanGuard, check_weights
from .schedule import Recipe, one_cycle


def fit(
    setup: Setup,
    recipe: Recipe,
    *,
    checkpoints: Path,
    logs: Path,
    save: Callable[[Sequence[Epoch]], None] = lambda _: None,
    extra_callbacks: Sequence[Callback] = (),
) -> list[Epoch]:
    """Trains the network of `setup` in place.

    Each training process calls this with the same setup; only the first reads and writes files.

    Args:
        setup: a new setup, with the initial weights.
        recipe: epochs, learning rates and which weights to keep.
        checkpoints: folder of the checkpoint, named by the key of the run. Training resumes if it
            holds a checkpoint.
        logs: folder of the TensorBoard events.
        save: called with the epochs so far after each epoch, in the first process.
        extra_callbacks: further callbacks, such as a stopwatch.

    Returns:
        One entry per epoch.

    Raises:
        UserError: the run has too few steps, its loss is not finite, an augmentation process was
            killed, or another training process failed or has a different setup.
    """
    schedule = partial(one_cycle, recipe=recipe, steps_per_epoch=setup.images.steps_per_epoch)
    module = setup.module(recipe.lr_min, schedule)
    history = History(save)
    selectors = _weight_selectors(recipe, history)
    checkpoint = EpochCheckpoint(checkpoints, checkpoint_pause(setup.settings.trainer))
    trainer = make_trainer(
        setup.settings.trainer,
        [
            NanGuard(check_interval(setup.settings.trainer)),
            *(history, *selectors, Board(history, recipe, setup.settings.model_dump())),
            *(EpochProgress(history), checkpoint, *extra_callbacks),
        ],
        max_epochs=recipe.epochs,
        limit_val_batches=1.0 if len(setup.images.held_out) else 0,
        log_every_n_steps=1_000_000,  # Board logs; Lightning's own logging is slower
        plugins=[AtomicCheckpointIO()],
    )
    with translate_runtime_errors(setup.settings.trainer, setup.settings.batch_size):
        if trainer.world_size > 1:
            trainer.strategy.setup_environment()  # joins the other processes
            _check_same_run(trainer.strategy.broadcast(checkpoints.name), checkpoints.name)
        completed = _completed_epochs(checkpoints, recipe, trainer.is_global_zero)
        completed = trainer.strategy.broadcast(completed)
        setup.images.sampler.set_epoch(completed)  # Lightning loads a batch before it does so
        # The killed run may have logged steps that this one repeats.
        repeated = completed * setup.images.steps_per_epoch if completed else None
        trainer.logger = TensorBoardLogger(
            logs.parent, "", logs.name, default_hp_metric=False, purge_step=repeated
        )
        trainer.fit(
            module,
            datamodule=setup.images,
            ckpt_path=checkpoints / FILE if completed else None,
            weights_only=False,
        )
    check_weights(setup.network)
    if selectors:
        selectors[0].restore(module)
    return history.epochs


def _weight_selectors(recipe: Recipe, history: History) -> list[BestEpoch | WeightAverage]:
    """Returns the callbacks that keep weights; the first one restores those of the run."""
    best: list[BestEpoch | WeightAverage] = [BestEpoch(history)] if recipe.keep == "best" else []
    return [*best, *([WeightAverage(recipe.ema_decay)] if recipe.ema_decay else [])]


def _completed_epochs(checkpoints: Path, recipe: Recipe, first: bool) -> int:
    """Returns the epochs in the checkpoint; 0 without one or if this is not the first process."""
    checkpoint = load_checkpoint(checkpoints) if first else None
    if checkpoint is None:
        return 0
    completed = int(checkpoint["epoch"]) + 1
    print(f"Resuming after epoch {completed} of {recipe.epochs}.", flush=True)
    return completed


def _check_same_run(first_key: str, own_key: str) -> None:
    """Raises UserError if the run of the first process differs from that of this process."""
    if first_key != own_key:
        raise UserError(
            "This machine's parameters, data, code or library versions differ from those of the"
            " first machine. Make them the same, or share one checkout, and run again."
        )


def summarize(recipe: Recipe, history: list[Epoch]) -> dict[str, float]:
    """Returns the metrics of the epoch that the run kept, and the resolved learning rates."""
    epoch = select_epoch(recipe.keep, history)
    return {
        **epoch.metrics(),
        **({"kept_epoch": epoch.epoch} if recipe.keep == "best" else {}),
        "lr_max": recipe.lr_max,
        "lr_min": recipe.lr_min,
    }
