"""The tab of misclassified test images."""

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import Any

import gradio as gr
import numpy as np

from .....classifier.saliency import saliency_maps
from .....display.formats import probability
from ...checks import InputError, check_choice, check_switch, check_whole_number
from ...choices import (
    ALL_CLASSES,
    EXPLAIN,
    GRAD_CAM,
    MISTAKE_COUNT,
    PREDICTED_CLASS,
    SHOW_MISTAKES,
    TRUE_CLASS,
    count_mistakes,
    mistake_source,
    select_mistakes,
)
from ...contents import Contents, Mistake
from .. import html
from ..components import refusing
from ..confusion import MAX_CLASSES, confusion_table
from ..link import Link
from ..maps import View, describe_map, scale_note, trust_note
from .controls import (
    EVERY_CLICK,
    SELECT_SOURCE,
    connect,
    one_layer,
    opacity_slider,
    reveal,
    slider,
)

INITIAL_COUNT = 10
HIDDEN = f"Turn on “{SHOW_MISTAKES}” to see test images that the network got wrong."
PERFECT = "The network classified every test image correctly. There are no mistakes to show."
WITHOUT_IMAGES = (
    "This Space was packaged without the dataset, so it has no misclassified images to show. Run"
    " “make pretrained” to package it with them."
)
# Reports the cell of the confusion matrix whose button was clicked.
SELECT_CELL = """element.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-true]");
  if (!button) return;
  trigger("select", { true_label: button.dataset.true, predicted: button.dataset.predicted });
  showResults("mistakes-results");
});"""


def answer(
    contents: Contents,
    show: object,
    count: object,
    true_class: object,
    predicted: object,
    explain: object,
    layer: object,
) -> str:
    """Returns misclassified test images, the most confident first.

    Args:
        contents: the Space.
        show: whether to show any.
        count: number of images.
        true_class: a class name, or `ALL_CLASSES`.
        predicted: a class name, or `ALL_CLASSES`.
        explain: whether to show heat maps of the predicted and the true class.
        layer: the layer to explain.
    """
    try:
        count = check_whole_number(count, 1, len(contents.mistakes), MISTAKE_COUNT)
        layer = check_choice(layer, list(contents.layers), "Layer")
        show = check_switch(show, SHOW_MISTAKES)
        explain = check_switch(explain, EXPLAIN)
        mistakes = select_mistakes(contents, true_class, predicted)[:count]
        total = count_mistakes(contents, true_class, predicted)
    except InputError as error:
        return html.refusal(str(error))
    if not show:
        return html.placeholder(HIDDEN)
    plural = "s" * (total != 1)
    of_class = f" of class {true_class}" * (true_class != ALL_CLASSES)
    as_class = f" predicted as {predicted}" * (predicted != ALL_CLASSES)
    images = f"misclassified test image{plural}{of_class}{as_class}"
    if not mistakes:
        missing = f"This demo holds none of the {total}" if total else "There are no"
        return html.placeholder(f"{missing} {images}. Choose other classes.")
    note = f"{len(mistakes)} of {total:,} {images}, the most confident first."
    if not explain:
        figures = (_card(contents, mistake, _figure(contents, mistake)) for mistake in mistakes)
        return html.hint(note) + html.grid(figures)
    view = View([layer])
    sides = html.hint(f"{note} Left: the predicted class. Right: the true class.")
    cards = html.grid(_explained(contents, mistakes, layer), "pairs")
    return html.legend(view.title) + sides + cards + trust_note(contents, view) + scale_note(view)


def _figure(contents: Contents, mistake: Mistake) -> str:
    chance = probability(mistake.predicted_probability, 1)
    caption = f"{_true(contents, mistake)}{_predicted(contents, mistake)}<small>{chance}</small>"
    return html.figure(_describe(contents, mistake), caption)


def _explained(contents: Contents, mistakes: Sequence[Mistake], layer: str) -> list[str]:
    """Returns for each mistake the heat maps of the predicted and the true class."""
    images = np.stack([contents.image(mistake) for mistake in mistakes])
    targets = [(mistake.predicted, mistake.label) for mistake in mistakes]
    cards = []
    for mistake, (wrong, right) in zip(
        mistakes, saliency_maps(contents.bundle, images, targets, layer), strict=True
    ):
        pair = "".join(
            html.heat_figure(
                saliency,
                f"{describe_map(GRAD_CAM, contents.classes[label], layer)}"
                f" on {_describe(contents, mistake)}",
                f"{line}<small>{probability(chance, 1)}</small>",
            )
            for line, label, chance, saliency in (
                (
                    _predicted(contents, mistake),
                    mistake.predicted,
                    mistake.predicted_probability,
                    wrong,
                ),
                (_true(contents, mistake), mistake.label, mistake.label_probability, right),
            )
        )
        cards.append(_card(contents, mistake, pair))
    return cards


def _card(contents: Contents, mistake: Mistake, figures: str) -> str:
    source = mistake_source(contents.mistakes.index(mistake))
    button = html.open_button(source, _describe(contents, mistake))
    return html.network_input(contents.image(mistake), html.card([figures], below=button))


def _true(contents: Contents, mistake: Mistake) -> str:
    return f"<span>true <b>{escape(contents.classes[mistake.label])}</b></span>"


def _predicted(contents: Contents, mistake: Mistake) -> str:
    name = escape(contents.classes[mistake.predicted])
    return f'<span class="wrong">predicted <b>{name}</b></span>'


def _describe(contents: Contents, mistake: Mistake) -> str:
    true = contents.classes[mistake.label]
    predicted = contents.classes[mistake.predicted]
    return f"test image {mistake.index}: {true} predicted as {predicted}"


def mistakes_tab(contents: Contents, link: Link) -> gr.HTML:
    """Builds the tab and returns the images, which report a click that opens one in Classify."""
    available = len(contents.mistakes)
    if not available:
        text = WITHOUT_IMAGES if contents.lacks_images else PERFECT
        return gr.HTML(html.placeholder(text), elem_id="mistakes", js_on_load=None)
    names = [ALL_CLASSES, *contents.classes]
    with gr.Row(elem_id="mistakes-body", elem_classes="tab-body"):
        with gr.Column(elem_classes="settings", min_width=240):
            with gr.Group():
                show = gr.Checkbox(True, label=SHOW_MISTAKES)
                info = f"1 to {available}, the number in this demo"
                count = slider(available, INITIAL_COUNT, MISTAKE_COUNT, info)
                with gr.Row(elem_classes="side-by-side"):
                    true, predicted = (
                        gr.Dropdown(
                            names,
                            value=ALL_CLASSES,
                            label=label,
                            filterable=len(names) > MAX_CLASSES,  # opens a phone's keyboard
                            min_width=120,
                        )
                        for label in (TRUE_CLASS, PREDICTED_CLASS)
                    )
                info = "Heat maps of the predicted and the true class"
                explain = gr.Checkbox(False, label=EXPLAIN, info=info)
            with gr.Group(visible=False) as settings:
                layer = one_layer(contents)
                opacity = opacity_slider(contents, "mistakes-results")
        with gr.Column(elem_id="mistakes-results", elem_classes="results", min_width=240):
            initial = answer(
                *(contents, True, count.value, ALL_CLASSES, ALL_CLASSES, False, layer.value)
            )
            result = gr.HTML(initial, elem_id="mistakes", js_on_load=SELECT_SOURCE)
        with gr.Column(elem_classes="matrix", min_width=240):
            table = confusion_table(contents.classes, contents.card.test["confusion"], buttons=True)
            every = gr.Button("Show all classes", size="sm", elem_id="all-classes")
            matrix = gr.HTML(table, elem_id="matrix", js_on_load=SELECT_CELL)
    inputs: list[Any] = [show, count, true, predicted, explain, layer]
    connect("mistakes", partial(answer, contents), inputs, [result])
    every.click(lambda: (ALL_CLASSES, ALL_CLASSES), None, [true, predicted], **EVERY_CLICK)
    matrix.select(_cell_selector(contents), None, [true, predicted], **EVERY_CLICK)
    reveal(explain, settings)
    link.add("mistakes", show=show, count=count, true=true, predicted=predicted)
    link.add("mistakes", explain=explain, layer=layer, opacity=opacity)
    return result


def _cell_selector(contents: Contents) -> Callable[[gr.EventData], Any]:
    @refusing
    def select_cell(event: gr.EventData) -> tuple[str, str]:
        """Returns the true and the predicted class of a cell of the confusion matrix."""
        true, predicted = (
            check_choice(getattr(event, key, None), labels, "Cell")
            for key in ("true_label", "predicted")
        )
        return contents.classes[int(true)], contents.classes[int(predicted)]

    labels = [str(label) for label in range(len(contents.classes))]
    return select_cell
