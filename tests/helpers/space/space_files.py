"""Files that strangers upload: damaged, hostile and unusual ones, made in code.

`BAD` holds files that must be refused, with the beginning of the message. `UNUSUAL` holds unusual
files that must be accepted.
"""

import io
import pickle
import struct
import zlib

import numpy as np
from PIL import Image

UNREADABLE = "The file could not be read as a picture; choose a JPEG, PNG, WebP, GIF, BMP, TIFF or"
FAR_TOO_LARGE = "The picture has far more than 40 megapixels, the most that any format may have."
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def drawing(width: int = 64, height: int = 48) -> Image.Image:
    """Draws red on the left, blue on the right, and a green band at the top."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = 220
    pixels[:, width // 2 :, 2] = 220
    pixels[: height // 4, :, 1] = 220
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    check = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", check)


def uniform_png(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    """Returns a PNG whose pixels are all zero, so that many pixels compress to a small file."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    packer = zlib.compressobj(9)
    line = bytes(1 + width * channels * depth // 8)
    lines = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def raw_png(pixels: np.ndarray, *more: bytes) -> bytes:
    """Returns a PNG of uint8 or uint16 pixels, H×W×channels, with further chunks."""
    height, width, channels = pixels.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, colour, 0, 0, 0)
    big_endian = pixels.astype(pixels.dtype.newbyteorder(">"))
    lines = zlib.compress(b"".join(b"\0" + row.tobytes() for row in big_endian), 1)
    body = b"".join(more) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
    return SIGNATURE + chunk(b"IHDR", header) + body


def raw_tiff(pixels: np.ndarray, photometric: int = 1, deflate: bool = False) -> bytes:
    """Returns a grey TIFF with the type and byte order of the pixels, H×W."""
    data = zlib.compress(pixels.tobytes()) if deflate else pixels.tobytes()
    order = ">" if pixels.dtype.str[0] == ">" else "<"
    height, width = pixels.shape
    tags = {256: width, 257: height, 258: 8 * pixels.itemsize, 259: 8 if deflate else 1}
    tags |= {
        262: photometric,
        273: 138,
        277: 1,
        278: height,
        279: len(data),
        339: "_uif".index(pixels.dtype.kind),
    }
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, tags[tag]) for tag in tags)
    start = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}IH", 8, len(tags))
    return (start + entries).ljust(138, b"\0") + data


def png(width: int, height: int, *more: bytes) -> bytes:
    """Returns a PNG of 16×16 pixels whose header claims the given size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = zlib.compress(bytes(16 * 49))
    body = b"".join(more) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
    return SIGNATURE + chunk(b"IHDR", header) + body


def text_bomb() -> bytes:
    """Returns a PNG with a compressed comment that expands to 200 MB."""
    packed = zlib.compress(bytes(200_000_000), 9)
    return png(16, 16, chunk(b"zTXt", b"Comment\x00\x00" + packed))


def looping_tiff() -> bytes:
    """Returns a TIFF whose directory names itself as the next one."""
    entry = struct.pack("<HHII", 256, 4, 1, 16)
    return b"II*\x00" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 8)


def many_tags() -> bytes:
    """Returns a TIFF directory of 60,000 entries that all point outside the file."""
    entries = b"".join(struct.pack("<HHII", tag, 2, 2**31, 2**31) for tag in range(60_000))
    return b"II*\x00" + struct.pack("<IH", 8, 60_000) + entries + struct.pack("<I", 0)


JPEG = encoded(drawing(), "JPEG", quality=95)
PNG = encoded(drawing(), "PNG")
GIF = encoded(drawing().quantize(), "GIF")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n%%EOF\n"


def _too_small(width: int, height: int) -> str:
    return f"The picture is {width}×{height} pixels; it must be at least 8×8. Choose a larger one."


def _too_large(width: int, height: int, kind: str, limit: int) -> str:
    size = f"{width * height / 10**6:g} megapixels ({width}×{height})"
    return f"The picture has {size}; {kind} files may have at most {limit}. Make it smaller"


BAD: dict[str, tuple[bytes, str]] = {
    # other kinds of files
    "empty.png": (b"", UNREADABLE),
    "script.svg": (SVG, UNREADABLE),
    "figure.eps": (EPS, UNREADABLE),
    "object.pkl": (pickle.dumps({"a": [1, 2, 3]}), UNREADABLE),
    "photo.heic": (b"\x00\x00\x00\x20ftypheic" + bytes(200), UNREADABLE),
    # formats that are not accepted
    "icon.ico": (encoded(drawing(32, 32), "ICO"), UNREADABLE),
    # damaged
    "truncated.jpg": (JPEG[: len(JPEG) // 2], UNREADABLE),
    "truncated.png": (PNG[: len(PNG) // 2], UNREADABLE),
    "truncated.webp": (encoded(drawing(), "WEBP")[:60], UNREADABLE),
    "truncated.gif": (GIF[:30], UNREADABLE),
    "truncated.tiff": (encoded(drawing(), "TIFF")[:200], UNREADABLE),
    "truncated.bmp": (encoded(drawing(), "BMP")[:100], UNREADABLE),
    "truncated.avif": (encoded(drawing(), "AVIF")[:100], UNREADABLE),
    "broken-sum.png": (PNG[:60] + bytes([PNG[60] ^ 255]) + PNG[61:], UNREADABLE),
    "no-width.png": (png(0, 16), UNREADABLE),
    "loop.tiff": (looping_tiff(), UNREADABLE),
    "tags.tiff": (many_tags(), UNREADABLE),
    "not-a-number.tiff": (
        encoded(Image.fromarray(np.full((16, 16), np.nan, np.float32)), "TIFF"),
        "The picture contains no usable pixel values (all are NaN or infinite)",
    ),
    # of the wrong size
    "line.png": (encoded(drawing(4000, 4).resize((4000, 1)), "PNG"), _too_small(4000, 1)),
    "column.jpg": (encoded(drawing(4, 4).resize((1, 4000)), "JPEG"), _too_small(1, 4000)),
    "seven.gif": (encoded(drawing(7, 7).quantize(), "GIF"), _too_small(7, 7)),
    # too large to decode
    "bomb-144.png": (uniform_png(12_000, 12_000, 1), _too_large(12_000, 12_000, "PNG", 16)),
    "bomb-400.png": (uniform_png(20_000, 20_000, 1), FAR_TOO_LARGE),
    "bomb-49.jpg": (
        encoded(Image.new("L", (7000, 7000)), "JPEG"),
        _too_large(7000, 7000, "JPEG", 40),
    ),
    "bomb-20.jpg": (
        encoded(drawing(5000, 4000), "JPEG", progressive=True),
        _too_large(5000, 4000, "progressive JPEG", 16),
    ),
    "bomb-13.webp": (
        encoded(Image.new("RGB", (4000, 3200)), "WEBP", quality=1, method=0),
        _too_large(4000, 3200, "WebP", 10),
    ),
    "bomb-in-a-comment.png": (text_bomb(), UNREADABLE),
}

UNUSUAL: dict[str, bytes] = {
    "progressive.jpg": encoded(drawing(640, 480), "JPEG", progressive=True),
    "broken-exif.jpg": encoded(drawing(), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff"),
    "broken-profile.png": encoded(drawing(), "PNG", icc_profile=b"no profile"),
    "and-a-script.jpg": JPEG + SVG,
    "thin.png": encoded(drawing(4000, 8), "PNG"),
    "thin-15-megapixels.png": uniform_png(980_000, 16, 8, 6),
    "15-megapixels-of-16-bits.png": uniform_png(3980, 3980, 16, 0),
    "39-megapixels.jpg": encoded(Image.new("RGB", (6300, 6300), "teal"), "JPEG"),
}

NAMES = (
    "../../../../etc/cron.d/evil.png",
    "..\\..\\windows\\evil.png",
    "/etc/passwd",
    "%2e%2e%2f%2e%2e%2fapp.py",
    "a" * 500 + ".png",
    "; rm -rf $HOME #.png",
    "<img src=x onerror=alert(1)>.png",
    "two\r\nlines: here.png",
    "nothing\x00here.png",
    "\u202egnp.exe",
    "\U0001f600" * 60 + ".png",
)
