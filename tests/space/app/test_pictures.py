"""Pictures of every kind. test_abuse.py sends the bad and unusual files to a running app."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageOps
from space_files import drawing, encoded, uniform_png

from cifarlens.space.app.pictures import LARGE, ORIENTATION, open_picture


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


def test_sixteen_bits_are_stretched_to_eight(tmp_path):
    ramp = np.linspace(1000, 3000, 32 * 32).reshape(32, 32).astype(np.uint16)
    pixels = read(tmp_path, encoded(Image.fromarray(ramp), "PNG"))
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert (np.diff(pixels[:, :, 0].ravel()) >= 0).all()


def test_floats_are_stretched_and_become_black_where_they_are_not_finite(tmp_path):
    values = np.linspace(-5, 5, 32 * 32).reshape(32, 32).astype(np.float32)
    values[0, 5], values[0, 6] = np.nan, np.inf
    pixels = read(tmp_path, encoded(Image.fromarray(values), "TIFF"))
    assert (pixels[0, 5:7] == 0).all()
    assert pixels.max() == 255


@pytest.mark.parametrize("orientation", [*range(1, 9), 99])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_exif_rotates_upright(tmp_path, orientation, kind):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = encoded(drawing(), kind, exif=exif)
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


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "I;16"])
def test_large_pictures_are_reduced(tmp_path, mode):
    width, height = 3000, 2000
    assert width * height > LARGE
    if mode == "I;16":
        image = Image.fromarray(np.full((height, width), 7, np.uint16))
    else:
        image = drawing(width, height).convert(mode)
    pixels = read(tmp_path, encoded(image, "PNG", compress_level=1))
    assert pixels.shape[:2] == (-(-height // 3), width // 3)
    if mode != "I;16":
        assert np.abs(pixels[-10, 10] - (220, 0, 0)).max() < 40  # a palette is coarse


PEAK = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from cifarlens.space.app.pictures import open_picture
with ThreadPoolExecutor(4) as pool:
    sizes = [image.size for image in pool.map(open_picture, [Path(sys.argv[1])] * 4)]
assert len(set(sizes)) == 1, sizes
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
@pytest.mark.parametrize(("depth", "colour"), [(8, 6), (16, 2)])
def test_four_of_the_largest_at_once_need_little_memory(tmp_path, depth, colour):
    path = tmp_path / "large.png"
    path.write_bytes(uniform_png(3980, 3980, depth, colour))
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) < 200  # MiB, of which Python and Pillow take 50
