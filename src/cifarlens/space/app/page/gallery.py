"""Returns pictures from the endpoints.

Gradio's own gallery writes a picture in place, to a file named by its content. If two visitors ask
for the same picture at once, one of them can be sent the file while the other truncates it.
"""

import hashlib
import io
from pathlib import Path
from typing import Any
from uuid import uuid4

import gradio as gr
import numpy as np
from gradio.components.gallery import GalleryData, GalleryImage
from gradio.data_classes import ImageData
from PIL import Image

from .components import NoStubMeta

COMPRESSION = 1  # of 9: a quarter of the time of Pillow's default 6, for files a third larger


class PngGallery(gr.Gallery, metaclass=NoStubMeta):
    """Returns pictures as PNG files that are written atomically."""

    is_template = True

    def postprocess(self, value: Any) -> GalleryData:
        """Converts pairs of a uint8 picture H×W×3 and its caption; None gives an empty gallery."""
        return GalleryData(root=[self._item(image, caption) for image, caption in value or ()])

    def _item(self, image: np.ndarray, caption: str) -> GalleryImage:
        content = io.BytesIO()
        Image.fromarray(image).save(content, "PNG", compress_level=COMPRESSION)
        path = write_picture(Path(self.GRADIO_CACHE), content.getvalue())
        return GalleryImage(image=ImageData(path=str(path)), caption=caption)

    async def async_move_resource_to_block_cache(self, url_or_file_path: Any) -> str | None:
        return str(url_or_file_path)  # already in the cache; Gradio's copy would not be atomic


def write_picture(cache: Path, content: bytes) -> Path:
    """Writes a picture atomically, in a folder named by its digest.

    An existing file is replaced by an identical one. This renews its time, so that it is
    not deleted as old.
    """
    folder = cache / hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / "image.png", folder / f"{uuid4().hex}.part"
    part.write_bytes(content)
    part.replace(path)
    return path.resolve()
