"""The pictures that endpoints answer with.

Gradio's own gallery writes a picture into a file named by its content, in place: of two visitors
who ask for the same picture at once, one can be sent the file while the other empties it.
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

from .components import Quiet

COMPRESSION = 1  # of 9: a quarter of the time of Pillow's 6, and files a third larger


class PngGallery(gr.Gallery, metaclass=Quiet):
    """Answers pictures as PNG files that appear whole or not at all."""

    is_template = True

    def postprocess(self, value: Any) -> GalleryData:
        """Of pairs of a uint8 picture H×W×3 and its caption; of None an empty gallery."""
        return GalleryData(root=[self._item(image, caption) for image, caption in value or ()])

    def _item(self, image: np.ndarray, caption: str) -> GalleryImage:
        content = io.BytesIO()
        Image.fromarray(image).save(content, "PNG", compress_level=COMPRESSION)
        path = write_once(Path(self.GRADIO_CACHE), content.getvalue())
        return GalleryImage(image=ImageData(path=str(path)), caption=caption)

    async def async_move_resource_to_block_cache(self, url_or_file_path: Any) -> str | None:
        return str(url_or_file_path)  # it lies there already; a copy would be made in place


def write_once(cache: Path, content: bytes) -> Path:
    """Writes a picture under its digest; the file is never there in part.

    A file that is there is replaced by its like, so that it is as young as its last use: Gradio
    deletes the old.
    """
    folder = cache / hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    path, part = folder / "image.png", folder / f"{uuid4().hex}.part"
    part.write_bytes(content)
    part.replace(path)
    return path.resolve()
