"""Which of this machine's accelerators computes; training and evaluation ask here."""

import torch

from .errors import UserError


def resolve_accelerator(name: str) -> str:
    """`cpu`, `gpu` (CUDA) or `mps`, for `trainer.accelerator`; `auto` takes a GPU if there is one.

    Raises:
        UserError: PyTorch does not find the accelerator on this machine.
    """
    here = {
        "cpu": True,
        "gpu": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return "gpu" if here["gpu"] else "mps" if here["mps"] else "cpu"
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
