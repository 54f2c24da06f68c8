"""Builds the HTML that the tabs answer with.

Invalid input never raises: a message appears in place of the result. This module does not depend on
Gradio.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ....classifier.saliency import METHODS, saliency_maps
from ....display.formats import probability, shape
from ..checks import InputError, check_choice, check_switch, check_whole_number
from ..contents import Contents, Mistake
from . import html
from .html import escape

ALL_LAYERS = "all"
ALL_CLASSES = "all classes"
DEFAULT_METHOD = "Grad-CAM"
MAX_FILES = 20  # pictures at once

START = "Upload a picture or pick an example. The prediction and its heat maps appear here."
START_SEVERAL = f"Choose up to {MAX_FILES} pictures. Each one gets its own result here."
MISTAKES_HIDDEN = "Turn on “Show misclassified images” to see test images the network got wrong."
PERFECT = "The network classified every test image correctly. There are no mistakes to show."
MAPS_HIDDEN = "Turn on “Show Grad-CAM images” to see where the network found evidence."

TOP_CLASSES = "Number of top classes"
MAP_COUNT = "Number of Grad-CAM images"
MISTAKE_COUNT = "Number of misclassified images"


class Page:
    """Answers the tabs with HTML."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents

    def classify(
        self,
        file: Path | None,
        top_count: object,
        show_maps: object,
        map_count: object,
        layer: object,
        method: object,
    ) -> tuple[str, str]:
        """Returns the prediction for one picture and its heat maps.

        Args:
            file: the uploaded picture, or None.
            top_count: number of classes to show.
            show_maps: whether to show heat maps.
            map_count: number of heat maps, one for each of the most likely classes.
            layer: the layer to explain, or `ALL_LAYERS`.
            method: a key of `METHODS`.
        """
        if file is None:
            return html.placeholder(START), ""
        try:
            top_count = check_whole_number(top_count, 1, self.contents.max_top, TOP_CLASSES)
            map_count = check_whole_number(map_count, 1, self.contents.max_top, MAP_COUNT)
            layer = check_choice(layer, [*self.contents.layers, ALL_LAYERS], "Layer")
            method = check_choice(method, list(METHODS), "Method")
            show_maps = check_switch(show_maps, "Show Grad-CAM images")
            image = self.contents.open(file)
        except InputError as error:
            return html.refusal(str(error)), ""
        probabilities = self.contents.probabilities(image)
        answer = html.live_region(self._prediction(probabilities, top_count))
        if not show_maps:
            return answer, html.placeholder(MAPS_HIDDEN)
        labels = most_likely(probabilities, map_count)
        if layer == ALL_LAYERS:
            title = f"{method} from every layer"
            maps = self._layers(image, probabilities, labels, method)
        else:
            size = shape(image.shape[:2])
            network_input = html.picture(
                image, f"the input, {size} pixels", f"<b>input</b> <span>{size}</span>"
            )
            title = f"{method} from {layer}"
            pictures = self._maps(image, probabilities, labels, layer, method)
            maps = html.grid([network_input, *pictures])
        return answer, html.legend(title) + maps

    def several(
        self,
        files: Sequence[tuple[Path, str]],
        top_count: object,
        show_maps: object,
        map_count: object,
        layer: object,
    ) -> str:
        """Returns a card for each of several pictures. An unreadable one gets a message instead.

        Args:
            files: paths, and the names under which they were uploaded.
            top_count: number of classes to show.
            show_maps: whether to show heat maps.
            map_count: number of heat maps for each picture, one for each of its most likely
                classes.
            layer: the layer to explain.
        """
        if not files:
            return html.placeholder(START_SEVERAL)
        try:
            check_whole_number(len(files), 1, MAX_FILES, "Number of pictures")
            top_count = check_whole_number(top_count, 1, self.contents.max_top, TOP_CLASSES)
            map_count = check_whole_number(map_count, 1, self.contents.max_top, MAP_COUNT)
            layer = check_choice(layer, list(self.contents.layers), "Layer")
            show_maps = check_switch(show_maps, "Show Grad-CAM images")
        except InputError as error:
            return html.refusal(str(error))
        maps = map_count if show_maps else 0
        cards = [self._card(file, name, top_count, maps, layer) for file, name in files]
        title = html.legend(f"{DEFAULT_METHOD} from {layer}") if show_maps else ""
        return title + html.grid(cards, "several")

    def mistakes(
        self, show: object, count: object, true_class: object, explain: object, layer: object
    ) -> str:
        """Returns misclassified test images, the most confident first.

        Args:
            show: whether to show any.
            count: number of images.
            true_class: a class name, or `ALL_CLASSES`.
            explain: whether to show heat maps of the predicted and the true class.
            layer: the layer to explain.
        """
        try:
            count = check_whole_number(count, 1, len(self.contents.mistakes), MISTAKE_COUNT)
            layer = check_choice(layer, list(self.contents.layers), "Layer")
            show = check_switch(show, "Show misclassified images")
            explain = check_switch(explain, "Explain with Grad-CAM")
            mistakes = select_mistakes(self.contents, true_class)[:count]
        except InputError as error:
            return html.refusal(str(error))
        if not show:
            return html.placeholder(MISTAKES_HIDDEN)
        if not mistakes:
            return html.placeholder(
                "None of the misclassified images in this demo has the true class"
                f" {true_class}; choose another class."
            )
        plural = "s" if len(mistakes) > 1 else ""
        note = f"{len(mistakes)} misclassified image{plural}, the most confident first."
        if not explain:
            return html.hint(note) + html.grid(map(self._mistake, mistakes))
        title = html.legend(f"{DEFAULT_METHOD} from {layer}")
        sides = html.hint(f"{note} Left: the predicted class. Right: the true class.")
        return title + sides + html.grid(self._explained(mistakes, layer), "pairs")

    def _prediction(self, probabilities: np.ndarray, top_count: int) -> str:
        labels = most_likely(probabilities, top_count)
        names = [self.contents.classes[label] for label in labels]
        return html.prediction(names, probabilities[labels].tolist(), len(self.contents.classes))

    def _maps(
        self,
        image: np.ndarray,
        probabilities: np.ndarray,
        labels: Sequence[int],
        layer: str,
        method: str,
    ) -> list[str]:
        """Returns a picture for each class."""
        pictures = []
        for label, saliency in zip(
            labels, self.contents.maps(image, labels, layer, method), strict=True
        ):
            name = self.contents.classes[label]
            caption = f"<b>{escape(name)}</b> <span>{probability(probabilities[label], 1)}</span>"
            description = f"{method} of {name} from {layer}"
            pictures.append(html.picture(image, description, caption, saliency))
        return pictures

    def _layers(
        self, image: np.ndarray, probabilities: np.ndarray, labels: Sequence[int], method: str
    ) -> str:
        """Returns a row for each class with a picture for each layer."""
        layers = self.contents.layers
        maps = {layer: self.contents.maps(image, labels, layer, method) for layer in layers}
        rows = []
        for index, label in enumerate(labels):
            name, chance = self.contents.classes[label], probability(probabilities[label], 1)
            row = [
                html.picture(
                    image,
                    f"{method} of {name} from {layer}",
                    f"<b>{layer}</b> <span>{width}×{height}</span>",
                    maps[layer][index],
                )
                for layer, (height, width) in layers.items()
            ]
            rows.append(f"<h3>{escape(name)} <small>{chance}</small></h3>{html.grid(row)}")
        return "".join(rows)

    def _card(self, file: Path, name: str, top_count: int, map_count: int, layer: str) -> str:
        try:
            image = self.contents.open(file)
        except InputError as error:
            return html.card([html.refusal(str(error))], escape(name))
        probabilities = self.contents.probabilities(image)
        network_input = html.picture(image, f"{name} as the network sees it")
        below = ""
        if map_count:
            labels = most_likely(probabilities, map_count)
            maps = self._maps(image, probabilities, labels, layer, DEFAULT_METHOD)
            below = html.grid(maps, "small")
        prediction = self._prediction(probabilities, top_count)
        return html.card([network_input, prediction], escape(name), below)

    def _mistake(self, mistake: Mistake) -> str:
        chance = probability(mistake.predicted_probability, 1)
        caption = f"{self._true(mistake)} {self._predicted(mistake)}<small>{chance}</small>"
        return html.picture(self.contents.image(mistake), self._describe(mistake), caption)

    def _explained(self, mistakes: Sequence[Mistake], layer: str) -> list[str]:
        """Returns for each mistake the heat maps of the predicted and the true class."""
        images = np.stack([self.contents.image(mistake) for mistake in mistakes])
        targets = [(mistake.predicted, mistake.label) for mistake in mistakes]
        maps = saliency_maps(self.contents.bundle, images, targets, layer)
        cards = []
        for mistake, image, (wrong, right) in zip(mistakes, images, maps, strict=True):
            pair = []
            for line, label, chance, saliency in (
                (self._predicted(mistake), mistake.predicted, mistake.predicted_probability, wrong),
                (self._true(mistake), mistake.label, mistake.label_probability, right),
            ):
                name = self.contents.classes[label]
                description = f"Grad-CAM of {name} on {self._describe(mistake)}"
                caption = f"{line}<small>{probability(chance, 1)}</small>"
                pair.append(html.picture(image, description, caption, saliency))
            cards.append(html.card(pair))
        return cards

    def _true(self, mistake: Mistake) -> str:
        return f"<span>true <b>{escape(self.contents.classes[mistake.label])}</b></span>"

    def _predicted(self, mistake: Mistake) -> str:
        name = escape(self.contents.classes[mistake.predicted])
        return f'<span class="wrong">predicted <b>{name}</b></span>'

    def _describe(self, mistake: Mistake) -> str:
        true = self.contents.classes[mistake.label]
        predicted = self.contents.classes[mistake.predicted]
        return f"test image {mistake.index}: {true} predicted as {predicted}"


def most_likely(probabilities: np.ndarray, count: int) -> list[int]:
    """Returns the labels of the `count` highest probabilities, the highest first."""
    order = np.argsort(-probabilities, kind="stable")
    return [int(label) for label in order[:count]]


def select_mistakes(contents: Contents, true_class: object) -> list[Mistake]:
    """Returns the stored mistakes of a true class; raises InputError for an unknown class."""
    name = check_choice(true_class, [ALL_CLASSES, *contents.classes], "True class")
    return [
        mistake
        for mistake in contents.mistakes
        if name in (ALL_CLASSES, contents.classes[mistake.label])
    ]
