"""Makes the Lightning Trainer for the machine at hand, deterministic and quiet."""

import logging
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
import torch.utils.deterministic as deterministic
from pytorch_lightning.callbacks import TQDMProgressBar

from ..accelerator import resolve_accelerator
from ..errors import UserError
from ..params import Trainer as TrainerParams

# Advice on our deliberate choices; everything else is still shown.
EXPECTED_WARNINGS = (
    ".*does not have many workers.*",
    ".*`num_workers` argument.*",
    ".*Checkpoint directory .* exists and is not empty.*",
    ".*The number of training batches .* is smaller than the logging interval.*",
    ".*isinstance.treespec, LeafSpec.* is deprecated.*",
    ".*You have overridden `on_after_batch_transfer` in `LightningModule`.*",
    ".*You defined a `validation_step` but have no `val_dataloader`.*",
)


class EpochBar(TQDMProgressBar):
    """One line an epoch with its loss and accuracy; validation is part of it."""

    def init_validation_tqdm(self) -> Any:
        bar = super().init_validation_tqdm()
        bar.disable = True
        return bar

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        items = super().get_metrics(trainer, pl_module)
        return {name: value for name, value in items.items() if name != "v_num"}


def make_trainer(
    params: TrainerParams, callbacks: Sequence[pl.Callback], **options: Any
) -> pl.Trainer:
    """A Trainer on one device whose reruns give the same bytes.

    Args:
        params: accelerator, devices and precision; `auto` is resolved here.
        callbacks: added to the progress bar.
        options: passed on to `pytorch_lightning.Trainer`.

    Raises:
        UserError: the accelerator or the precision asked for is not there.
    """
    accelerator = resolve_accelerator(params.accelerator)
    precision: Any = resolve_precision(params.precision, accelerator)
    for name in ("pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message)
    # Filling fresh memory only guards against reading it unwritten, at the price of a pass.
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # by __class__
    hidden = bool(os.environ.get("TQDM_DISABLE"))  # tqdm's own switch, which Lightning overrides
    bar = EpochBar(refresh_rate=0 if hidden else look_every(params))
    return pl.Trainer(
        accelerator=accelerator,
        devices=1,
        precision=precision,
        deterministic=True,
        callbacks=[bar, *callbacks],
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        **options,
    )


@contextmanager
def explaining(params: TrainerParams, batch_size: int) -> Iterator[None]:
    """Raises UserError where torch says that memory is short or that a worker was killed."""
    try:
        yield
    except RuntimeError as error:
        said = str(error)
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in said:
            raise UserError(
                f"There is not enough memory for batch_size {batch_size}: lower it, or"
                " model.width, or end what else uses the device, and run again."
            ) from None
        if re.search(r"DataLoader worker \(pid", said):
            raise UserError(
                f"One of the {params.workers} processes that augment images was killed, perhaps"
                " for want of memory: lower trainer.workers and run again; a training goes on after"
                " its last whole epoch."
            ) from None
        raise


def look_every(params: TrainerParams) -> int:
    """Steps between two looks at a run: each on a CPU; on a GPU, looking costs more than a step."""
    return 1 if resolve_accelerator(params.accelerator) == "cpu" else 20


def resolve_precision(name: str | int, accelerator: str) -> str:
    """`bf16-mixed` or `32-true`; `auto` takes bf16 on a GPU that has it."""
    if name == "auto":
        has_bf16 = accelerator == "gpu" and torch.cuda.is_bf16_supported(including_emulation=False)
        return "bf16-mixed" if has_bf16 else "32-true"
    return "32-true" if name == 32 else str(name)
