"""Defines Gradio components that refuse input with a message and leave decoding to the handlers.

Gradio's own image component decodes a file before any handler runs. A bad file then gives an error
without a message, and a small file that expands to gigabytes is expanded.
"""

import math
import os
from abc import ABCMeta
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.component_meta import ComponentMeta
from gradio.utils import get_upload_folder

from ..checks import InputError, check_choice

MAX_TEXT = 255  # characters of a name or a choice


def refuse(error: InputError) -> gr.Error:
    """Returns the error to raise on the page and in the API. It holds only the message."""
    return gr.Error(str(error), title="Invalid input", duration=8, print_exception=False)


def refusing(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a handler so that its InputError reaches the page and the API as a message."""

    @wraps(handler)
    def wrapped(*values: Any) -> Any:
        try:
            return handler(*values)
        except InputError as error:
            raise refuse(error) from None

    return wrapped


class NoStubMeta(ComponentMeta):
    """Replaces Gradio's metaclass, which writes a `.pyi` file next to the source."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]
    ) -> "NoStubMeta":
        return ABCMeta.__new__(cls, name, bases, attributes)


NOT_UPLOADED = InputError(
    "The picture must be sent as an uploaded file, not as a URL or text; with gradio_client, use"
    " handle_file(...) with the path of a file on your machine."
)


class CheckedBlocks(gr.Blocks):
    """Checks every value before Gradio does, whichever endpoint it comes through.

    Gradio downloads the address in any file that is sent, even in place of a number.
    """

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], *arguments: Any, **options: Any
    ) -> list[Any]:
        try:
            blocks = block_fn.inputs
            if len(inputs) != len(blocks):
                names = ", ".join(str(getattr(block, "label", "")) for block in blocks) or "none"
                raise InputError(
                    f"The number of values is {len(inputs)}; it must be {len(blocks)}: {names}."
                )
            inputs = [_check(block, value) for block, value in zip(blocks, inputs, strict=True)]
        except InputError as error:
            raise refuse(error) from None
        result: list[Any] = await super().preprocess_data(block_fn, inputs, *arguments, **options)
        return result


def _check(block: gr.blocks.Block, value: Any) -> Any:
    """Returns a value in which every file is an upload, without its address.

    Raises InputError if it cannot be one.
    """
    if isinstance(block, PictureInput):
        return None if value is None else _upload(value)
    if isinstance(block, PicturesInput):
        if not isinstance(value, list | None):
            raise NOT_UPLOADED
        return [_upload(file) for file in value or []]
    value = [_plain(item) for item in value] if isinstance(value, list) else _plain(value)
    if choices := getattr(block, "choices", ()):
        label = str(getattr(block, "label", ""))
        several = isinstance(block, gr.CheckboxGroup) or getattr(block, "multiselect", False)
        if several and not isinstance(value, list):
            raise InputError(f"{label} must be a list of names.")
        for item in value if several else [value]:
            check_choice(item, [choice for _, choice in choices], label)
    return value


def _plain(value: Any) -> Any:
    """Returns a value that cannot hold a file; the handler still sees its type."""
    if isinstance(value, list | dict):
        return type(value)()
    return value[:MAX_TEXT] if isinstance(value, str) else value


def _upload(value: Any) -> dict[str, Any]:
    """Returns the path and the original name of an uploaded file; raises InputError."""
    match value:
        case {"path": str(path), "meta": {"_type": "gradio.FileData"}}:
            name = value.get("orig_name")
        case _:
            raise NOT_UPLOADED
    uploads = os.path.realpath(get_upload_folder())
    if "\0" in path or os.path.commonpath([uploads, os.path.realpath(path)]) != uploads:
        raise NOT_UPLOADED
    name = name[:MAX_TEXT] if isinstance(name, str) else None
    return {"path": path, "orig_name": name, "meta": value["meta"]}


class PictureInput(gr.Image, metaclass=NoStubMeta):
    """Passes on the path of the uploaded file without reading it."""

    is_template = True  # the page shows it as a gr.Image

    def preprocess(self, payload: Any) -> Any:
        return payload and Path(payload.path)

    def api_info(self) -> dict[str, Any]:
        """Returns what the documentation of the API says of a picture."""
        return {
            "type": "object",
            "properties": {"path": {"type": "string", "description": "path of an uploaded file"}},
            "description": "an uploaded file; addresses are refused",
        }

    def example_payload(self) -> Any:
        """Returns what the documentation of the API shows: a file of the reader's own."""
        return {"path": "cat.png", "url": "cat.png", "meta": {"_type": "gradio.FileData"}}


class PicturesInput(gr.File, metaclass=NoStubMeta):
    """Passes on the paths and original names of several uploaded files without reading them."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        files = getattr(payload, "root", payload) or []
        return [(Path(file.path), file.orig_name or Path(file.path).name) for file in files]


class PageSlider(gr.Slider, metaclass=NoStubMeta):
    """Clamps its value. Used on the page.

    If a visitor types 11 next to a slider that ends at 10, the page first sends 11, then corrects
    its box to 10 and sends nothing more. An error here would leave a stale result.
    """

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        number = isinstance(payload, int | float) and not isinstance(payload, bool)
        if not number or (isinstance(payload, float) and math.isnan(payload)):
            return self.value
        return super().preprocess(min(max(payload, self.minimum), self.maximum))


class RawSlider(gr.Slider, metaclass=NoStubMeta):
    """Passes its value on unchanged; the handler checks it. Used for the API."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return payload
