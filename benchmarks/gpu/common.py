"""Holds what the programs here share: arguments, settings, clocks, and a digest of weights."""

import argparse
import hashlib
import os
import time
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from cifarlens.params import Accelerator, Trainer
from cifarlens.runtime.device import count_workers, resolve_accelerator

# cuBLAS reads it when it starts; the same value as Lightning sets for deterministic training.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def make_parser(description: str | None, *, accelerator: bool = True) -> argparse.ArgumentParser:
    """Returns a parser; `accelerator` adds the argument of the programs without params.yaml."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if not accelerator:
        return parser
    parser.add_argument(
        "--accelerator",
        choices=("cpu", "gpu"),
        default=resolve_accelerator("auto"),
        help="a CPU runs a small case, to try the program",
    )
    return parser


def one_device(accelerator: Accelerator) -> Trainer:
    """Returns the settings of a training on one device, otherwise as the pipeline chooses them."""
    return Trainer(
        accelerator=accelerator,
        devices=1,
        num_nodes=1,
        strategy="auto",
        precision="auto",
        workers=count_workers("auto", accelerator, 1),
    )


class EpochClock(pl.Callback):
    """Records when training starts and each epoch ends; by then its metrics are read."""

    def on_train_start(self, *_: Any) -> None:
        self.ends = [time.perf_counter()]

    def on_train_epoch_end(self, *_: Any) -> None:
        self.ends.append(time.perf_counter())


def time_when_finished(gpu: bool) -> float:
    """Waits until the device has finished its work, and returns the time in seconds."""
    if gpu:
        torch.cuda.synchronize()
    return time.perf_counter()


def compiler(gpu: bool) -> str:
    """Returns the backend of torch.compile; a machine without a GPU may lack a C compiler."""
    return "inductor" if gpu else "aot_eager"


def is_kernel(event: Any) -> bool:
    """Returns whether an event of the profiler is work of the GPU, not a mark around some."""
    return "cuda" in str(event.device_type).lower() and not event.is_user_annotation


def peak_memory() -> dict[str, float]:
    """Returns the peak memory of the GPU in GB: of tensors, and with all that PyTorch keeps."""
    allocated, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    return {"peak_gb": round(allocated / 1e9, 2), "peak_reserved_gb": round(reserved / 1e9, 2)}


def digest(network: nn.Module) -> str:
    """Returns sixteen hexadecimal digits of the bytes of all weights and batch statistics."""
    state = network.state_dict().values()
    content = b"".join(tensor.detach().float().cpu().numpy().tobytes() for tensor in state)
    return hashlib.sha256(content).hexdigest()[:16]
