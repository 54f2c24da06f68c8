"""Saliency maps as colours, over a picture or to be laid over it. Knows nothing of Gradio."""

import numpy as np
from PIL import Image

# Blue, green, yellow, red: Google's Turbo without its dark ends, which on small pictures would
# hide what they mark.
ANCHORS = (
    (62, 155, 254),
    (25, 213, 205),
    (70, 248, 132),
    (164, 252, 60),
    (225, 221, 55),
    (254, 164, 49),
    (240, 91, 18),
    (210, 49, 5),
)
OVERLAY_SIZE = 128  # pixels a side of an overlay
BLEND_SIZE = 256  # pixels a side of a blended picture


def colour_table() -> np.ndarray:
    """Uint8 256×3, from the lowest value's colour to the highest's."""
    places = np.linspace(0, len(ANCHORS) - 1, 256)
    channels = np.array(ANCHORS, float).T
    columns = [np.interp(places, np.arange(len(ANCHORS)), channel) for channel in channels]
    return np.stack(columns, axis=1).round().astype(np.uint8)


def enlarge(saliency: np.ndarray, size: int) -> np.ndarray:
    """A map float32 h×w, 0 to 1, as float32 size×size, bicubic, clipped to 0 to 1."""
    image = Image.fromarray(saliency.astype(np.float32))
    large = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    return large.clip(0, 1)


def overlay(saliency: np.ndarray, size: int = OVERLAY_SIZE) -> np.ndarray:
    """A map as uint8 size×size×4; what says nothing is transparent and leaves the picture clear."""
    levels = (enlarge(saliency, size) * 255).round().astype(np.uint8)
    return np.dstack([colour_table()[levels], levels])


def blend(
    image: np.ndarray, saliency: np.ndarray, opacity: float, size: int = BLEND_SIZE
) -> np.ndarray:
    """A map over its picture.

    Args:
        image: uint8, H×W×3.
        saliency: float32, h×w, 0 to 1.
        opacity: 0 leaves the picture as it is; 1 shows the pure colour where the map is highest.
        size: side of the result, pixels.

    Returns:
        uint8, size×size×3.
    """
    resized = Image.fromarray(image).resize((size, size), Image.Resampling.NEAREST)
    layer = overlay(saliency, size).astype(np.float32)
    alpha = layer[:, :, 3:] / 255 * opacity
    mixed = np.asarray(resized, np.float32) * (1 - alpha) + layer[:, :, :3] * alpha
    return mixed.round().astype(np.uint8)
