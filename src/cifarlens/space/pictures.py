"""Decodes what strangers upload: any file becomes an upright RGB picture or one sentence.

A picture that is too large is refused before it is decoded, and large ones are decoded one at a
time, so memory stays bounded whatever is sent. Knows nothing of Gradio.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .checks import InputError

# Named, since Pillow would otherwise also try EPS, which starts Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
MAX_PIXELS = 40_000_000
MIN_SIDE = 8
LARGE = 2_000_000  # pixels; decoded alone, then reduced
DRAFT = 512  # pixels a side, at least; far above any network's input
ORIENTATION = 0x0112  # EXIF tag; 1 is upright

# One thread, not a lock: what a thread frees, its own part of the heap keeps for it.
_large = ThreadPoolExecutor(1)


class PictureError(InputError):
    """A file that is no usable picture; the message is one sentence for the visitor."""


def open_picture(path: Path) -> Image.Image:
    """Reads a picture file.

    Args:
        path: a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file; of an animation the first frame.

    Returns:
        RGB, turned upright as its EXIF says, transparency over white, 16-bit and float values
        stretched to 0 to 255; more than `LARGE` pixels come reduced by a whole factor.

    Raises:
        PictureError: the file cannot be read as a picture, has more than `MAX_PIXELS` pixels or a
            side below `MIN_SIDE` pixels.
    """
    try:
        with Image.open(path, formats=list(FORMATS)) as image:
            _check_size(*image.size)
            if image.width * image.height <= LARGE:
                return _decode(image)
            return _large.submit(_decode, image).result()
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureError(
            f"The picture has far more than {MAX_PIXELS // 10**6} megapixels, the limit here."
        ) from None
    except Exception:  # a hostile file can make a decoder raise nearly anything
        raise PictureError(
            "That file could not be read as a picture: try a JPEG, PNG or WebP."
        ) from None


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"The picture is {width}×{height} pixels;"
            f" the limit is {MAX_PIXELS // 10**6} megapixels."
        )
    if min(width, height) < MIN_SIDE:
        raise PictureError(
            f"The picture is only {width}×{height} pixels;"
            f" at least {MIN_SIDE}×{MIN_SIDE} are needed."
        )


def _decode(image: Image.Image) -> Image.Image:
    image.draft("RGB", (DRAFT, DRAFT))  # JPEG only: decodes at a reduced scale
    image.load()
    small = _opaque(_reduce(_eight_bit(_upright(image)))).convert("RGB")
    image.close()  # before another takes its place in memory
    return small


def _upright(image: Image.Image) -> Image.Image:
    try:
        turned = image.getexif().get(ORIENTATION, 1) in range(2, 9)
        return ImageOps.exif_transpose(image) if turned else image
    except Exception:  # damaged EXIF: the picture itself is still good
        return image


def _eight_bit(image: Image.Image) -> Image.Image:
    """Palette colours looked up, 16-bit and float values stretched to their own range."""
    if image.mode in ("P", "PA"):
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        return Image.fromarray(_stretch(np.array(image, np.float32)))
    return image


def _stretch(values: np.ndarray) -> np.ndarray:
    """Float32 of any range to uint8; places that are no finite number become black."""
    finite = np.isfinite(values)
    if not finite.any():
        raise PictureError("The picture holds no finite number.")
    low = float(values.min(where=finite, initial=np.inf))
    high = float(values.max(where=finite, initial=-np.inf))
    values[~finite] = low
    values -= low
    values *= 255 / ((high - low) or 1)
    return values.astype(np.uint8)


def _reduce(image: Image.Image) -> Image.Image:
    factor = min(image.size) // DRAFT
    if image.width * image.height <= LARGE or factor < 2:
        return image
    smaller = image.reduce(factor)
    smaller.info.update(image.info)
    return smaller


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image
