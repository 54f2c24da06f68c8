import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from cifarlens.space.app.page.gallery import write_picture


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
