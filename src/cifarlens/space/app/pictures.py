"""Decodes uploaded files. Each file gives an upright RGB picture or a one-sentence error.

A picture that is too large is refused before it is decoded. Large pictures are decoded one at a
time, so memory use stays bounded for any upload. This module does not depend on Gradio.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from .checks import InputError

# Without this list Pillow also tries EPS, which starts Ghostscript.
FORMATS = ("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "AVIF")
FORMAT_NAMES = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
MAX_PIXELS = {
    "JPEG": 40_000_000,  # can be decoded at a reduced scale
    # The decoders of these formats hold several copies of a picture.
    "progressive JPEG": 16_000_000,
    "AVIF": 10_000_000,
    "WebP": 10_000_000,
}
MAX_PIXELS_OTHER = 16_000_000
MIN_SIDE = 8  # pixels
LARGE = 2_000_000  # pixels; a picture above this size is decoded alone, then reduced
MIN_DRAFT_SIDE = 512  # pixels; far above the input size of any network
MIN_STRIP_ROWS = 256
ORIENTATION = 0x0112  # EXIF tag; 1 means upright
TRANSPOSES = {  # by EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# A single thread rather than a lock: the allocator keeps freed memory for each thread separately.
_large = ThreadPoolExecutor(1)


class PictureError(InputError):
    """Reports a file that is not a usable picture, in one sentence for the visitor."""


def open_picture(path: Path) -> Image.Image:
    """Reads a picture file.

    Args:
        path: a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file; only the first frame of an animation
            is read.

    Returns:
        An RGB picture, rotated upright according to EXIF, with transparent pixels on white and
        16-bit and float values stretched to 0 to 255. A picture of more than `LARGE` pixels is
        reduced by a whole factor or cropped to its centre square.

    Raises:
        PictureError: the file cannot be read as a picture, has more pixels than its format may
            have, or has a side below `MIN_SIDE` pixels.
    """
    try:
        with Image.open(path, formats=list(FORMATS)) as image:
            _check_size(*image.size, _kind(image))
            if image.width * image.height <= LARGE:
                return _decode(image)
            return _large.submit(_decode, image).result()
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureError(
            f"The picture has far more than {MAX_PIXELS['JPEG'] // 10**6} megapixels, the most that"
            " any format may have. Make it smaller and try again."
        ) from None
    except Exception:  # a hostile file can make a decoder raise nearly anything
        raise PictureError(
            f"The file could not be read as a picture; choose a {FORMAT_NAMES} file."
        ) from None


def _kind(image: Image.Image) -> str:
    """Returns the usual name of the format. MPO is a JPEG with more pictures after the first."""
    if image.format in ("JPEG", "MPO") and "progressive" in image.info:
        return "progressive JPEG"
    return {"WEBP": "WebP", "MPO": "JPEG"}.get(image.format or "", image.format or "")


def _check_size(width: int, height: int, kind: str) -> None:
    limit = MAX_PIXELS.get(kind, MAX_PIXELS_OTHER)
    if width * height > limit:
        megapixels = -(-width * height // 10**5) / 10  # rounded up, so it is above the limit
        raise PictureError(
            f"The picture has {megapixels:g} megapixels ({width}×{height}); {kind} files may have"
            f" at most {limit // 10**6}. Make it smaller and try again."
        )
    if min(width, height) < MIN_SIDE:
        raise PictureError(
            f"The picture is {width}×{height} pixels; it must be at least {MIN_SIDE}×{MIN_SIDE}."
            " Choose a larger one."
        )


def _decode(image: Image.Image) -> Image.Image:
    image.draft("RGB", (MIN_DRAFT_SIDE, MIN_DRAFT_SIDE))  # JPEG only: decodes at a reduced scale
    image.load()
    transpose = _transpose(image)
    result = _opaque(_eight_bit(_reduce(image))).convert("RGB")
    image.close()  # frees its memory before the next picture is decoded
    return result if transpose is None else result.transpose(transpose)


def _transpose(image: Image.Image) -> Image.Transpose | None:
    """Returns the operation that rotates the picture upright according to EXIF."""
    try:
        return TRANSPOSES.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF: the picture itself is still usable
        return None


def _reduce(image: Image.Image) -> Image.Image:
    """Reduces more than `LARGE` pixels by a whole factor, in strips, without a full-size copy.

    If the picture is too thin for that, crops it to the centre square, which is all that a network
    sees.
    """
    if image.width * image.height <= LARGE:
        return image
    factor = min(image.size) // MIN_DRAFT_SIDE
    if factor < 2:
        return image.crop(_centre_square(*image.size))
    rows = -(-MIN_STRIP_ROWS // factor) * factor
    strips = [
        _averageable(image.crop((0, top, image.width, min(top + rows, image.height)))).reduce(
            factor
        )
        for top in range(0, image.height, rows)
    ]
    result = Image.new(strips[0].mode, (strips[0].width, sum(strip.height for strip in strips)))
    top = 0
    for strip in strips:
        result.paste(strip, (0, top))
        top += strip.height
    if result.mode == image.mode:  # otherwise the transparent colour is already applied
        result.info.update(image.info)
    return result


def _centre_square(width: int, height: int) -> tuple[int, int, int, int]:
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _averageable(image: Image.Image) -> Image.Image:
    """Converts to a mode whose pixels can be averaged: palettes to colours, integers to float."""
    if image.mode in ("P", "PA"):
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "I" or image.mode.startswith("I;"):
        return Image.fromarray(np.array(image, np.float32))
    return image


def _eight_bit(image: Image.Image) -> Image.Image:
    """Converts as `_averageable` does, then stretches float values from their range to 0 to 255."""
    image = _averageable(image)
    return Image.fromarray(_stretch(np.array(image))) if image.mode == "F" else image


def _stretch(values: np.ndarray) -> np.ndarray:
    """Maps float32 of any range to uint8; NaN and infinite values become black."""
    finite = np.isfinite(values)
    if not finite.any():
        raise PictureError(
            "The picture contains no usable pixel values (all are NaN or infinite); choose another"
            " one."
        )
    low = float(values.min(where=finite, initial=np.inf))
    high = float(values.max(where=finite, initial=-np.inf))
    values[~finite] = low
    values -= low
    values *= 255 / ((high - low) or 1)
    return values.astype(np.uint8)


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image
