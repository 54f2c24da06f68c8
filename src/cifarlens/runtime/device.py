"""Chooses the accelerator, devices and workers for training and evaluation."""

import os

import torch

from .errors import UserError

CPU_WORKERS = 2  # few, because the training needs the CPU too
MAX_GPU_WORKERS = 16


def resolve_accelerator(name: str) -> str:
    """Returns `cpu`, `gpu` (CUDA) or `mps` for `trainer.accelerator`; `auto` prefers a GPU.

    `auto` never returns Apple's `mps`: its max-pooling has no deterministic backward pass.

    Raises:
        UserError: PyTorch does not find the accelerator on this machine.
    """
    available = {
        "cpu": True,
        "gpu": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return "gpu" if available["gpu"] else "cpu"
    if not available[name]:
        allowed = " or ".join(["auto", *(kind for kind, present in available.items() if present)])
        raise UserError(
            f"params.yaml: trainer.accelerator is {name!r}; it must be {allowed} on this machine."
            " Change it and run again."
        )
    return name


def check_devices(name: str, count: int) -> None:
    """Raises UserError if this machine has fewer than `count` devices of `trainer.accelerator`.

    On a CPU, any number is allowed: the processes share its cores.
    """
    accelerator = resolve_accelerator(name)
    available = {"gpu": torch.cuda.device_count(), "mps": 1}.get(accelerator, count)
    if count > available:
        raise UserError(
            f"params.yaml: trainer.devices is {count}; it must be at most {available}, the number"
            f" of {accelerator} devices on this machine. Change it and run again."
        )


def count_workers(setting: str | int, accelerator: str, devices: int) -> int:
    """Returns the number of augmentation processes per device; it does not change results.

    Args:
        setting: `trainer.workers`: a number, or `auto`. On a CPU, `auto` is two, because workers
            slow the training down. On a GPU, it is the device's share of the cores minus one for
            the training process, 1 to 16.
        accelerator: `trainer.accelerator`.
        devices: devices of this machine that share its cores.
    """
    if isinstance(setting, int):
        return setting
    if resolve_accelerator(accelerator) != "gpu":
        return CPU_WORKERS
    return max(1, min(MAX_GPU_WORKERS, _cores() // devices - 1))


def choose_device(name: str) -> str:
    """Returns torch's name of the device to predict on, for `trainer.accelerator`.

    On a GPU, disables TF32, so that convolutions compute in full float32.

    Raises:
        UserError: as `resolve_accelerator` does.
    """
    accelerator = resolve_accelerator(name)
    if accelerator != "gpu":
        return accelerator
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    return "cuda"


def _cores() -> int:
    """Returns the number of cores that this process may use (a container may limit them)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
