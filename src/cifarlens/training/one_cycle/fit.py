"""Trains a network from the first epoch, or from where a killed run left off."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger

from ...classifier.networks import Network
from ...runtime.errors import UserError
from ..setup import Setup
from ..trainer import check_interval, checkpoint_pause, make_trainer, translate_runtime_errors
from .checkpoint import FILE, EpochCheckpoint, WholeCheckpointIO, load_checkpoint
from .ema import BestEpoch, WeightAverage, kept_epoch
from .history import Epoch, History
from .nan_guard import NanGuard, check_weights
from .schedule import Recipe, one_cycle


def fit(
    setup: Setup,
    recipe: Recipe,
    *,
    checkpoints: Path,
    logs: Path,
    watchers: Sequence[Callback] = (),
) -> list[Epoch]:
    """Trains the network of `setup` in place.

    Of several processes all do this, with the same set-up; the first alone reads and writes files.

    Args:
        setup: made for this very run, the weights at their start.
        recipe: epochs, rates and what to keep.
        checkpoints: folder of this run's checkpoint, resumed from if there is one; its name is the
            run's.
        logs: folder of its TensorBoard events.
        watchers: told of every step, such as a stopwatch.

    Returns:
        The history, an entry an epoch.

    Raises:
        UserError: the run has too few steps, its loss is no longer finite, a process that augments
            for it was killed, or another process that trains failed or has another setup.
    """
    schedule = partial(one_cycle, recipe=recipe, steps_per_epoch=setup.images.steps_per_epoch)
    module = setup.module(recipe.lr_min, schedule)
    history = History()
    chosen = _choosing(recipe, history)
    saving = EpochCheckpoint(checkpoints, checkpoint_pause(setup.settings.trainer))
    trainer = make_trainer(
        setup.settings.trainer,
        [
            NanGuard(check_interval(setup.settings.trainer)),
            *(history, *chosen, saving, *watchers),
        ],
        max_epochs=recipe.epochs,
        limit_val_batches=1.0 if len(setup.images.held_out) else 0,
        logger=TensorBoardLogger(logs.parent, name="", version=logs.name),
        log_every_n_steps=1_000_000,  # the history logs; Lightning's connector costs more
        plugins=[WholeCheckpointIO()],
    )
    with translate_runtime_errors(setup.settings.trainer, setup.settings.batch_size):
        if trainer.world_size > 1:
            trainer.strategy.setup_environment()  # joins the other processes
            _agree(trainer.strategy.broadcast(checkpoints.name), checkpoints.name)
        done = trainer.strategy.broadcast(_epochs_done(checkpoints, recipe, trainer.is_global_zero))
        setup.images.sampler.set_epoch(done)  # Lightning asks for the first batch before it says so
        trainer.fit(
            module,
            datamodule=setup.images,
            ckpt_path=checkpoints / FILE if done else None,
            weights_only=False,
        )
    check_weights(setup.network)
    if chosen:
        chosen[0].restore(module)
    return history.epochs


def _choosing(recipe: Recipe, history: History) -> list[BestEpoch | WeightAverage]:
    """What follows the weights; the first knows which to keep."""
    chosen: list[BestEpoch | WeightAverage] = [BestEpoch(history)] if recipe.keep == "best" else []
    return [*chosen, *([WeightAverage(recipe.ema_decay)] if recipe.ema_decay else [])]


def _epochs_done(checkpoints: Path, recipe: Recipe, first: bool) -> int:
    """After how many epochs the run resumes; known to the first process alone, 0 on others."""
    checkpoint = load_checkpoint(checkpoints) if first else None
    if checkpoint is None:
        return 0
    done = int(checkpoint["epoch"]) + 1
    print(f"Resuming after epoch {done} of {recipe.epochs}.", flush=True)
    return done


def _agree(key: str, own: str) -> None:
    """Raises UserError if the first process trains another run than this one."""
    if key != own:
        raise UserError(
            "This machine's parameters, data, code or library versions differ from those of the"
            " first machine: make them the same, or share one checkout, and run again."
        )


def summarize(recipe: Recipe, network: Network, history: list[Epoch]) -> dict[str, Any]:
    """The run's settings as they were resolved, and the epoch it kept, as flat metrics."""
    kept = asdict(kept_epoch(recipe.keep, history))
    metrics = {name: value for name, value in kept.items() if "_" in name and value is not None}
    return {
        **metrics,
        "epochs": recipe.epochs,
        "kept_epoch": kept["epoch"],
        "ema_decay": recipe.ema_decay,
        "lr_max": recipe.lr_max,
        "lr_min": recipe.lr_min,
        "parameters": sum(p.numel() for p in network.parameters()),
    }
