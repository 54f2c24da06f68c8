"""The tab that classifies one picture and explains the answer."""

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from ...checks import InputError, check_choice, check_switch, check_whole_number
from ...choices import (
    ALL_METHODS,
    MAP_COUNT,
    METHOD,
    RAW,
    SHARED_SCALE,
    SHOW_MAPS,
    TARGETS,
    TOP_CLASSES,
    example_source,
    select_layers,
    select_targets,
)
from ...contents import Contents, example_label
from .. import html
from ..components import PictureInput
from ..link import Link
from ..maps import View, explain
from .controls import (
    PRIVATE,
    SELECT_SOURCE,
    answer_settings,
    connect,
    maps_slider,
    method_choice,
    opacity_slider,
    reveal,
    several_layers,
)

START = "Upload a picture or pick an example. The prediction and its heat maps appear here."
MAPS_HIDDEN = f"Turn on “{SHOW_MAPS}” to see where the network found evidence."


def answer(
    contents: Contents,
    file: Path | None,
    top_count: object,
    show_maps: object,
    map_count: object,
    targets: object,
    layers: object,
    method: object,
    shared_scale: object,
    raw: object,
) -> tuple[str, str]:
    """Returns the prediction for one picture and its heat maps.

    Args:
        contents: the Space.
        file: the picture, or None.
        top_count: number of classes to show.
        show_maps: whether to show heat maps.
        map_count: number of heat maps if `targets` is empty, one for each of the top classes.
        targets: names of the classes to explain.
        layers: names of the layers to explain.
        method: one of `ALL_METHODS`.
        shared_scale: whether the maps of a layer share one scale.
        raw: whether to show each map alone as well.
    """
    if file is None:
        return html.placeholder(START), ""
    try:
        top_count = check_whole_number(top_count, 1, contents.max_top, TOP_CLASSES)
        map_count = check_whole_number(map_count, 1, contents.max_top, MAP_COUNT)
        view = View(
            select_layers(contents, layers),
            check_choice(method, ALL_METHODS, METHOD),
            check_switch(shared_scale, SHARED_SCALE),
            check_switch(raw, RAW),
        )
        show_maps = check_switch(show_maps, SHOW_MAPS)
        image = contents.open(file)
        probabilities = contents.probabilities(image)
        labels = select_targets(contents, probabilities, map_count, targets)
    except InputError as error:
        return html.refusal(str(error)), ""
    prediction = html.live_region(html.prediction(contents.classes, probabilities, top_count))
    if not show_maps:
        return prediction, html.placeholder(MAPS_HIDDEN)
    return prediction, explain(contents, image, probabilities, labels, view)


def classify_tab(contents: Contents, link: Link) -> tuple[gr.HTML, PictureInput, gr.Textbox]:
    """Builds the tab.

    Returns:
        The examples, which report a click; the picture; and the source of the picture, which is
        empty for a visitor's own.
    """
    with gr.Row(elem_id="classify-body", elem_classes="tab-body"):
        with gr.Column(elem_classes="inputs", min_width=240):
            picture = PictureInput(
                label="Your picture",
                sources=["upload", "clipboard", "webcam"],
                height=240,
                elem_id="picture",
                buttons=[],
                placeholder="Drop a picture here\nor click to choose a file",
            )
            examples = gr.HTML(_examples(contents), elem_id="examples", js_on_load=SELECT_SOURCE)
            source = gr.Textbox("", label="source", visible=False)
        with gr.Column(elem_id="classify-results", elem_classes="results", min_width=240):
            result = gr.HTML(html.placeholder(START), elem_id="prediction", js_on_load=None)
            maps = gr.HTML("", elem_id="maps", js_on_load=None)
        with gr.Column(elem_classes="settings", min_width=240):
            top, show = answer_settings(contents)
            with gr.Group() as settings:
                count = maps_slider(contents)
                opacity = opacity_slider(contents, "classify-results")
                layers = several_layers(contents)
                with gr.Accordion("Methods, classes, scale", open=False):
                    method = method_choice(contents, layers)
                    targets = gr.Dropdown(
                        list(contents.classes),
                        value=[],
                        multiselect=True,
                        max_choices=contents.max_top,
                        label=TARGETS,
                        info="Empty: the top classes",
                    )
                    shared = gr.Checkbox(False, label=SHARED_SCALE)
                    raw = gr.Checkbox(False, label=RAW, info="At the resolution of the layer")
    inputs: list[Any] = [picture, top, show, count, targets, layers, method, shared, raw]
    connect("classify", partial(answer, contents), inputs, [result, maps])
    picture.input(None, None, source, js="() => ''", **PRIVATE)
    picture.change(None, None, None, js="() => { showAnswer(); return []; }", **PRIVATE)
    reveal(show, settings)
    link.add("", top=top, show=show, maps=count, opacity=opacity, layer=layers)
    link.add("", method=method, classes=targets, scale=shared, raw=raw)
    return examples, picture, source


def _examples(contents: Contents) -> str:
    return html.example_buttons(
        [
            (example_source(row), contents.classes[example_label(path)], contents.open(path))
            for row, path in enumerate(contents.examples)
        ]
    )
