"""The page: three tabs of work and one of words, and the endpoints for programs."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

from ....classifier.saliency import METHODS
from ....display.formats import percent
from .. import about
from ..api import Api
from ..checks import InputError
from ..contents import Contents
from . import html
from .components import PageSlider, PictureInput, PicturesInput, RawRadio, RawSlider, refuse
from .gallery import PngGallery
from .handlers import (
    ALL_CLASSES,
    ALL_LAYERS,
    DEFAULT_METHOD,
    MAX_FILES,
    MISTAKES_HIDDEN,
    PERFECT,
    START,
    START_SEVERAL,
    Page,
)

CONCURRENCY = 4  # with one torch thread each: the best of four settings measured on two cores
MAPS = 3  # at first
MAPS_LABEL = "How many Grad-CAM images"
MISTAKES = 10  # at first

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
SLIDER: dict[str, Any] = {"precision": 0, "min_width": 220, "buttons": []}
COMPUTE: dict[str, Any] = {"concurrency_limit": CONCURRENCY, "concurrency_id": "network"}
UPDATE: dict[str, Any] = {**PRIVATE, **COMPUTE, "trigger_mode": "always_last"}


def build(contents: Contents) -> gr.Blocks:
    """The whole app for a Space's contents, not yet launched."""
    name = about.title(contents)
    page = Page(contents)
    blocks = gr.Blocks(title=name, analytics_enabled=False, delete_cache=(3600, 3600))
    with blocks:
        gr.HTML(_header(contents, name), elem_id="header", js_on_load=None)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Classify", id="classify"):
                _classify(blocks, contents, page)
            with gr.Tab("Several", id="several"):
                _several(contents, page)
            with gr.Tab("Mistakes", id="mistakes"):
                _mistakes(contents, page)
            with gr.Tab("About", id="about"):
                _about(contents)
        with gr.Column(visible=False):
            _endpoints(contents, Api(contents))
    return blocks


def _header(contents: Contents, name: str) -> str:
    classes = "".join(f"<li>{html.escape(label)}</li>" for label in contents.classes)
    test = contents.card.test
    right = f"{percent(test['accuracy'], 2)} of {test['images']:,} test images right"
    return (
        '<div class="name"><span class="mark" aria-hidden="true"></span>'
        f'<h1>{html.escape(name)}</h1><p class="right">{right}</p></div>'
        f"<p>{html.escape(about.lead(contents))}</p>"
        f'<ul class="classes" aria-label="Classes">{classes}</ul>'
    )


def _classify(blocks: gr.Blocks, contents: Contents, page: Page) -> None:
    with gr.Row(elem_classes="tab-body"):
        with gr.Column(scale=4, min_width=300):
            picture = PictureInput(
                label="Your picture",
                sources=["upload", "clipboard", "webcam"],
                height=300,
                elem_id="picture",
                buttons=[],
                placeholder="Drop a picture here\nor click to choose a file",
            )
            _examples(contents, picture)
        with gr.Column(scale=7, min_width=300, elem_id="classify-results"):
            # Above what it makes longer, so that it stays under the visitor's finger.
            top = _top_slider(contents)
            answer = gr.HTML(html.empty(START), elem_id="prediction", js_on_load=None)
            show = _maps_switch()
            with gr.Group() as settings:
                with gr.Row(elem_classes="side-by-side"):
                    count = _slider(contents.max_top, MAPS, MAPS_LABEL)
                    _opacity(contents, "classify-results")
                layer = _layers(contents, compare=True)
                with gr.Accordion("Other methods", open=False):
                    how = gr.Radio(
                        list(METHODS),
                        value=DEFAULT_METHOD,
                        label="Method",
                        elem_classes=["layers", "wide"],
                    )
            maps = gr.HTML("", elem_id="maps", js_on_load=None)
    changes = [picture.change, top.change, show.input, count.change, layer.input, how.input]
    inputs = [picture, top, show, count, layer, how]
    _on(changes, page.classify, inputs, [answer, maps])
    _reveal(show, settings)
    first = str(contents.examples[0])  # what a visitor sees first is a result
    blocks.load(lambda: first, None, picture, show_progress="hidden", **PRIVATE)


def _examples(contents: Contents, picture: gr.Image) -> None:
    files = [str(path) for path in contents.examples]
    with gr.Column(elem_id="examples"):
        gr.Examples(
            files,
            picture,
            label=f"Or one of {len(files)} examples",
            examples_per_page=len(files),
            cache_examples=False,
            **PRIVATE,
        )


def _several(contents: Contents, page: Page) -> None:
    with gr.Row(elem_id="several-body", elem_classes="tab-body"):
        with gr.Column(min_width=300):
            files = PicturesInput(
                label=f"Up to {MAX_FILES} pictures",
                file_count="multiple",
                height=220,
                elem_id="pictures",
            )
        with gr.Column(min_width=300, elem_id="several-results"):
            result = gr.HTML(html.empty(START_SEVERAL), elem_id="cards", js_on_load=None)
        with gr.Column(min_width=300):
            with gr.Group():
                top = _top_slider(contents)
                show = _maps_switch()
            with gr.Group() as settings:
                count = _slider(contents.max_top, MAPS, MAPS_LABEL)
                layer = _layers(contents)
                _opacity(contents, "several-results")
    changes = [files.change, top.change, show.input, count.change, layer.input]
    _on(changes, page.several, [files, top, show, count, layer], [result])
    _reveal(show, settings)


def _mistakes(contents: Contents, page: Page) -> None:
    stored = len(contents.mistakes)
    if not stored:
        gr.HTML(html.empty(PERFECT), elem_id="mistakes", js_on_load=None)
        return
    with gr.Row(elem_classes="tab-body"):
        with gr.Column(scale=4, min_width=300):
            with gr.Group():
                show = gr.Checkbox(False, label="Show misclassified images")
                label = "How many misclassified images"
                count = _slider(stored, MISTAKES, label, info=f"1 to {stored}")
                true_class = gr.Dropdown(
                    [ALL_CLASSES, *contents.classes],
                    value=ALL_CLASSES,
                    label="True class",
                    filterable=False,
                )
                explain = gr.Checkbox(
                    False,
                    label="Explain with Grad-CAM",
                    info="The wrong answer beside the right one",
                )
            with gr.Group(visible=False) as settings:
                layer = _layers(contents)
                _opacity(contents, "mistakes-results")
        with gr.Column(scale=7, min_width=300, elem_id="mistakes-results"):
            result = gr.HTML(html.empty(MISTAKES_HIDDEN), elem_id="mistakes", js_on_load=None)
    changes = [show.input, count.change, true_class.input, explain.input, layer.input]
    _on(changes, page.mistakes, [show, count, true_class, explain, layer], [result])
    _reveal(explain, settings)


def _about(contents: Contents) -> None:
    """Two columns of cards, the longer texts to the left."""
    sections = about.sections(contents)
    with gr.Row(elem_id="about-text"):
        for scale, names in ((6, about.TEXTS), (5, about.FACTS)):
            with gr.Column(scale=scale, min_width=300):
                for name in names:
                    gr.Markdown(sections[name], elem_classes="panel")


def _maps_switch() -> gr.Checkbox:
    info = "Heat maps of where the network looked"
    return gr.Checkbox(True, label="Show Grad-CAM images", info=info, min_width=220)


def _top_slider(contents: Contents) -> gr.Slider | gr.Number:
    high = contents.max_top
    label = "How many top classes to show"
    return _slider(high, contents.top_classes, label, info=f"1 to {high}")


def _slider(high: int, value: int, label: str, info: str | None = None) -> gr.Slider | gr.Number:
    """Whole numbers from 1 to `high`, at first `value` or as near as there is."""
    if high == 1:  # Gradio makes no slider of one value, and there is nothing to choose
        return gr.Number(1, visible=False)
    return PageSlider(1, high, min(value, high), step=1, label=label, info=info, **SLIDER)


def _layers(contents: Contents, compare: bool = False) -> gr.Radio:
    choices = [(f"{name} · {w}×{h}", name) for name, (h, w) in contents.layers.items()]
    return gr.Radio(
        choices + ([("all layers", ALL_LAYERS)] if compare else []),
        value=choices[-1][1],
        label="From which layer",
        elem_classes=["layers", "wide"] if compare else "layers",
        info="Later layers are coarser but more class-specific",
    )


def _opacity(contents: Contents, results: str) -> None:
    """A slider that sets a CSS variable of the element `results`, without a request."""
    label = "Heat-map opacity (%)"
    slider = PageSlider(0, 100, contents.opacity, step=5, label=label, **SLIDER)
    script = f"(percent) => {{ setHeatOpacity('{results}', percent); return []; }}"
    slider.change(None, slider, None, js=script, **PRIVATE)


def _reveal(switch: gr.Checkbox, settings: gr.Group) -> None:
    def show(on: object) -> Any:
        return gr.update(visible=bool(on))

    switch.input(show, switch, settings, show_progress="hidden", queue=False, **PRIVATE)


def _on(
    changes: list[Any], answer: Callable[..., Any], inputs: list[Any], outputs: list[Any]
) -> None:
    gr.on(
        changes,
        answer,
        inputs,
        outputs,
        show_progress="minimal",
        show_progress_on=outputs[:1],
        api_name=f"page_{answer.__name__}",  # leaves the plain names to the endpoints
        **UPDATE,
    )


def _endpoints(contents: Contents, api: Api) -> None:
    """Strict twins of the controls: programs are refused in words where people are helped."""
    picture = PictureInput(label="Picture")
    top = _number(contents.max_top, contents.top_classes, "Number of top classes")
    maps = _number(contents.max_top, min(MAPS, contents.max_top), "Number of Grad-CAM images")
    layers = list(contents.layers)
    layer = RawRadio(layers, value=layers[-1], label="Layer")
    opacity = RawSlider(0, 100, contents.opacity, step=1, label="Opacity (%)")
    method = RawRadio(list(METHODS), value=DEFAULT_METHOD, label="Method")
    stored = max(1, len(contents.mistakes))
    count = _number(stored, min(MISTAKES, stored), "Number of misclassified images")
    classes = [ALL_CLASSES, *contents.classes]
    true_class = RawRadio(classes, value=ALL_CLASSES, label="True class")
    _publish(api.classify, [picture, top], gr.Label())
    _publish(api.gradcam, [picture, maps, layer, opacity, method], PngGallery())
    _publish(api.misclassified, [count, true_class], PngGallery())


def _number(high: int, value: int, label: str) -> gr.Slider:
    # Two at least, or Gradio makes no slider; the answer checks the real bound.
    return RawSlider(1, max(high, 2), value, step=1, label=label)


def _publish(answer: Callable[..., Any], inputs: list[Any], output: Any) -> None:
    @wraps(answer)
    def endpoint(*values: Any) -> Any:
        try:
            return answer(*values)
        except InputError as error:
            raise refuse(error) from None

    name = answer.__name__
    gr.Button(name).click(endpoint, inputs, output, api_name=name, **COMPUTE)
