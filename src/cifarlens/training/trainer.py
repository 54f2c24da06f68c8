"""Creates a deterministic and quiet Lightning Trainer for this machine."""

import logging
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
from pytorch_lightning.strategies import DDPStrategy
from torch.distributed import DistError

from ..params import Trainer as TrainerParams
from ..runtime.device import check_devices, resolve_accelerator
from ..runtime.distributed import launched
from ..runtime.errors import UserError

# Advice against our deliberate choices; all other warnings are printed.
EXPECTED_WARNINGS = (
    ".*does not have many workers.*",
    ".*`num_workers` argument.*",
    ".*Checkpoint directory .* exists and is not empty.*",
    ".*The number of training batches .* is smaller than the logging interval.*",
    ".*isinstance.treespec, LeafSpec.* is deprecated.*",
    ".*You have overridden `on_after_batch_transfer` in `LightningModule`.*",
    ".*find_unused_parameters=True was specified in DDP constructor.*",
    ".*You defined a `validation_step` but have no `val_dataloader`.*",
    ".*AccumulateGrad node's stream does not match.*",  # CUDA graphs are recorded on another stream
)

OUT_OF_MEMORY = "can't allocate memory|out of memory|_ALLOC_FAILED"
CONNECTION_LOST = "gloo|NCCL|Connection (closed|reset) by peer"
REPORT_DELAY = 2.0  # seconds, so that the process that failed first is reported first


class RestoreSigterm(pl.Callback):
    """Restores the SIGTERM handler: Lightning's signals other processes, which may be gone."""

    def setup(self, *_: Any, **__: Any) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, *_: Any) -> None:
        signal.signal(signal.SIGTERM, self._handler)


def make_trainer(
    params: TrainerParams, callbacks: Sequence[pl.Callback], **options: Any
) -> pl.Trainer:
    """Returns a Trainer whose reruns give the same bytes (nearly, with a warning, on `mps`).

    Several processes average their gradients at every step (distributed data parallel). Batch
    normalisation uses each process's own share of the batch, and the first process's running
    statistics are saved, as is Lightning's default. SyncBatchNorm would cost a round trip per layer
    and exists only for GPUs; a share of a few dozen images is enough.

    Args:
        params: accelerator, devices, machines and precision; `auto` is resolved here.
        callbacks: callbacks, in this order.
        options: passed to `pytorch_lightning.Trainer`.

    Raises:
        UserError: this machine lacks the accelerator, the devices or the precision.
    """
    accelerator = resolve_accelerator(params.accelerator)
    check_devices(params.accelerator, params.local_processes)
    strategy: Any = "auto"
    if params.processes > 1 or params.strategy == "ddp":
        backend = "nccl" if accelerator == "gpu" else "gloo"
        strategy = DDPStrategy(
            process_group_backend=backend,
            gradient_as_bucket_view=True,
            # No parameter is unused. Without this flag, DDP regroups gradients after the first
            # step, which is another step in a resumed run; sums of more than two gradients would
            # then differ in their last bits.
            find_unused_parameters=params.processes > 2,
        )
        callbacks = [RestoreSigterm(), *callbacks]
    if not launched():  # else Lightning takes its settings from Slurm's variables
        options["plugins"] = [*options.get("plugins", []), LightningEnvironment()]
    precision: Any = resolve_precision(params.precision, accelerator)
    if precision == "32-true":
        torch.backends.cudnn.allow_tf32 = False  # full float32 in convolutions too
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message)
    # Filling new memory costs a pass, and only guards against reading it before it is written.
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # the module's class has it
    return pl.Trainer(
        accelerator=accelerator,
        devices=params.local_processes,
        num_nodes=params.num_nodes,
        strategy=strategy,
        precision=precision,
        deterministic="warn" if accelerator == "mps" else True,
        callbacks=list(callbacks),
        enable_progress_bar=False,  # progress.py has one for the whole training
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        **options,
    )


@contextmanager
def translate_runtime_errors(params: TrainerParams, batch_size: int) -> Iterator[None]:
    """Raises UserError if memory runs out or another process is lost."""
    try:
        yield
    except RuntimeError as error:
        message = str(error)
        if isinstance(error, torch.OutOfMemoryError) or re.search(OUT_OF_MEMORY, message):
            raise UserError(
                f"There is not enough memory for batch_size {batch_size}. Lower batch_size or"
                " model.width, stop other programs on the device, or use more trainer.devices, and"
                " run again."
            ) from None
        if "can't start new thread" in message:
            raise UserError(
                "The system refuses a further thread. Allow more processes (`ulimit -u`), or set"
                " trainer.workers to 0, and run again."
            ) from None
        if isinstance(error, DistError) or re.search(CONNECTION_LOST, message):
            time.sleep(REPORT_DELAY)
            raise UserError(
                "The connection to another training process was lost, because that process failed"
                " or was killed. Read the messages of that process and run again; training resumes"
                " after its last complete epoch."
            ) from None
        if re.search(r"DataLoader worker \(pid", message):
            time.sleep(REPORT_DELAY)  # raises Stopped if this process is being stopped too
            raise UserError(
                "An augmentation process was killed, possibly because memory or processes (`ulimit"
                " -u`) ran out. Run again; training resumes after its last complete epoch. If that"
                " happens again, lower trainer.workers."
            ) from None
        raise


def check_interval(params: TrainerParams) -> int:
    """Returns the steps between two checks of the loss; on a GPU a check costs more than a step."""
    return 1 if resolve_accelerator(params.accelerator) == "cpu" else 20


def checkpoint_pause(params: TrainerParams) -> float:
    """Returns the seconds between two checkpoints; on a GPU a write may outlast an epoch."""
    return 0 if resolve_accelerator(params.accelerator) == "cpu" else 10


def hardware(params: TrainerParams) -> dict[str, str | int]:
    """Returns accelerator, precision and, on a CPU, number of threads; the results depend on them.

    Raises:
        UserError: as `make_trainer`.
    """
    accelerator = resolve_accelerator(params.accelerator)
    threads = {"threads": torch.get_num_threads()} if accelerator == "cpu" else {}
    precision = resolve_precision(params.precision, accelerator)
    return {"accelerator": accelerator, "precision": precision, **threads}


def resolve_precision(name: str | int, accelerator: str) -> str:
    """Returns `bf16-mixed` or `32-true`; `auto` takes bf16 where the hardware supports it.

    Raises:
        UserError: `name` asks for bf16 that would be emulated, up to 88 times as slow.
    """
    if name == 32:
        return "32-true"
    if _supports_bf16(accelerator):
        return "bf16-mixed"
    if name == "auto":
        return "32-true"
    raise UserError(
        f"params.yaml: trainer.precision is {name!r}; it must be auto or 32 on this machine, whose"
        f" {accelerator} has no bf16 arithmetic. Change it and run again."
    )


def _supports_bf16(accelerator: str) -> bool:
    if accelerator == "gpu":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if accelerator == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False  # not tested on `mps`
