"""Defines Gradio components that refuse input with a message and leave decoding to the handlers.

Gradio's own image component decodes a file before any handler runs. A bad file then gives an error
without a message, and a small file that expands to gigabytes is expanded.
"""

import math
from abc import ABCMeta
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.component_meta import ComponentMeta

from ..checks import InputError


def refuse(error: InputError) -> gr.Error:
    """Returns the error to raise on the page and in the API. It holds only the message."""
    return gr.Error(str(error), title="Invalid input", duration=8, print_exception=False)


class NoStubMeta(ComponentMeta):
    """Replaces Gradio's metaclass, which writes a `.pyi` file next to the source."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]
    ) -> "NoStubMeta":
        return ABCMeta.__new__(cls, name, bases, attributes)


NOT_UPLOADED = InputError(
    "The picture must be sent as an uploaded file, not as a URL or text; with gradio_client, use"
    " handle_file(...)."
)


class PictureInput(gr.Image, metaclass=NoStubMeta):
    """Passes on the path of the uploaded file without reading it."""

    is_template = True  # the page shows it as a gr.Image

    def preprocess(self, payload: Any) -> Any:
        if payload is None:
            return None
        if not payload.path:  # base64 text would bypass the upload limit
            raise refuse(NOT_UPLOADED)
        return Path(payload.path)

    async def async_move_resource_to_block_cache(self, url_or_file_path: Any) -> str | None:
        _refuse_url(url_or_file_path)
        return await super().async_move_resource_to_block_cache(url_or_file_path)


class PicturesInput(gr.File, metaclass=NoStubMeta):
    """Passes on the paths and original names of several uploaded files without reading them."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        files = getattr(payload, "root", payload) or []
        if not isinstance(files, list) or not all(file.path for file in files):
            raise refuse(NOT_UPLOADED)
        return [(Path(file.path), file.orig_name or Path(file.path).name) for file in files]

    async def async_move_resource_to_block_cache(self, url_or_file_path: Any) -> str | None:
        _refuse_url(url_or_file_path)
        return await super().async_move_resource_to_block_cache(url_or_file_path)


class PageSlider(gr.Slider, metaclass=NoStubMeta):
    """Clamps its value. Used on the page.

    If a visitor types 11 next to a slider that ends at 10, the page first sends 11, then corrects
    its box to 10 and sends nothing more. An error here would leave a stale result.
    """

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        number = isinstance(payload, int | float) and not isinstance(payload, bool)
        if not number or math.isnan(payload):
            return self.value
        return super().preprocess(min(max(payload, self.minimum), self.maximum))


class RawSlider(gr.Slider, metaclass=NoStubMeta):
    """Passes its value on unchanged; the handler checks it. Used for the API."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return payload


class RawRadio(gr.Radio, metaclass=NoStubMeta):
    """Passes its value on unchanged, as `RawSlider` does."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return payload


def _refuse_url(place: Any) -> None:
    if str(place).lower().startswith(("http:", "https:")):
        raise refuse(NOT_UPLOADED)
