"""Pictures of every kind. test_abuse.py sends the bad and unusual files to a running app."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps
from space_files import chunk, drawing, encoded, raw_png, raw_tiff, uniform_png

from cifarlens.pictures.decode import LARGE, ORIENTATION, open_picture


def read(tmp_path, content):
    path = tmp_path / "picture"
    path.write_bytes(content)
    image = open_picture(path)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def assert_alike(actual, image, tolerance):
    expected = np.asarray(image.convert("RGB")).astype(int)
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).mean() <= tolerance


@pytest.mark.parametrize(
    ("mode", "kind", "options", "tolerance"),
    [
        ("RGB", "PNG", {}, 0),
        ("RGB", "BMP", {}, 0),
        ("RGB", "TIFF", {}, 0),
        ("RGB", "WEBP", {"lossless": True}, 0),
        ("RGB", "GIF", {}, 2),
        ("RGB", "JPEG", {"quality": 95}, 6),
        ("RGB", "AVIF", {"quality": 95}, 6),
        ("CMYK", "JPEG", {"quality": 95}, 8),
        *((mode, "TIFF", {}, 1) for mode in ("L", "1", "P", "CMYK", "LA", "RGBA")),
    ],
)
def test_formats_and_modes(tmp_path, mode, kind, options, tolerance):
    image = drawing().convert(mode)
    assert_alike(read(tmp_path, encoded(image, kind, **options)), image, tolerance)


def test_transparent_pixels_become_white(tmp_path):
    image = drawing().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    assert (read(tmp_path, encoded(image, "PNG")) == 255).all()
    image = Image.new("P", (16, 16), 0)
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.putpixel((3, 3), 1)
    pixels = read(tmp_path, encoded(image, "PNG", transparency=0))
    assert (pixels[0, 0] == 255).all()
    assert tuple(pixels[3, 3]) == (0, 0, 200)


NOISE = np.random.default_rng(0).integers(0, 256, (2300, 1500, 4), np.uint8)
NOISE[0, :2] = [[0] * 4, [255] * 4]


@pytest.mark.parametrize("size", [(32, 40), (2300, 900), (2300, 1500)])  # whole, cropped, reduced
@pytest.mark.parametrize(("channels", "key"), [(1, 0), (1, 2), (2, 0), (3, 0), (3, 6), (4, 0)])
def test_a_png_gives_the_same_picture_from_8_and_from_16_bits(tmp_path, size, channels, key):
    pixels = NOISE[: size[0], : size[1], :channels]

    def file(values):  # with a transparent colour in `key` bytes
        colour = values[size[0] // 2, size[1] // 2].astype(">u2").tobytes()
        return raw_png(values, chunk(b"tRNS", colour) if key else b"")

    expected = read(tmp_path, file(pixels))
    np.testing.assert_array_equal(read(tmp_path, file(pixels.astype(np.uint16) * 257)), expected)
    if key and size == (32, 40):
        assert (expected[16, 20] == 255).all()


@pytest.mark.parametrize("size", [(32, 40), (2300, 1500)])
@pytest.mark.parametrize(
    ("kind", "photometric"),  # of TIFFs where 0 is white, Pillow can read only three types
    [
        *((kind, 1) for kind in ("<u2", ">u2", "<i2", ">i2", "<u4", "<i4", ">i4", "<f4", ">f4")),
        *((kind, 0) for kind in ("<u2", "<f4", ">f4")),
        ("<i1", 1),
    ],
)
@pytest.mark.parametrize("deflate", [False, True])
def test_a_tiff_gives_the_same_picture_from_any_type(tmp_path, size, photometric, kind, deflate):
    pixels = NOISE[: size[0], : size[1], 0]
    bits = 8 * int(kind[2])
    wide = pixels.astype(np.int64) * ((2**bits - 1) // 255)
    low = {"u": 0, "i": -(2 ** (bits - 1)), "f": -7}[kind[1]]
    content = raw_tiff((wide + low).astype(kind), photometric, deflate)
    expected = read(tmp_path, raw_tiff(pixels, photometric))
    np.testing.assert_array_equal(read(tmp_path, content), expected)


def test_a_narrow_range_of_integers_stays_narrow_and_one_of_floats_is_stretched(tmp_path):
    ramp = np.linspace(1000, 3000, 32 * 32).reshape(32, 32)
    pixels = read(tmp_path, raw_png(ramp.astype(np.uint16)[..., np.newaxis]))
    assert (pixels.min(), pixels.max()) == (4, 12)
    pixels = read(tmp_path, encoded(Image.fromarray(ramp).convert("F"), "TIFF"))
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_values_that_are_not_finite_become_black(tmp_path):
    values = np.full((32, 32), 3e38, np.float32)
    values[0, :4] = -3e38, np.nan, np.inf, -np.inf
    pixels = read(tmp_path, raw_tiff(values))
    assert (pixels[0, :4] == 0).all()
    assert (pixels[1:] == 255).all()


@pytest.mark.parametrize("orientation", [*range(1, 9), 99])
@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "JPEG"), ("RGB", "PNG"), ("RGB", "TIFF"), ("L", "TIFF")]
)
def test_exif_rotates_upright(tmp_path, orientation, mode, kind):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = encoded(drawing().convert(mode), kind, exif=exif)
    with Image.open(io.BytesIO(content)) as image:
        assert_alike(read(tmp_path, content), ImageOps.exif_transpose(image), 0)


def test_a_jpeg_with_a_second_picture_after_it(tmp_path):
    wide = Image.new("RGB", (5000, 4000), "teal")  # more pixels than other formats may have
    content = encoded(wide, "MPO", save_all=True, append_images=[drawing()])
    assert (read(tmp_path, content)[0, 0] == read(tmp_path, encoded(wide, "JPEG"))[0, 0]).all()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_only_the_first_frame_of_an_animation_is_read(tmp_path, kind):
    black = Image.new("RGB", (64, 48))
    content = encoded(drawing(), kind, save_all=True, append_images=[black, black])
    assert_alike(read(tmp_path, content), drawing(), 6)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_large_pictures_are_reduced(tmp_path, mode):
    width, height = 3000, 2000
    assert width * height > LARGE
    content = encoded(drawing(width, height).convert(mode), "PNG", compress_level=1)
    pixels = read(tmp_path, content)
    assert pixels.shape[:2] == (-(-height // 7), -(-width // 7))
    assert np.abs(pixels[-10, 10] - (220, 0, 0)).max() < 40  # a palette is coarse


PEAK = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from cifarlens.pictures.decode import open_picture
with ThreadPoolExecutor(4) as pool:
    sizes = [image.size for image in pool.map(open_picture, [Path(sys.argv[1])] * 4)]
assert len(set(sizes)) == 1, sizes
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
@pytest.mark.parametrize(("depth", "colour"), [(8, 6), (16, 0), (16, 2)])
def test_four_of_the_largest_at_once_need_little_memory(tmp_path, depth, colour):
    path = tmp_path / "large.png"
    path.write_bytes(uniform_png(3980, 3980, depth, colour))
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) < 200  # MiB, of which Python and Pillow take 50
