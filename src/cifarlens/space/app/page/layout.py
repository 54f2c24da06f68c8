"""Builds the page: its four tabs, and the endpoints for programs."""

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
    MAP_COUNT,
    MAX_FILES,
    MISTAKE_COUNT,
    MISTAKES_HIDDEN,
    PERFECT,
    START,
    START_SEVERAL,
    TOP_CLASSES,
    Page,
)

CONCURRENCY = 4  # one torch thread each; the fastest of four settings measured on two cores
INITIAL_MAPS = 3
INITIAL_MISTAKES = 10

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
SLIDER: dict[str, Any] = {"precision": 0, "min_width": 220, "buttons": []}
COMPUTE: dict[str, Any] = {"concurrency_limit": CONCURRENCY, "concurrency_id": "network"}
UPDATE: dict[str, Any] = {**PRIVATE, **COMPUTE, "trigger_mode": "always_last"}


def build(contents: Contents) -> gr.Blocks:
    """Builds the app for a Space's contents, without launching it."""
    name = about.title(contents)
    page = Page(contents)
    blocks = gr.Blocks(title=name, analytics_enabled=False, delete_cache=(3600, 3600))
    with blocks:
        gr.HTML(_header(contents, name), elem_id="header", js_on_load=None)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Classify", id="classify"):
                _classify_tab(blocks, contents, page)
            with gr.Tab("Several", id="several"):
                _several_tab(contents, page)
            with gr.Tab("Mistakes", id="mistakes"):
                _mistakes_tab(contents, page)
            with gr.Tab("About", id="about"):
                _about_tab(contents)
        with gr.Column(visible=False):
            _endpoints(contents, Api(contents))
    return blocks


def _header(contents: Contents, name: str) -> str:
    classes = "".join(f"<li>{html.escape(label)}</li>" for label in contents.classes)
    test = contents.card.test
    accuracy = f"{percent(test['accuracy'], 2)} accuracy on {test['images']:,} test images"
    return (
        '<div class="name"><span class="mark" aria-hidden="true"></span>'
        f'<h1>{html.escape(name)}</h1><p class="accuracy">{accuracy}</p></div>'
        f"<p>{html.escape(about.lead(contents))}</p>"
        f'<ul class="classes" aria-label="Classes">{classes}</ul>'
    )


def _classify_tab(blocks: gr.Blocks, contents: Contents, page: Page) -> None:
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
            # Above the bars, so that the slider does not move when their number changes.
            top = _top_slider(contents)
            answer = gr.HTML(html.placeholder(START), elem_id="prediction", js_on_load=None)
            show = _maps_switch()
            with gr.Group() as settings:
                with gr.Row(elem_classes="side-by-side"):
                    count = _slider(contents.max_top, INITIAL_MAPS, MAP_COUNT)
                    _opacity(contents, "classify-results")
                layer = _layers(contents, compare=True)
                with gr.Accordion("Other methods", open=False):
                    method = gr.Radio(
                        list(METHODS),
                        value=DEFAULT_METHOD,
                        label="Method",
                        elem_classes=["layers", "wide"],
                    )
            maps = gr.HTML("", elem_id="maps", js_on_load=None)
    events = [picture.change, top.change, show.input, count.change, layer.input, method.input]
    inputs = [picture, top, show, count, layer, method]
    _connect(events, page.classify, inputs, [answer, maps])
    _reveal(show, settings)
    example = str(contents.examples[0])  # the page starts with a result
    blocks.load(lambda: example, None, picture, show_progress="hidden", **PRIVATE)


def _examples(contents: Contents, picture: gr.Image) -> None:
    files = [str(path) for path in contents.examples]
    with gr.Column(elem_id="examples"):
        gr.Examples(
            files,
            picture,
            label=f"Or choose one of {len(files)} examples",
            examples_per_page=len(files),
            cache_examples=False,
            **PRIVATE,
        )


def _several_tab(contents: Contents, page: Page) -> None:
    with gr.Row(elem_id="several-body", elem_classes="tab-body"):
        with gr.Column(min_width=300):
            files = PicturesInput(
                label=f"Up to {MAX_FILES} pictures",
                file_count="multiple",
                height=220,
                elem_id="pictures",
            )
        with gr.Column(min_width=300, elem_id="several-results"):
            result = gr.HTML(html.placeholder(START_SEVERAL), elem_id="cards", js_on_load=None)
        with gr.Column(min_width=300):
            with gr.Group():
                top = _top_slider(contents)
                show = _maps_switch()
            with gr.Group() as settings:
                count = _slider(contents.max_top, INITIAL_MAPS, MAP_COUNT)
                layer = _layers(contents)
                _opacity(contents, "several-results")
    events = [files.change, top.change, show.input, count.change, layer.input]
    _connect(events, page.several, [files, top, show, count, layer], [result])
    _reveal(show, settings)


def _mistakes_tab(contents: Contents, page: Page) -> None:
    available = len(contents.mistakes)
    if not available:
        gr.HTML(html.placeholder(PERFECT), elem_id="mistakes", js_on_load=None)
        return
    with gr.Row(elem_classes="tab-body"):
        with gr.Column(scale=4, min_width=300):
            with gr.Group():
                show = gr.Checkbox(False, label="Show misclassified images")
                count = _slider(
                    available, INITIAL_MISTAKES, MISTAKE_COUNT, info=f"1 to {available}"
                )
                true_class = gr.Dropdown(
                    [ALL_CLASSES, *contents.classes],
                    value=ALL_CLASSES,
                    label="True class",
                    filterable=False,
                )
                explain = gr.Checkbox(
                    False,
                    label="Explain with Grad-CAM",
                    info="Heat maps of the predicted and the true class",
                )
            with gr.Group(visible=False) as settings:
                layer = _layers(contents)
                _opacity(contents, "mistakes-results")
        with gr.Column(scale=7, min_width=300, elem_id="mistakes-results"):
            result = gr.HTML(html.placeholder(MISTAKES_HIDDEN), elem_id="mistakes", js_on_load=None)
    events = [show.input, count.change, true_class.input, explain.input, layer.input]
    _connect(events, page.mistakes, [show, count, true_class, explain, layer], [result])
    _reveal(explain, settings)


def _about_tab(contents: Contents) -> None:
    """Adds two columns of cards; the longer texts are on the left."""
    sections = about.sections(contents)
    with gr.Row(elem_id="about-text"):
        for scale, names in ((6, about.TEXTS), (5, about.FACTS)):
            with gr.Column(scale=scale, min_width=300):
                for name in names:
                    gr.Markdown(sections[name], elem_classes="panel")


def _maps_switch() -> gr.Checkbox:
    info = "They show where the network found evidence"
    return gr.Checkbox(True, label="Show Grad-CAM images", info=info, min_width=220)


def _top_slider(contents: Contents) -> gr.Slider | gr.Number:
    high = contents.max_top
    return _slider(high, contents.top_classes, TOP_CLASSES, info=f"1 to {high}")


def _slider(high: int, value: int, label: str, info: str | None = None) -> gr.Slider | gr.Number:
    """Returns a slider from 1 to `high` that starts at `value`, or at `high` if that is lower."""
    if high == 1:  # Gradio refuses a slider with a single value
        return gr.Number(1, visible=False)
    return PageSlider(1, high, min(value, high), step=1, label=label, info=info, **SLIDER)


def _layers(contents: Contents, compare: bool = False) -> gr.Radio:
    choices = [(f"{name} · {w}×{h}", name) for name, (h, w) in contents.layers.items()]
    return gr.Radio(
        choices + ([("all layers", ALL_LAYERS)] if compare else []),
        value=choices[-1][1],
        label="Layer",
        elem_classes=["layers", "wide"] if compare else "layers",
        info="Later layers are coarser but more specific to a class",
    )


def _opacity(contents: Contents, results: str) -> None:
    """Adds a slider that sets a CSS variable of the element `results` without a request."""
    label = "Heat-map opacity (%)"
    slider = PageSlider(0, 100, contents.opacity, step=5, label=label, **SLIDER)
    script = f"(percent) => {{ setHeatOpacity('{results}', percent); return []; }}"
    slider.change(None, slider, None, js=script, **PRIVATE)


def _reveal(switch: gr.Checkbox, settings: gr.Group) -> None:
    def show(on: object) -> Any:
        return gr.update(visible=bool(on))

    switch.input(show, switch, settings, show_progress="hidden", queue=False, **PRIVATE)


def _connect(
    events: list[Any], handler: Callable[..., Any], inputs: list[Any], outputs: list[Any]
) -> None:
    gr.on(
        events,
        handler,
        inputs,
        outputs,
        show_progress="minimal",
        show_progress_on=outputs[:1],
        api_name=f"page_{handler.__name__}",  # the public endpoints have the plain names
        **UPDATE,
    )


def _endpoints(contents: Contents, api: Api) -> None:
    """Adds the endpoints. They refuse invalid values that the page would correct."""
    picture = PictureInput(label="Picture")
    top = _number(contents.max_top, contents.top_classes, TOP_CLASSES)
    maps = _number(contents.max_top, min(INITIAL_MAPS, contents.max_top), MAP_COUNT)
    layers = list(contents.layers)
    layer = RawRadio(layers, value=layers[-1], label="Layer")
    opacity = RawSlider(0, 100, contents.opacity, step=1, label="Opacity (%)")
    method = RawRadio(list(METHODS), value=DEFAULT_METHOD, label="Method")
    available = max(1, len(contents.mistakes))
    count = _number(available, min(INITIAL_MISTAKES, available), MISTAKE_COUNT)
    classes = [ALL_CLASSES, *contents.classes]
    true_class = RawRadio(classes, value=ALL_CLASSES, label="True class")
    _publish(api.classify, [picture, top], gr.Label())
    _publish(api.gradcam, [picture, maps, layer, opacity, method], PngGallery())
    _publish(api.misclassified, [count, true_class], PngGallery())


def _number(high: int, value: int, label: str) -> gr.Slider:
    # Gradio needs at least two values; the handler checks the actual limit.
    return RawSlider(1, max(high, 2), value, step=1, label=label)


def _publish(handler: Callable[..., Any], inputs: list[Any], output: Any) -> None:
    @wraps(handler)
    def endpoint(*values: Any) -> Any:
        try:
            return handler(*values)
        except InputError as error:
            raise refuse(error) from None

    name = handler.__name__
    gr.Button(name).click(endpoint, inputs, output, api_name=name, **COMPUTE)
