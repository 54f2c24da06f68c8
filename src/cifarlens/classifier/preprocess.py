"""Turns pixels into network inputs; training, evaluation and the Space all use this module."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor


def normalize(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Normalises pixels on the device that holds them.

    Args:
        images: uint8, N×H×W×3, 0 to 255.
        mean: mean of pixel / 255 per channel over the training images.
        std: standard deviation of pixel / 255 per channel over the training images.

    Returns:
        float32, N×3×H×W in channels_last memory format, which is the memory order of the input.
    """
    scale, shift = _scale_and_shift(tuple(mean), tuple(std), images.device)
    return torch.addcmul(shift, images.float(), scale).permute(0, 3, 1, 2)


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _scale_and_shift(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Returns the scale and shift that normalise a pixel x as x * scale + shift.

    Caches them, because a GPU would wait for each new transfer.
    """
    scale = torch.tensor([1 / (255 * s) for s in std], dtype=torch.float32, device=device)
    shift = [-m / s for m, s in zip(mean, std, strict=True)]
    return scale, torch.tensor(shift, dtype=torch.float32, device=device)
