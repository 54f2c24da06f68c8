import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from space_files import BAD, ODD, bomb, drawing, encoded

from cifarlens.space.app.pictures import LARGE, MIN_SIDE, PictureError, open_picture

ORIENTATION = 0x0112


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # a bomb is among them
@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_in_one_sentence(tmp_path: Path, name: str):
    content, words = BAD[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PictureError) as caught:
        open_picture(path)
    assert str(caught.value).startswith(words)
    assert str(path) not in str(caught.value)


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures_are_pictures(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_bytes(ODD[name])
    image = open_picture(path)
    assert image.mode == "RGB"
    assert min(image.size) >= MIN_SIDE


def test_a_missing_file_is_refused_without_its_path(tmp_path: Path):
    with pytest.raises(PictureError, match="could not be read"):
        open_picture(tmp_path / "none.png")


def opened(tmp_path: Path, content: bytes) -> np.ndarray:
    path = tmp_path / "picture"
    path.write_bytes(content)
    image = open_picture(path)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def alike(found: np.ndarray, expected: Image.Image, tolerance: int) -> bool:
    target = np.asarray(expected.convert("RGB")).astype(int)
    return found.shape == target.shape and np.abs(found - target).mean() <= tolerance


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("GIF", {}, 2),
        ("JPEG", {"quality": 95}, 6),
        ("AVIF", {"quality": 95}, 6),
    ],
)
def test_formats(tmp_path, kind, options, tolerance):
    assert alike(opened(tmp_path, encoded(drawing(), kind, **options)), drawing(), tolerance)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA", "RGBA"])
def test_modes(tmp_path, mode):
    image = drawing().convert(mode)
    assert alike(opened(tmp_path, encoded(image, "TIFF")), image, 1)


def test_cmyk_jpeg(tmp_path):
    image = drawing().convert("CMYK")
    assert alike(opened(tmp_path, encoded(image, "JPEG", quality=95)), image, 8)


def test_transparency_lies_over_white(tmp_path):
    image = drawing().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    assert (opened(tmp_path, encoded(image, "PNG")) == 255).all()


def test_a_transparent_colour_of_a_palette_is_white(tmp_path):
    image = Image.new("P", (16, 16), 0)
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.putpixel((3, 3), 1)
    found = opened(tmp_path, encoded(image, "PNG", transparency=0))
    assert (found[0, 0] == 255).all()
    assert tuple(found[3, 3]) == (0, 0, 200)


def test_sixteen_bits_keep_their_contrast(tmp_path):
    ramp = np.linspace(1000, 3000, 32 * 32).reshape(32, 32).astype(np.uint16)
    found = opened(tmp_path, encoded(Image.fromarray(ramp), "PNG"))
    assert found.min() == 0
    assert found.max() == 255
    assert (np.diff(found[:, :, 0].ravel()) >= 0).all()


def test_floats_with_some_that_are_no_numbers(tmp_path):
    values = np.linspace(-5, 5, 32 * 32).reshape(32, 32).astype(np.float32)
    values[0, 5], values[0, 6] = np.nan, np.inf
    found = opened(tmp_path, encoded(Image.fromarray(values), "TIFF"))
    assert (found[0, 5:7] == 0).all()
    assert found.max() == 255


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_exif_turns_upright(tmp_path, orientation, kind):
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = drawing() if undo is None else drawing().transpose(undo)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    found = opened(tmp_path, encoded(stored, kind, exif=exif))
    assert alike(found, drawing(), 8 if kind == "JPEG" else 0)


def test_a_jpeg_with_a_second_picture_behind_it(tmp_path):
    wide = Image.new("RGB", (5000, 4000), "teal")  # more than other formats may have
    content = encoded(wide, "MPO", save_all=True, append_images=[drawing()])
    assert (opened(tmp_path, content)[0, 0] == opened(tmp_path, encoded(wide, "JPEG"))[0, 0]).all()


def test_broken_exif_is_passed_over(tmp_path):
    content = encoded(drawing(), "JPEG", quality=95, exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert alike(opened(tmp_path, content), drawing(), 8)


def test_of_an_animation_the_first_frame(tmp_path):
    frames = [drawing().quantize(), Image.new("P", (64, 48)), Image.new("P", (64, 48))]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert alike(opened(tmp_path, content), drawing(), 3)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "I;16"])
def test_large_pictures_come_reduced(tmp_path, mode):
    width, height = 3000, 2000
    assert width * height > LARGE
    if mode == "I;16":
        image = Image.fromarray(np.full((height, width), 7, np.uint16))
    else:
        image = drawing(width, height).convert(mode)
    found = opened(tmp_path, encoded(image, "PNG", compress_level=1))
    assert found.shape[:2] == (-(-height // 3), width // 3)
    if mode != "I;16":
        assert np.abs(found[-10, 10] - (220, 0, 0)).max() < 40  # a palette is coarse


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


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize(("depth", "colour"), [(8, 0), (8, 6), (16, 0), (16, 2)])
def test_four_of_the_largest_at_once_stay_small(tmp_path, depth, colour):
    path = tmp_path / "large.png"
    path.write_bytes(bomb(3980, 3980, depth, colour))
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) < 200  # MiB, of which Python and Pillow take 50
