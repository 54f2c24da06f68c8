"""Encodes images and heat maps as data URIs of small PNGs. The same values give the same bytes."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from ..display.heatmap import heat_colours
from ..figures.style import BLUE, VERMILION

LEVELS = 48  # colours of a heat map; more would look the same and need more bytes


def image_uri(image: np.ndarray) -> str:
    """Returns a data URI of an image, uint8 H×W×3, or H×W×4 with opacity."""
    return _uri(Image.fromarray(np.ascontiguousarray(image)))


def strip_uri(images: np.ndarray) -> str:
    """Returns a data URI of images side by side, uint8 N×H×W×3, N at least 1."""
    return image_uri(np.concatenate(list(images), axis=1))


def confusion_picture(confusion: np.ndarray) -> np.ndarray:
    """Returns a pixel for each cell of a confusion matrix, int N×N, as uint8 RGBA N×N×4.

    Correct predictions are blue, others vermilion. The opacity is the root of the share among the
    images of the true class, so that rare errors are visible.
    """
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    picture = np.empty((*confusion.shape, 4), np.uint8)
    picture[..., :3] = ImageColor.getrgb(VERMILION)
    picture[np.eye(len(confusion), dtype=bool), :3] = ImageColor.getrgb(BLUE)
    picture[..., 3] = np.rint(255 * np.sqrt(share))
    return picture


def heat_uri(maps: Sequence[np.ndarray]) -> str:
    """Returns a data URI of heat maps, float32 H×W, 0 to 1, one below the other.

    Opacity grows with the value; 0 is transparent.
    """
    values = np.concatenate(list(maps), axis=0)
    levels = np.rint(values * (LEVELS - 1)).astype(np.uint8)
    palette = heat_colours(np.linspace(0, 1, LEVELS))
    picture = Image.frombytes("P", levels.shape[::-1], levels.tobytes())
    picture.putpalette(palette[:, :3].tobytes())
    return _uri(picture, transparency=palette[:, 3].tobytes())


def heat_picture(maps: Sequence[np.ndarray], names: Sequence[str]) -> dict[str, Any]:
    """Returns heat maps one below the other in one picture, and says which of them mark nothing.

    Args:
        maps: float32 H×W, 0 to 1.
        names: name of each map, such as its layer.

    Returns:
        `uri` of the picture, indices of the `empty` maps, and a `note` on them for screen readers.
    """
    empty = [index for index, saliency in enumerate(maps) if not saliency.any()]
    note = f", no map at {', '.join(names[index] for index in empty)}" if empty else ""
    return {
        "uri": heat_uri(maps),
        "empty": empty,
        "note": ", no map" if len(empty) == len(maps) else note,
    }


def _uri(picture: Image.Image, **options: Any) -> str:
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True, **options)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
