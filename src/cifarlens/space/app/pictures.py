"""Decodes what strangers upload: any file becomes an upright RGB picture or one sentence.

A picture that is too large is refused before it is decoded, and large ones are decoded one at a
time, so memory stays bounded whatever is sent. Knows nothing of Gradio.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from .checks import InputError

# Named, since Pillow would otherwise also try EPS, which starts Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
MAX_PIXELS = 40_000_000  # of a JPEG, which can be decoded at a reduced scale
OTHER_PIXELS = 16_000_000
FEWER_PIXELS = {  # decoders that hold a picture several times over
    "AVIF": 10_000_000,
    "WebP": 10_000_000,
    "progressive JPEG": 16_000_000,
}
MIN_SIDE = 8
LARGE = 2_000_000  # pixels; decoded alone, then reduced
DRAFT = 512  # pixels a side, at least; far above any network's input
STRIP = 256  # rows, at least
ORIENTATION = 0x0112  # EXIF tag; 1 is upright
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

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
        stretched to 0 to 255; more than `LARGE` pixels come reduced by a whole factor, or cut to
        the centre square.

    Raises:
        PictureError: the file cannot be read as a picture, has more pixels than its format may
            have, or a side below `MIN_SIDE` pixels.
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
            f"The picture has far more than {MAX_PIXELS // 10**6} megapixels, the limit."
        ) from None
    except Exception:  # a hostile file can make a decoder raise nearly anything
        raise PictureError(
            "That file could not be read as a picture: try a JPEG, PNG or WebP."
        ) from None


def _kind(image: Image.Image) -> str:
    """The format as people call it. MPO is a JPEG with more pictures behind the first."""
    if image.format in ("JPEG", "MPO") and "progressive" in image.info:
        return "progressive JPEG"
    return {"WEBP": "WebP", "MPO": "JPEG"}.get(image.format or "", image.format or "")


def _check_size(width: int, height: int, kind: str) -> None:
    most = FEWER_PIXELS.get(kind, MAX_PIXELS if kind == "JPEG" else OTHER_PIXELS)
    if width * height > most:
        raise PictureError(
            f"The picture is {width}×{height} pixels;"
            f" the limit for {kind} is {most // 10**6} megapixels."
        )
    if min(width, height) < MIN_SIDE:
        raise PictureError(
            f"The picture is only {width}×{height} pixels;"
            f" at least {MIN_SIDE}×{MIN_SIDE} are needed."
        )


def _decode(image: Image.Image) -> Image.Image:
    image.draft("RGB", (DRAFT, DRAFT))  # JPEG only: decodes at a reduced scale
    image.load()
    turn = _turn(image)
    small = _opaque(_eight_bit(_reduce(image))).convert("RGB")
    image.close()  # before another takes its place in memory
    return small if turn is None else small.transpose(turn)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What turns the picture upright, as its EXIF says."""
    try:
        return TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF: the picture itself is still good
        return None


def _reduce(image: Image.Image) -> Image.Image:
    """More than `LARGE` pixels by a whole factor, strip by strip, so that no copy of all is made.

    Of a picture too thin for that the centre square, which is all that a network sees.
    """
    if image.width * image.height <= LARGE:
        return image
    factor = min(image.size) // DRAFT
    if factor < 2:
        return image.crop(_centre(*image.size))
    rows = -(-STRIP // factor) * factor
    strips = [
        _plain(image.crop((0, top, image.width, min(top + rows, image.height)))).reduce(factor)
        for top in range(0, image.height, rows)
    ]
    whole = Image.new(strips[0].mode, (strips[0].width, sum(strip.height for strip in strips)))
    top = 0
    for strip in strips:
        whole.paste(strip, (0, top))
        top += strip.height
    if whole.mode == image.mode:  # else a transparent colour is transparent by now
        whole.info.update(image.info)
    return whole


def _centre(width: int, height: int) -> tuple[int, int, int, int]:
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _plain(image: Image.Image) -> Image.Image:
    """Modes whose pixels can be averaged: palette colours looked up, whole numbers as float."""
    if image.mode in ("P", "PA"):
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "I" or image.mode.startswith("I;"):
        return Image.fromarray(np.array(image, np.float32))
    return image


def _eight_bit(image: Image.Image) -> Image.Image:
    """As `_plain`, then float values stretched to their own range."""
    image = _plain(image)
    return Image.fromarray(_stretch(np.array(image))) if image.mode == "F" else image


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


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image
