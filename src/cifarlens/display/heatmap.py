"""Colours saliency maps with one colour map for figures, the report and the Space."""

import numpy as np
from PIL import Image

# Matplotlib's inferno (van der Walt and Smith 2015) from 28% upwards: its black end would hide the
# pixels below. The colours are listed here because the Space does not install matplotlib.
COLOURS = (
    (98, 20, 110),
    (124, 29, 109),
    (147, 38, 103),
    (171, 47, 94),
    (195, 59, 79),
    (215, 75, 63),
    (231, 94, 46),
    (243, 120, 25),
    (250, 146, 7),
    (252, 174, 18),
    (248, 205, 55),
    (242, 234, 105),
    (252, 255, 164),
)


def heat_colours(values: np.ndarray) -> np.ndarray:
    """Maps values from 0 to 1 of any shape to uint8 RGBA in a new last axis; alpha is the value."""
    places = np.linspace(0, 1, len(COLOURS))
    channels = [np.interp(values, places, channel) for channel in zip(*COLOURS, strict=True)]
    return np.stack([*channels, 255 * np.asarray(values)], axis=-1).round().astype(np.uint8)


def overlay(saliency: np.ndarray, size: int) -> np.ndarray:
    """Enlarges a map, float32 h×w, 0 to 1, to uint8 RGBA size×size×4; 0 is transparent."""
    large = Image.fromarray(saliency.astype(np.float32)).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    return heat_colours(np.asarray(large).clip(0, 1))


def blend(image: np.ndarray, saliency: np.ndarray, opacity: float, size: int) -> np.ndarray:
    """Blends a saliency map over its image.

    Args:
        image: uint8, H×W×3.
        saliency: float32, h×w, 0 to 1.
        opacity: 0 keeps the image unchanged; 1 shows the pure colour where the map is 1.
        size: side of the result in pixels.

    Returns:
        uint8, size×size×3.
    """
    resized = Image.fromarray(image).resize((size, size), Image.Resampling.NEAREST)
    layer = overlay(saliency, size).astype(np.float32)
    alpha = layer[:, :, 3:] / 255 * opacity
    mixed = np.asarray(resized, np.float32) * (1 - alpha) + layer[:, :, :3] * alpha
    return np.asarray(mixed.round(), np.uint8)
