"""Builds the page: its four tabs, and the endpoints for programs."""

from collections.abc import Callable
from html import escape
from typing import Any

import gradio as gr

from ....display.formats import percent
from .. import about
from ..api import Api
from ..choices import (
    ALL_CLASSES,
    ALL_METHODS,
    GRAD_CAM,
    MAP_COUNT,
    METHOD,
    MISTAKE_COUNT,
    PREDICTED_CLASS,
    TARGETS,
    TOP_CLASSES,
    TRUE_CLASS,
    find_source,
)
from ..contents import Contents
from . import html
from .components import CheckedBlocks, PictureInput, RawSlider, refusing
from .confusion import MAX_CLASSES
from .gallery import PngGallery
from .link import Link
from .tabs.classify import classify_tab
from .tabs.controls import COMPUTE, EVERY_CLICK, INITIAL_MAPS
from .tabs.mistakes import INITIAL_COUNT, mistakes_tab
from .tabs.several import several_tab


def build(contents: Contents) -> gr.Blocks:
    """Builds the app for a Space's contents, without launching it."""
    name, link = about.title(contents), Link()
    blocks = CheckedBlocks(title=name, analytics_enabled=False)
    with blocks:
        gr.HTML(_header(contents, name), elem_id="header", js_on_load=None)
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Classify", id="classify"):
                examples, picture, source = classify_tab(contents, link)
            with gr.Tab("Several", id="several"):
                several_tab(contents, link)
            with gr.Tab("Mistakes", id="mistakes"):
                mistakes = mistakes_tab(contents, link)
            with gr.Tab("About", id="about"):
                _about_tab(contents)
        for component in (examples, mistakes):
            component.select(_opener(contents), None, [tabs, picture, source], **EVERY_CLICK)
        link.connect(blocks, contents, tabs, picture, source)
        with gr.Column(visible=False):
            _endpoints(contents, Api(contents))
    return blocks


def _opener(contents: Contents) -> Callable[[gr.EventData], Any]:
    @refusing
    def open_source(event: gr.EventData) -> Any:
        """Opens the stored picture that was clicked in the Classify tab."""
        source = getattr(event, "source", None)
        return gr.Tabs(selected="classify"), str(find_source(contents, source)), source

    return open_source


def _header(contents: Contents, name: str) -> str:
    classes = [f"<li>{escape(label)}</li>" for label in contents.classes[:MAX_CLASSES]]
    if more := len(contents.classes) - len(classes):
        classes.append(f"<li>{html.about_link(f'and {more} more', 'network')}</li>")
    test = contents.card.test
    accuracy = f"{percent(test['accuracy'], 2)} accuracy on {test['images']:,} test images"
    return (
        '<div class="name"><span class="mark" aria-hidden="true"></span>'
        f'<h1>{escape(name)}</h1><p class="accuracy">{accuracy}</p>'
        '<button type="button" id="copy-link">Copy link</button></div>'
        f'<p class="lead">{escape(about.lead(contents))}</p>'
        f'<ul class="classes" aria-label="Classes">{"".join(classes)}</ul>'
    )


def _about_tab(contents: Contents) -> None:
    """Adds two columns of cards; the longer texts are on the left."""
    sections = about.sections(contents)
    with gr.Row(elem_id="about-text"):
        for scale, names in ((6, about.TEXTS), (5, about.FACTS)):
            with gr.Column(scale=scale, min_width=300):
                for name in names:
                    gr.Markdown(
                        sections[name].page(),
                        latex_delimiters=[],  # a class name may hold dollar signs
                        elem_id=f"about-{name}",
                        elem_classes="panel",
                    )


def _endpoints(contents: Contents, api: Api) -> None:
    """Adds the endpoints. They refuse invalid values that the page would correct."""
    picture = PictureInput(label="Picture")
    top = _number(contents.max_top, contents.top_classes, TOP_CLASSES)
    maps = _number(contents.max_top, min(INITIAL_MAPS, contents.max_top), MAP_COUNT)
    layers = list(contents.layers)
    layer = gr.Radio(layers, value=layers[-1], label="Layer")
    opacity = RawSlider(0, 100, contents.opacity, step=1, label="Opacity (%)")
    method = gr.Radio(list(ALL_METHODS), value=GRAD_CAM, label=METHOD)
    classes = gr.CheckboxGroup(list(contents.classes), value=[], label=TARGETS)
    available = max(1, len(contents.mistakes))
    count = _number(available, min(INITIAL_COUNT, available), MISTAKE_COUNT)
    names = [ALL_CLASSES, *contents.classes]
    true, predicted = (
        gr.Radio(names, value=ALL_CLASSES, label=label) for label in (TRUE_CLASS, PREDICTED_CLASS)
    )
    _publish(api.classify, [picture, top], gr.Label())
    _publish(api.gradcam, [picture, maps, layer, opacity, method, classes], PngGallery())
    _publish(api.misclassified, [count, true, predicted], PngGallery())


def _number(high: int, value: int, label: str) -> gr.Slider:
    # Gradio needs at least two values; the handler checks the actual limit.
    return RawSlider(1, max(high, 2), value, step=1, label=label)


def _publish(handler: Callable[..., Any], inputs: list[Any], output: Any) -> None:
    name = handler.__name__
    gr.Button(name).click(refusing(handler), inputs, output, api_name=name, **COMPUTE)
