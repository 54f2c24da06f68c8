"""Pixels for pages and sheets: images and heat maps as small PNGs, the same bytes every time."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

LEVELS = 48  # of a heat map in a page; more cannot be told apart and cost bytes
HEAT, COLDEST = "inferno", 0.28  # without its black end, which would hide what it marks


def image_uri(image: np.ndarray) -> str:
    """A data URI of an image uint8 H×W×3."""
    return _uri(Image.fromarray(np.ascontiguousarray(image)))


def strip_uri(images: np.ndarray) -> str:
    """A data URI of images uint8 N×H×W×3 side by side, N at least 1."""
    return image_uri(np.concatenate(list(images), axis=1))


def heat_uri(maps: Sequence[np.ndarray]) -> str:
    """A data URI of heat maps, float32 H×W from 0 to 1, one under the other.

    Colour and opacity grow with the value; 0 is transparent.
    """
    values = np.concatenate(list(maps), axis=0)
    levels = np.rint(np.clip(values, 0, 1) * (LEVELS - 1)).astype(np.uint8)
    palette = heat_colours(np.arange(LEVELS) / (LEVELS - 1))
    picture = Image.frombytes("P", levels.shape[::-1], levels.tobytes())
    picture.putpalette(palette[:, :3].tobytes())
    return _uri(picture, transparency=palette[:, 3].tobytes())


def heat_colours(values: np.ndarray) -> np.ndarray:
    """Values 0 to 1 as uint8 RGBA, a last axis of four; alpha is the value."""
    colours = np.array(matplotlib.colormaps[HEAT](COLDEST + (1 - COLDEST) * values))
    colours[..., 3] = values
    return np.asarray(np.rint(255 * colours), np.uint8)


def overlay(image: np.ndarray, heat: np.ndarray, opacity: float) -> np.ndarray:
    """An image uint8 H×W×3 under its heat map float32 H×W at an opacity, as the page shows it."""
    colours = heat_colours(heat).astype(np.float64)
    alpha = colours[..., 3:] / 255 * opacity
    return np.asarray(np.rint(image * (1 - alpha) + colours[..., :3] * alpha), np.uint8)


def _uri(picture: Image.Image, **options: Any) -> str:
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True, **options)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
