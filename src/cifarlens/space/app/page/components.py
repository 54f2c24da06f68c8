"""Gradio components that refuse in words, and leave decoding to the handlers.

Gradio's own image component decodes before any handler runs: a bad file gives a wordless error, and
a small file that unpacks to gigabytes is unpacked.
"""

import math
from abc import ABCMeta
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.component_meta import ComponentMeta

from ..checks import InputError


def refuse(error: InputError) -> gr.Error:
    """The error to raise for page and API, its sentence and nothing else."""
    return gr.Error(str(error), title="Please check", duration=8, print_exception=False)


class Quiet(ComponentMeta):
    """Gradio's metaclass without its habit of writing a `.pyi` file beside the source."""

    def __new__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> "Quiet":
        return ABCMeta.__new__(cls, name, bases, attributes)


NOT_UPLOADED = InputError(
    "The picture must be sent as an uploaded file, not as an address or text."
)


class PictureInput(gr.Image, metaclass=Quiet):
    """Passes the uploaded file's path on, unread."""

    is_template = True  # the page shows it as a gr.Image

    def preprocess(self, payload: Any) -> Any:
        if payload is None:
            return None
        if not payload.path:  # base64 text would pass the upload limit by
            raise refuse(NOT_UPLOADED)
        return Path(payload.path)

    async def async_move_resource_to_block_cache(self, url_or_file_path: Any) -> str | None:
        _refuse_address(url_or_file_path)
        return await super().async_move_resource_to_block_cache(url_or_file_path)


class PicturesInput(gr.File, metaclass=Quiet):
    """Passes the paths of several uploaded files on, unread, with the names they came with."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        files = getattr(payload, "root", payload) or []
        if not isinstance(files, list) or not all(file.path for file in files):
            raise refuse(NOT_UPLOADED)
        return [(Path(file.path), file.orig_name or Path(file.path).name) for file in files]

    async def async_move_resource_to_block_cache(self, url_or_file_path: Any) -> str | None:
        _refuse_address(url_or_file_path)
        return await super().async_move_resource_to_block_cache(url_or_file_path)


class PageSlider(gr.Slider, metaclass=Quiet):
    """For people: clamps.

    Typing 11 beside a slider that ends at 10 sends 11 first; the page then corrects its box to 10
    and sends nothing more, so an error here would leave a stale result.
    """

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        number = isinstance(payload, int | float) and not isinstance(payload, bool)
        if not number or math.isnan(payload):
            return self.value
        return super().preprocess(min(max(payload, self.minimum), self.maximum))


class RawSlider(gr.Slider, metaclass=Quiet):
    """For programs: passes the value on as it came, for the handler to check in words."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return payload


class RawRadio(gr.Radio, metaclass=Quiet):
    """As `RawSlider`, for names."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return payload


def _refuse_address(place: Any) -> None:
    if str(place).lower().startswith(("http:", "https:")):
        raise refuse(NOT_UPLOADED)
