"""The tab that classifies several pictures at once."""

from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path

import gradio as gr

from ...checks import InputError, check_choice, check_switch, check_whole_number
from ...choices import MAP_COUNT, MAX_FILES, SHOW_MAPS, TOP_CLASSES, most_likely
from ...contents import Contents
from .. import html
from ..components import PicturesInput
from ..link import Link
from ..maps import View, class_figures, scale_note, trust_note
from .controls import (
    PRIVATE,
    answer_settings,
    connect,
    maps_slider,
    one_layer,
    opacity_slider,
    reveal,
)

START = f"Choose up to {MAX_FILES} pictures. Each one gets its own result here."


def answer(
    contents: Contents,
    files: Sequence[tuple[Path, str]],
    top_count: object,
    show_maps: object,
    map_count: object,
    layer: object,
) -> str:
    """Returns a card for each of several pictures. An unreadable one gets a message instead.

    Args:
        contents: the Space.
        files: paths, and the names under which they were uploaded.
        top_count: number of classes to show.
        show_maps: whether to show heat maps.
        map_count: number of heat maps for each picture, one for each of its most likely classes.
        layer: the layer to explain.
    """
    if not files:
        return html.placeholder(START)
    try:
        if len(files) > MAX_FILES:
            raise InputError(f"{len(files)} pictures are too many; choose at most {MAX_FILES}.")
        top_count = check_whole_number(top_count, 1, contents.max_top, TOP_CLASSES)
        map_count = check_whole_number(map_count, 1, contents.max_top, MAP_COUNT)
        layer = check_choice(layer, list(contents.layers), "Layer")
        show_maps = check_switch(show_maps, SHOW_MAPS)
    except InputError as error:
        return html.refusal(str(error))
    view, maps = View([layer]), map_count if show_maps else 0
    cards = [_card(contents, file, name, top_count, maps, view) for file, name in files]
    grid = html.grid(cards, "several")
    if not show_maps:
        return grid
    return html.legend(view.title) + grid + trust_note(contents, view) + scale_note(view)


def _card(
    contents: Contents, file: Path, name: str, top_count: int, map_count: int, view: View
) -> str:
    try:
        image = contents.open(file)
    except InputError as error:
        return html.card([html.refusal(str(error))], escape(name))
    probabilities = contents.probabilities(image)
    below = ""
    if map_count:
        labels = most_likely(probabilities, map_count)
        below = html.grid(class_figures(contents, image, probabilities, labels, view), "small")
    shown = html.figure(f"{name} as the network sees it")
    prediction = html.prediction(contents.classes, probabilities, top_count)
    return html.network_input(image, html.card([shown, prediction], escape(name), below))


def several_tab(contents: Contents, link: Link) -> None:
    with gr.Row(elem_id="several-body", elem_classes="tab-body"):
        with gr.Column(elem_classes="inputs", min_width=240):
            files = PicturesInput(
                label=f"Up to {MAX_FILES} pictures",
                file_count="multiple",
                height=220,
                elem_id="pictures",
            )
        with gr.Column(elem_id="several-results", elem_classes="results", min_width=240):
            result = gr.HTML(html.placeholder(START), elem_id="cards", js_on_load=None)
        with gr.Column(elem_classes="settings", min_width=240):
            top, show = answer_settings(contents)
            with gr.Group() as settings:
                count = maps_slider(contents)
                layer = one_layer(contents)
                opacity = opacity_slider(contents, "several-results")
    connect("several", partial(answer, contents), [files, top, show, count, layer], [result])
    script = "() => { showResults('several-results'); return []; }"
    files.change(None, None, None, js=script, **PRIVATE)
    reveal(show, settings)
    link.add("several", top=top, show=show, maps=count, layer=layer, opacity=opacity)
