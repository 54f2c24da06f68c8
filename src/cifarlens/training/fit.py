"""Trains a network from the first epoch, or from where a killed run left off."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import TensorBoardLogger

from ..classifier.networks import Network
from .assemble import Parts
from .checkpoint import FILE, WholeCheckpointIO, load_checkpoint
from .finite import FiniteLoss, check_weights
from .history import Epoch, History
from .schedule import Recipe, one_cycle
from .trainer import explaining, look_every, make_trainer


def fit(parts: Parts, recipe: Recipe, *, checkpoints: Path, logs: Path) -> list[Epoch]:
    """Trains the network of `parts` in place.

    Args:
        parts: made for this very run, the weights at their start.
        recipe: epochs and rates.
        checkpoints: folder of this run's checkpoint, resumed from if there is one.
        logs: folder of its TensorBoard events.

    Returns:
        The history, an entry an epoch.

    Raises:
        UserError: the run has too few steps, its loss is no longer finite, or a process that
            augments for it was killed.
    """
    schedule = partial(one_cycle, recipe=recipe, steps_per_epoch=parts.images.steps_per_epoch)
    module = parts.module(recipe.lr_min, schedule)
    history = History()
    keep = ModelCheckpoint(
        dirpath=checkpoints,
        filename=Path(FILE).stem,
        save_top_k=1,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    runner = make_trainer(
        parts.settings.trainer,
        [FiniteLoss(look_every(parts.settings.trainer)), history, keep],
        max_epochs=recipe.epochs,
        limit_val_batches=1.0 if len(parts.images.held_out) else 0,
        logger=TensorBoardLogger(logs.parent, name="", version=logs.name),
        log_every_n_steps=1_000_000,  # the history logs; Lightning's connector costs more
        plugins=[WholeCheckpointIO()],
    )
    checkpoint = load_checkpoint(checkpoints)
    if checkpoint is not None:
        done = checkpoint["epoch"] + 1
        print(f"Resuming after epoch {done} of {recipe.epochs}.", flush=True)
        parts.images.sampler.set_epoch(done)  # Lightning asks for the first batch before it says so
    with explaining(parts.settings.trainer, parts.settings.batch_size):
        runner.fit(
            module,
            datamodule=parts.images,
            ckpt_path=checkpoints / FILE if checkpoint is not None else None,
            weights_only=False,
        )
    check_weights(parts.network)
    return history.epochs


def summarize(recipe: Recipe, network: Network, history: list[Epoch]) -> dict[str, Any]:
    """The run's settings as they were resolved, and its last epoch, as flat metrics."""
    last = asdict(history[-1])
    metrics = {name: value for name, value in last.items() if "_" in name and value is not None}
    return {
        **metrics,
        "epochs": recipe.epochs,
        "lr_max": recipe.lr_max,
        "lr_min": recipe.lr_min,
        "parameters": sum(p.numel() for p in network.parameters()),
    }
