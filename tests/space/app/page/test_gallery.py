import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from cifarlens.space.app.page.gallery import PngGallery, write_picture


def test_pictures_are_exact_and_have_captions(tmp_path, monkeypatch):
    rows = np.arange(30 * 40 * 3, dtype=np.uint8).reshape(30, 40, 3)
    gallery = PngGallery()
    monkeypatch.setattr(gallery, "GRADIO_CACHE", str(tmp_path))
    items = gallery.postprocess([(rows, "cat 90%"), (255 - rows, "dog 5%")]).root
    assert [item.caption for item in items] == ["cat 90%", "dog 5%"]
    for item, expected in zip(items, (rows, 255 - rows), strict=True):
        assert Path(item.image.path).is_relative_to(tmp_path)
        with Image.open(item.image.path) as image:
            assert (np.asarray(image) == expected).all()


def test_a_picture_is_always_complete_while_others_write_it(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    content = stream.getvalue()
    path = write_picture(tmp_path, content)

    def write_or_read(turn: int) -> bool:
        if turn % 2:
            return write_picture(tmp_path, content) == path
        return path.read_bytes() == content

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write_or_read, range(400)))
    assert [file.name for file in path.parent.iterdir()] == ["image.png"]
