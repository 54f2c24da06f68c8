"""From pixels to what a network takes; training, evaluation and the Space share it."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor


def fit_image(image: Image.Image, size: int) -> np.ndarray:
    """The centre square of a picture as uint8 size×size×3, Lanczos-resampled if it differs."""
    image = image.convert("RGB")
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(image, np.uint8)


def normalize(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Standardises pixels on the device that holds them.

    Args:
        images: uint8, N×H×W×3, 0 to 255.
        mean: of pixel / 255 per channel over the train images.
        std: standard deviation likewise.

    Returns:
        float32, N×3×H×W in channels_last memory format (the input's own order of bytes).
    """
    scale, shift = _scale_and_shift(tuple(mean), tuple(std), images.device)
    return torch.addcmul(shift, images.float(), scale).permute(0, 3, 1, 2)


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _scale_and_shift(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    """One multiply-add a pixel: x / 255 standardised is x * scale + shift.

    Made once: a GPU would wait for what it is given each time.
    """
    scale = torch.tensor([1 / (255 * s) for s in std], dtype=torch.float32, device=device)
    shift = [-m / s for m, s in zip(mean, std, strict=True)]
    return scale, torch.tensor(shift, dtype=torch.float32, device=device)
