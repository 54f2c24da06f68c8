"""What the tabs answer, in HTML.

Nothing a visitor gives makes them fail: what is wrong stands where the result would. Knows nothing
of Gradio.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ....classifier.saliency import METHODS, saliency_maps
from ....display.formats import probability, shape
from ..checks import InputError, choice, switch, whole
from ..contents import Contents, Mistake
from . import html
from .html import escape

ALL_LAYERS = "all"
ALL_CLASSES = "all classes"
DEFAULT_METHOD = "Grad-CAM"
MAX_FILES = 20  # pictures at once

START = "Upload a picture or pick an example: the prediction and its heat maps appear here."
START_SEVERAL = f"Choose up to {MAX_FILES} pictures: each gets its own result here."
MISTAKES_HIDDEN = "Turn on “Show misclassified images” to see test images the network got wrong."
PERFECT = "The network got every test image right: there is nothing to show."
MAPS_HIDDEN = "Turn on “Show Grad-CAM images” to see where the network looked."

TOP_CLASSES = "Number of top classes"
MAP_COUNT = "Number of Grad-CAM images"
MISTAKE_COUNT = "Number of misclassified images"


class Page:
    """The tabs' answers, in HTML."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents

    def classify(
        self,
        file: Path | None,
        top: object,
        show: object,
        count: object,
        layer: object,
        how: object,
    ) -> tuple[str, str]:
        """The prediction for one picture, and its heat maps.

        Args:
            file: the uploaded picture, if there is one.
            top: how many classes to show.
            show: whether to show heat maps.
            count: how many, one for each of the likeliest classes.
            layer: the layer to explain, or `ALL_LAYERS`.
            how: a key of `METHODS`.
        """
        if file is None:
            return html.empty(START), ""
        try:
            top = whole(top, 1, self.contents.max_top, TOP_CLASSES)
            count = whole(count, 1, self.contents.max_top, MAP_COUNT)
            layer = choice(layer, [*self.contents.layers, ALL_LAYERS], "Layer")
            how = choice(how, list(METHODS), "Method")
            show = switch(show, "Show Grad-CAM images")
            image = self.contents.open(file)
        except InputError as error:
            return html.refusal(str(error)), ""
        probabilities = self.contents.probabilities(image)
        answer = html.live(self._prediction(probabilities, top))
        if not show:
            return answer, html.empty(MAPS_HIDDEN)
        labels = likeliest(probabilities, count)
        if layer == ALL_LAYERS:
            title, maps = f"{how} from every layer", self._layers(image, probabilities, labels, how)
        else:
            size = shape(image.shape[:2])
            seen = html.picture(
                image, f"the input, {size} pixels", f"<b>input</b> <span>{size}</span>"
            )
            title = f"{how} from {layer}"
            maps = html.grid([seen, *self._maps(image, probabilities, labels, layer, how)])
        return answer, html.legend(title) + maps

    def several(
        self,
        files: Sequence[tuple[Path, str]],
        top: object,
        show: object,
        count: object,
        layer: object,
    ) -> str:
        """A card for each of several pictures; one that cannot be read says so in its place.

        Args:
            files: paths, and the names they were uploaded under.
            top: how many classes to show.
            show: whether to show heat maps.
            count: how many a picture, one for each of its likeliest classes.
            layer: the layer to explain.
        """
        if not files:
            return html.empty(START_SEVERAL)
        try:
            whole(len(files), 1, MAX_FILES, "Number of pictures")
            top = whole(top, 1, self.contents.max_top, TOP_CLASSES)
            count = whole(count, 1, self.contents.max_top, MAP_COUNT)
            layer = choice(layer, list(self.contents.layers), "Layer")
            show = switch(show, "Show Grad-CAM images")
        except InputError as error:
            return html.refusal(str(error))
        cards = [self._card(file, name, top, count if show else 0, layer) for file, name in files]
        title = html.legend(f"{DEFAULT_METHOD} from {layer}") if show else ""
        return title + html.grid(cards, "several")

    def mistakes(
        self, show: object, count: object, true_class: object, explain: object, layer: object
    ) -> str:
        """Misclassified test images, the most confident first.

        Args:
            show: whether to show any.
            count: how many.
            true_class: a class name, or `ALL_CLASSES`.
            explain: whether to show the heat maps of the wrong and of the right answer.
            layer: the layer to explain.
        """
        stored = self.contents.mistakes
        if not stored:
            return html.empty(PERFECT)
        try:
            count = whole(count, 1, len(stored), MISTAKE_COUNT)
            layer = choice(layer, list(self.contents.layers), "Layer")
            show = switch(show, "Show misclassified images")
            explain = switch(explain, "Explain with Grad-CAM")
            rows = select(self.contents, true_class)[:count]
        except InputError as error:
            return html.refusal(str(error))
        if not show:
            return html.empty(MISTAKES_HIDDEN)
        if not rows:
            return html.empty(
                f"No stored mistake has the true class {true_class}: choose another class."
            )
        note = f"{len(rows)} shown, the most confident first"
        if not explain:
            return html.hint(f"{note}.") + html.grid(map(self._mistake, rows))
        title = html.legend(f"{DEFAULT_METHOD} from {layer}")
        sides = html.hint(f"{note}: the wrong answer to the left, the right one beside it.")
        return title + sides + html.grid(self._explained(rows, layer), "pairs")

    def _prediction(self, probabilities: np.ndarray, top: int) -> str:
        labels = likeliest(probabilities, top)
        names = [self.contents.classes[label] for label in labels]
        return html.prediction(names, probabilities[labels].tolist(), len(self.contents.classes))

    def _maps(
        self,
        image: np.ndarray,
        probabilities: np.ndarray,
        labels: Sequence[int],
        layer: str,
        how: str,
    ) -> list[str]:
        """A picture for each class."""
        pictures = []
        for label, saliency in zip(
            labels, self.contents.maps(image, labels, layer, how), strict=True
        ):
            name = self.contents.classes[label]
            caption = f"<b>{escape(name)}</b> <span>{probability(probabilities[label], 1)}</span>"
            pictures.append(html.picture(image, f"{how} of {name} from {layer}", caption, saliency))
        return pictures

    def _layers(
        self, image: np.ndarray, probabilities: np.ndarray, labels: Sequence[int], how: str
    ) -> str:
        """A row for each class, a picture for each layer."""
        layers = self.contents.layers
        maps = {layer: self.contents.maps(image, labels, layer, how) for layer in layers}
        rows = []
        for turn, label in enumerate(labels):
            name, chance = self.contents.classes[label], probability(probabilities[label], 1)
            row = [
                html.picture(
                    image,
                    f"{how} of {name} from {layer}",
                    f"<b>{layer}</b> <span>{width}×{height}</span>",
                    maps[layer][turn],
                )
                for layer, (height, width) in layers.items()
            ]
            rows.append(f"<h3>{escape(name)} <small>{chance}</small></h3>{html.grid(row)}")
        return "".join(rows)

    def _card(self, file: Path, name: str, top: int, count: int, layer: str) -> str:
        try:
            image = self.contents.open(file)
        except InputError as error:
            return html.card([html.refusal(str(error))], escape(name))
        probabilities = self.contents.probabilities(image)
        seen = html.picture(image, f"{name} as the network sees it")
        below = ""
        if count:
            labels = likeliest(probabilities, count)
            maps = self._maps(image, probabilities, labels, layer, DEFAULT_METHOD)
            below = html.grid(maps, "small")
        return html.card([seen, self._prediction(probabilities, top)], escape(name), below)

    def _mistake(self, row: Mistake) -> str:
        chance = probability(row.predicted_probability, 1)
        caption = f"{self._truth(row)} {self._said(row)}<small>{chance}</small>"
        return html.picture(self.contents.image(row), self._describe(row), caption)

    def _explained(self, rows: Sequence[Mistake], layer: str) -> list[str]:
        """For each mistake the wrong answer's heat map beside the right one's."""
        images = np.stack([self.contents.image(row) for row in rows])
        targets = [(row.predicted, row.label) for row in rows]
        maps = saliency_maps(self.contents.bundle, images, targets, layer)
        cards = []
        for row, image, (wrong, right) in zip(rows, images, maps, strict=True):
            pair = []
            for line, label, chance, saliency in (
                (self._said(row), row.predicted, row.predicted_probability, wrong),
                (self._truth(row), row.label, row.label_probability, right),
            ):
                described = f"Grad-CAM of {self.contents.classes[label]} on {self._describe(row)}"
                caption = f"{line}<small>{probability(chance, 1)}</small>"
                pair.append(html.picture(image, described, caption, saliency))
            cards.append(html.card(pair))
        return cards

    def _truth(self, row: Mistake) -> str:
        return f"<span>is <b>{escape(self.contents.classes[row.label])}</b></span>"

    def _said(self, row: Mistake) -> str:
        given = escape(self.contents.classes[row.predicted])
        return f'<span class="wrong">said <b>{given}</b></span>'

    def _describe(self, row: Mistake) -> str:
        true, given = self.contents.classes[row.label], self.contents.classes[row.predicted]
        return f"test image {row.index}: {true} taken for {given}"


def likeliest(probabilities: np.ndarray, count: int) -> list[int]:
    """The labels of the `count` highest of the probabilities, the highest first."""
    order = np.argsort(-probabilities, kind="stable")
    return [int(label) for label in order[:count]]


def select(contents: Contents, true_class: object) -> list[Mistake]:
    """The stored mistakes of the true class asked for; raises InputError for an unknown class."""
    name = choice(true_class, [ALL_CLASSES, *contents.classes], "True class")
    return [row for row in contents.mistakes if name in (ALL_CLASSES, contents.classes[row.label])]
