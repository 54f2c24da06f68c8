"""Which of this machine's accelerators computes; training and evaluation ask here."""

import os

import torch

from .errors import UserError

CPU_WORKERS, MAX_GPU_WORKERS = 2, 16  # on a CPU, which computes too; beside a GPU


def resolve_accelerator(name: str) -> str:
    """`cpu`, `gpu` (CUDA) or `mps`, for `trainer.accelerator`; `auto` takes a GPU if there is one.

    Apple's `mps` is taken only when asked for: its max-pools have no deterministic backward pass.

    Raises:
        UserError: PyTorch does not find the accelerator on this machine.
    """
    here = {
        "cpu": True,
        "gpu": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return "gpu" if here["gpu"] else "cpu"
    if not here[name]:
        found = " or ".join(["auto", *(kind for kind, present in here.items() if present)])
        raise UserError(
            f"params.yaml: trainer.accelerator is {name!r}, but must be {found} on this machine;"
            " change it and run again."
        )
    return name


def check_devices(name: str, count: int) -> None:
    """Raises UserError if this machine has fewer than `count` devices of `trainer.accelerator`.

    A CPU counts as many as are asked for: its cores are shared.
    """
    accelerator = resolve_accelerator(name)
    here = {"gpu": torch.cuda.device_count(), "mps": 1}.get(accelerator, count)
    if count > here:
        raise UserError(
            f"params.yaml: trainer.devices is {count}, but must be at most {here}, the devices of"
            f" kind {accelerator} on this machine; change it and run again."
        )


def count_workers(asked: str | int, accelerator: str, devices: int) -> int:
    """Processes that augment images for each device; how many changes no byte of a result.

    Args:
        asked: `trainer.workers`: a number, or `auto`: two for a CPU, where they take time from the
            training, and for a GPU, which is as fast as many of them, a core each but one, which
            is left for the process that drives it.
        accelerator: `trainer.accelerator`.
        devices: of this machine, that share its cores.
    """
    if isinstance(asked, int):
        return asked
    if resolve_accelerator(accelerator) != "gpu":
        return CPU_WORKERS
    return max(1, min(MAX_GPU_WORKERS, _cores() // devices - 1))


def choose_device(name: str) -> str:
    """The device to predict on, as torch names it, for `trainer.accelerator`.

    On a GPU float32 is made to mean float32, also in convolutions (no TF32).

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
    """That this process may use: a container's share, where the system tells it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
