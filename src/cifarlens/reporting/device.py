"""Where to compute predictions."""

import torch

from ..errors import UserError


def choose_device(accelerator: str) -> str:
    """The device, as torch names it, for `trainer.accelerator`: auto, cpu, gpu or mps.

    On a GPU float32 is made to mean float32, also in convolutions (no TF32).

    Raises:
        UserError: this machine lacks the accelerator.
    """
    present = {"gpu": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if accelerator == "auto":
        accelerator = "gpu" if present["gpu"] else "cpu"
    if not present.get(accelerator, True):
        raise UserError(
            f"trainer.accelerator is {accelerator}, which PyTorch does not find on this machine:"
            " set it to auto or cpu."
        )
    if accelerator == "gpu":
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.deterministic = True
    return {"gpu": "cuda"}.get(accelerator, accelerator)
