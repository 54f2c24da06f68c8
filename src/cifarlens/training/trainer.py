"""Makes the Lightning Trainer for the machine at hand, deterministic and quiet."""

import logging
import os
import re
import signal
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
import torch.utils.deterministic as deterministic
from lightning_fabric.plugins.environments import LightningEnvironment
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.strategies import DDPStrategy
from torch.distributed import DistError

from ..params import Trainer as TrainerParams
from ..runtime.device import check_devices, resolve_accelerator
from ..runtime.distributed import launched
from ..runtime.errors import UserError

# Advice on our deliberate choices; everything else is still shown.
EXPECTED_WARNINGS = (
    ".*does not have many workers.*",
    ".*`num_workers` argument.*",
    ".*Checkpoint directory .* exists and is not empty.*",
    ".*The number of training batches .* is smaller than the logging interval.*",
    ".*isinstance.treespec, LeafSpec.* is deprecated.*",
    ".*You have overridden `on_after_batch_transfer` in `LightningModule`.*",
    ".*find_unused_parameters=True was specified in DDP constructor.*",
    ".*You defined a `validation_step` but have no `val_dataloader`.*",
)

NO_MEMORY = "can't allocate memory|out of memory|_ALLOC_FAILED"
LOST = "gloo|NCCL|Connection (closed|reset) by peer"
CAUSE_FIRST = 2.0  # seconds for the process that failed first to be seen, and this one ended


class EpochBar(TQDMProgressBar):
    """One line an epoch with its loss and accuracy; validation is part of it."""

    def init_validation_tqdm(self) -> Any:
        bar = super().init_validation_tqdm()
        bar.disable = True
        return bar

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        items = super().get_metrics(trainer, pl_module)
        return {name: value for name, value in items.items() if name != "v_num"}


class RestoreSigterm(pl.Callback):
    """Takes back SIGTERM, of which Lightning tells all other processes; they may be gone."""

    def setup(self, *_: Any, **__: Any) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, *_: Any) -> None:
        signal.signal(signal.SIGTERM, self._handler)


def make_trainer(
    params: TrainerParams, callbacks: Sequence[pl.Callback], **options: Any
) -> pl.Trainer:
    """A Trainer whose reruns give the same bytes (on Apple's `mps`: nearly, with a warning).

    Several processes average their gradients at every step (distributed data parallel). Batch
    normalisation takes its statistics from each process's own share of the batch, and the running
    ones from the first, as is Lightning's default: exchanging them (SyncBatchNorm) would cost a
    round trip a layer and exists for GPUs alone, while a share of some dozen images is enough.

    Args:
        params: accelerator, devices, machines and precision; `auto` is resolved here.
        callbacks: added to the progress bar.
        options: passed on to `pytorch_lightning.Trainer`.

    Raises:
        UserError: the accelerator, the devices or the precision asked for are not there.
    """
    accelerator = resolve_accelerator(params.accelerator)
    check_devices(params.accelerator, params.local_processes)
    strategy: Any = "auto"
    if params.processes > 1 or params.strategy == "ddp":
        backend = "nccl" if accelerator == "gpu" else "gloo"
        strategy = DDPStrategy(
            process_group_backend=backend,
            gradient_as_bucket_view=True,
            # There are none, but else it regroups gradients after the first step, which a resumed
            # run has elsewhere: their sums would differ in the last bits, if of more than two.
            find_unused_parameters=params.processes > 2,
        )
        callbacks = [RestoreSigterm(), *callbacks]
    if not launched():  # inside a Slurm job, too: Lightning would take its variables for our wish
        options["plugins"] = [*options.get("plugins", []), LightningEnvironment()]
    precision: Any = resolve_precision(params.precision, accelerator)
    if precision == "32-true":
        torch.backends.cudnn.allow_tf32 = False  # 32 bits are 32 bits, in convolutions as well
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message)
    # Filling fresh memory only guards against reading it unwritten, at the price of a pass.
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # the module's class has it
    hidden = bool(os.environ.get("TQDM_DISABLE"))  # tqdm's own switch, which Lightning overrides
    bar = EpochBar(refresh_rate=0 if hidden else check_interval(params))
    return pl.Trainer(
        accelerator=accelerator,
        devices=params.local_processes,
        num_nodes=params.num_nodes,
        strategy=strategy,
        precision=precision,
        deterministic="warn" if accelerator == "mps" else True,
        callbacks=[*callbacks, bar],  # which shows what the others report
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        **options,
    )


@contextmanager
def translate_runtime_errors(params: TrainerParams, batch_size: int) -> Iterator[None]:
    """Raises UserError where torch says that memory is short or that another process is gone."""
    try:
        yield
    except RuntimeError as error:
        said = str(error)
        if isinstance(error, torch.OutOfMemoryError) or re.search(NO_MEMORY, said):
            raise UserError(
                f"There is not enough memory for batch_size {batch_size}: lower it, or"
                " model.width, end what else uses the device, or share the batch among more"
                " trainer.devices, and run again."
            ) from None
        if isinstance(error, DistError) or re.search(LOST, said):
            time.sleep(CAUSE_FIRST)
            raise UserError(
                "The connection to another process of the training was lost, which has failed or"
                " was killed: look at its messages and run again; a training goes on after its last"
                " whole epoch."
            ) from None
        if re.search(r"DataLoader worker \(pid", said):
            raise UserError(
                "One of the processes that augment images was killed, perhaps"
                " for want of memory: lower trainer.workers and run again; a training goes on after"
                " its last whole epoch."
            ) from None
        raise


def check_interval(params: TrainerParams) -> int:
    """Steps between two looks at a run: each on a CPU; on a GPU, looking costs more than a step."""
    return 1 if resolve_accelerator(params.accelerator) == "cpu" else 20


def checkpoint_pause(params: TrainerParams) -> float:
    """Seconds between two checkpoints: none on a CPU; a GPU's epoch may be shorter than a write."""
    return 0 if resolve_accelerator(params.accelerator) == "cpu" else 10


def hardware(params: TrainerParams) -> tuple[str, str]:
    """Accelerator and precision of a run, with `auto` resolved; raises as `make_trainer` does."""
    accelerator = resolve_accelerator(params.accelerator)
    return accelerator, resolve_precision(params.precision, accelerator)


def resolve_precision(name: str | int, accelerator: str) -> str:
    """`bf16-mixed` or `32-true`; `auto` takes bf16 where the hardware multiplies it.

    Raises:
        UserError: bf16 is asked for where it would be emulated: up to 88 times as slow.
    """
    if name == 32:
        return "32-true"
    if _multiplies_bf16(accelerator):
        return "bf16-mixed"
    if name == "auto":
        return "32-true"
    raise UserError(
        f"params.yaml: trainer.precision is {name!r}, but must be auto or 32 on this machine, whose"
        f" {accelerator} has no bf16 arithmetic; change it and run again."
    )


def _multiplies_bf16(accelerator: str) -> bool:
    if accelerator == "gpu":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if accelerator == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return False  # Apple's: not tried
