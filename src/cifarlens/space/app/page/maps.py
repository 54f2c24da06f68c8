"""Builds the HTML of heat maps: figures by class and layer, their scale, and their trust tests.

This module does not depend on Gradio.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from ....display.formats import probability, shape
from ..choices import GRAD_CAM, OCCLUSION, verdict
from ..contents import Contents
from . import html

NO_LAYER = "Choose at least one layer to see heat maps."
OWN_SCALE = (
    "Each map has its own scale: the strongest evidence for a class is brightest, however small the"
    " probability of the class."
)
SHARED_SCALE = "One scale for all classes: a class with less evidence is paler."
LAYER_SCALES = "Each layer has a scale of its own."
OCCLUSION_NOTE = (
    "Occlusion uses no gradients. A patch covers one place after another; a place is bright where"
    " covering it lowers the probability of the class."
)


@dataclass(frozen=True)
class View:
    """Holds which maps to show.

    Attributes:
        layers: target layers; occlusion ignores them.
        method: one of `ALL_METHODS`.
        shared_scale: whether the maps of a layer share one scale.
        raw: whether to show each map alone as well, at its own resolution.
    """

    layers: Sequence[str]
    method: str = GRAD_CAM
    shared_scale: bool = False
    raw: bool = False

    @property
    def map_layers(self) -> list[str]:
        """Returns the layers to compute maps of; for occlusion, which has none, one empty name."""
        return [""] if self.method == OCCLUSION else list(self.layers)

    @property
    def title(self) -> str:
        if self.method == OCCLUSION:
            return self.method
        *others, last = self.layers
        return f"{self.method} from {', '.join(others)}{' and ' if others else ''}{last}"


def explain(
    contents: Contents,
    image: np.ndarray,
    probabilities: np.ndarray,
    labels: Sequence[int],
    view: View,
) -> str:
    """Returns the maps of an image, uint8 H×W×3, for the given labels, with title and notes."""
    if not view.map_layers:
        return html.placeholder(NO_LAYER)
    size = shape(image.shape[:2])
    plain = html.figure(f"the input, {size} pixels", f"<b>input</b> <span>{size}</span>")
    if len(view.map_layers) == 1:
        rows = html.grid([plain, *class_figures(contents, image, probabilities, labels, view)])
    else:
        rows = _layer_rows(contents, image, probabilities, labels, view, plain)
    maps = html.network_input(image, rows)
    return html.legend(view.title) + maps + trust_note(contents, view) + scale_note(view)


def class_figures(
    contents: Contents,
    image: np.ndarray,
    probabilities: np.ndarray,
    labels: Sequence[int],
    view: View,
) -> list[str]:
    """Returns a figure for each label; `view` has one layer or the method is occlusion."""
    (layer,) = view.map_layers
    maps = contents.maps(image, labels, layer, view.method, view.shared_scale)
    figures = []
    for label, saliency in zip(labels, maps, strict=True):
        name = contents.classes[label]
        caption = f"<b>{escape(name)}</b> <span>{probability(probabilities[label], 1)}</span>"
        description = describe_map(view.method, name, layer)
        figures.append(html.heat_figure(saliency, description, caption, view.raw))
    return figures


def _layer_rows(
    contents: Contents,
    image: np.ndarray,
    probabilities: np.ndarray,
    labels: Sequence[int],
    view: View,
    plain: str,
) -> str:
    """Returns a row for each class: the input and a figure for each layer."""
    maps = {
        layer: contents.maps(image, labels, layer, view.method, view.shared_scale)
        for layer in view.layers
    }
    rows = []
    for index, label in enumerate(labels):
        name, chance = contents.classes[label], probability(probabilities[label], 1)
        figures = []
        for layer in view.layers:
            height, width = contents.layers[layer]
            short, _ = verdict(contents, layer, view.method)
            caption = f"<b>{layer}</b> <span>{width}×{height}</span><small>{short}</small>"
            description = describe_map(view.method, name, layer)
            figures.append(html.heat_figure(maps[layer][index], description, caption, view.raw))
        rows.append(
            f"<h3>{escape(name)} <small>{chance}</small></h3>{html.grid([plain, *figures])}"
        )
    return "".join(rows)


def trust_note(contents: Contents, view: View) -> str:
    """Returns in HTML what the report's tests say of the maps, with a link to About."""
    link = html.about_link("How maps are tested")
    if view.method == OCCLUSION:
        return html.hint(OCCLUSION_NOTE, link)
    if len(view.layers) > 1:  # the captions have the verdicts
        return html.hint("", link)
    (layer,) = view.layers
    _, sentence = verdict(contents, layer, view.method)
    return html.hint(f"{view.method} from {layer} {sentence}", link)


def scale_note(view: View) -> str:
    """Returns in HTML how the maps are scaled."""
    if not view.shared_scale:
        return html.hint(OWN_SCALE)
    return html.hint(f"{SHARED_SCALE} {LAYER_SCALES}" if len(view.map_layers) > 1 else SHARED_SCALE)


def describe_map(method: str, name: str, layer: str) -> str:
    """Returns the name of a map for screen readers and saved files."""
    return f"{method} of {name}" + (f" from {layer}" if layer else "")
