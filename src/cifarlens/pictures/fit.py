"""Brings a picture to the square size of the network's input."""

from typing import Literal

import numpy as np
from PIL import Image, ImageOps

Fit = Literal["crop", "pad"]
MARGIN = 8  # times the size: larger pictures are first reduced by a whole factor, which is fast


def fit_image(image: Image.Image, size: int, fit: Fit = "crop") -> np.ndarray:
    """Returns an image as uint8 size×size×3; resizes it with Lanczos, which smooths.

    Args:
        image: in any mode that converts to RGB.
        size: pixels.
        fit: `crop` takes the centre square; `pad` keeps all of the image and adds black borders.
    """
    image = image.convert("RGB")
    if image.size != (size, size):
        image = image.reduce(max(min(image.size) // (MARGIN * size), 1))
        resize = ImageOps.fit if fit == "crop" else _pad
        image = resize(image, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(image, np.uint8)


def _pad(image: Image.Image, size: tuple[int, int], method: Image.Resampling) -> Image.Image:
    """Works as `ImageOps.pad`, also for a picture so thin that its short side rounds to 0."""
    scale = min(size) / max(image.size)
    width, height = (max(round(side * scale), 1) for side in image.size)
    square = Image.new("RGB", size)
    place = ((size[0] - width) // 2, (size[1] - height) // 2)
    square.paste(image.resize((width, height), method), place)
    return square
