"""Decodes picture files. Each file gives an upright RGB picture or a one-sentence error.

A picture that is too large is refused before it is decoded. Large pictures are decoded one at a
time, so memory use stays bounded for any file.

One rule brings values of more than 8 bits to 0 to 255: integers map the full range of their type,
which the file states, so a picture gives the same answer from 8 and from 16 bits. Floats have no
full range; those of a picture map their finite range.
"""

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from .fit import Fit

warnings.filterwarnings("ignore", module=r"PIL\.")  # of damaged EXIF, and of large pictures

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
MIN_DRAFT_SIDE = 256  # pixels; far above the input size of any network
STRIP_PIXELS = 1_000_000  # pixels that are converted at a time
BITS, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # TIFF tags
WHITE_IS_ZERO = 0  # of PHOTOMETRIC
SIGNED = 2  # of SAMPLE_FORMAT
PLANAR = 284  # TIFF tag
NATIVE = {"F;32BF": "F;32NF", "I;16BS": "I;16NS", "I;32BS": "I;32NS"}  # libtiff swaps bytes itself
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


class PictureError(Exception):
    """Reports a file that is not a usable picture, in one sentence for the user."""


def open_picture(path: Path, fit: Fit = "crop") -> Image.Image:
    """Reads a picture file.

    Args:
        path: a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file; only the first frame of an animation
            is read.
        fit: what becomes of the picture, see `fit_image`.

    Returns:
        An RGB picture, rotated upright according to EXIF, with transparent pixels on white. A
        picture of more than `LARGE` pixels is reduced by a whole factor or, with `crop`, cropped to
        its centre square.

    Raises:
        PictureError: the file cannot be read as a picture, has more pixels than its format may
            have, or has a side below `MIN_SIDE` pixels.
    """
    try:
        # From a path, Pillow maps some TIFFs to memory, and misreads those that lie on a side.
        with path.open("rb") as file, Image.open(file, formats=list(FORMATS)) as image:
            _check_size(*image.size, _kind(image))
            if image.width * image.height <= LARGE:
                return _decode(image, fit)
            return _large.submit(_decode, image, fit).result()
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


def _decode(image: Image.Image, fit: Fit) -> Image.Image:
    _correct_tiff(image)
    image.draft("RGB", (MIN_DRAFT_SIDE, MIN_DRAFT_SIDE))  # JPEG only: decodes at a reduced scale
    image.load()
    transpose = _transpose(image)
    result = _eight_bit(image, fit)
    image.close()  # frees its memory before the next picture is decoded
    return result if transpose is None else result.transpose(transpose)


def _correct_tiff(image: Image.Image) -> None:
    """Corrects how Pillow reads the bytes of some TIFFs, before it does; raises ValueError."""
    if not isinstance(image, TiffImageFile):
        return
    tags = image.tag_v2
    if tags.get(PLANAR) == 2 and max(tags.get(BITS, (8,))) > 8 and image.tile[0][0] == "raw":
        raise ValueError("Pillow reads planes of 16 bits as planes of 8")
    for number, tile in enumerate(image.tile):
        if tile.codec_name == "libtiff" and isinstance(tile.args, tuple):
            mode, *rest = tile.args
            image.tile[number] = tile._replace(args=(NATIVE.get(mode, mode), *rest))


def _transpose(image: Image.Image) -> Image.Transpose | None:
    """Returns the operation that rotates the picture upright according to EXIF."""
    try:
        return TRANSPOSES.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF: the picture itself is still usable
        return None


def _eight_bit(image: Image.Image, fit: Fit) -> Image.Image:
    """Returns an opaque RGB picture; works in strips, without a full-size copy.

    Reduces more than `LARGE` pixels by a whole factor. If the picture is too thin for that, crops
    it to the centre square, if that is all that the network sees.
    """
    left, top, right, bottom, factor = 0, 0, *image.size, 1
    if image.width * image.height > LARGE:
        factor = min(image.size) // MIN_DRAFT_SIDE
        if factor < 2:
            factor = 1
            if fit == "crop":
                left, top, right, bottom = _centre_square(*image.size)
    rows = max(STRIP_PIXELS // (right - left) // factor, 1) * factor

    def strips() -> Iterator[Image.Image]:
        for start in range(top, bottom, rows):
            yield image.crop((left, start, right, min(start + rows, bottom)))

    convert = _opaque
    if image.mode == "L" and getattr(image, "tag_v2", {}).get(SAMPLE_FORMAT, (1,))[0] == SIGNED:
        convert = _unsigned
    if image.mode == "F" or image.mode.startswith("I"):
        low, high = _value_range(image, strips())
        convert = partial(_stretch, low=low, high=high)
    result = Image.new("RGB", (-(-(right - left) // factor), -(-(bottom - top) // factor)))
    for number, strip in enumerate(strips()):
        strip = convert(strip)
        strip = strip.reduce(factor) if factor > 1 else strip  # a factor of 1 copies
        result.paste(strip, (0, number * rows // factor))
    return result


def _centre_square(width: int, height: int) -> tuple[int, int, int, int]:
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _value_range(image: Image.Image, strips: Iterator[Image.Image]) -> tuple[float, float]:
    """Returns the values that become 0 and 255."""
    tags = getattr(image, "tag_v2", {})  # of a TIFF; the integers of a PNG are unsigned 16-bit
    if image.mode == "F":
        low, high = np.inf, -np.inf
        for strip in strips:
            values = np.asarray(strip)
            values = values[np.isfinite(values)]
            low = min(low, float(values.min(initial=np.inf)))
            high = max(high, float(values.max(initial=-np.inf)))
        if low > high:
            raise PictureError(
                "The picture contains no usable pixel values (all are NaN or infinite); choose"
                " another one."
            )
    else:
        bits = tags.get(BITS, (16,))[0]
        low = -(2.0 ** (bits - 1)) if tags.get(SAMPLE_FORMAT, (1,))[0] == SIGNED else 0.0
        high = low + 2**bits - 1
    return (high, low) if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO else (low, high)


def _stretch(image: Image.Image, low: float, high: float) -> Image.Image:
    """Maps `low` to black and `high` to white; NaN and infinite values become black."""
    pixels = np.asarray(image)
    if pixels.dtype == np.int32 and min(low, high) == 0:
        pixels = pixels.view(np.uint32)  # Pillow has no mode for unsigned 32-bit integers
    values = np.where(np.isfinite(pixels), pixels, low).astype(np.float64)
    grey = np.rint((values - low) * (255 / ((high - low) or 1))).astype(np.uint8)
    if "transparency" in image.info:
        grey[pixels == image.info["transparency"]] = 255
    return Image.fromarray(grey).convert("RGB")


def _unsigned(image: Image.Image) -> Image.Image:
    """Maps -128 to black and 127 to white, of values that Pillow reads as unsigned."""
    return Image.fromarray(np.asarray(image) ^ 128).convert("RGB")


def _opaque(image: Image.Image) -> Image.Image:
    """Puts a picture of 8 bits on white."""
    key = image.info.get("transparency")
    if isinstance(key, tuple) and max(key) > 255:  # of 16-bit colours, which Pillow reads as 8-bit
        image.info["transparency"] = tuple(value >> 8 for value in key)
    if image.mode in ("P", "PA", "RGBA", "LA", "RGBa", "La") or key is not None:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
