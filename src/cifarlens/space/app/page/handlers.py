"""What the tabs answer, in HTML.

Nothing a visitor gives makes them fail: what is wrong stands where the result would. Knows nothing
of Gradio.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from ....classifier.saliency import METHODS, saliency_maps
from ..checks import InputError, choice, switch, whole
from ..contents import Contents, Mistake
from ..pictures import open_picture
from . import html as figures

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
            show: whether heat maps are wanted.
            count: how many, one for each of the likeliest classes.
            layer: the layer to explain, or `ALL_LAYERS`.
            how: a key of `METHODS`.
        """
        if file is None:
            return figures.empty(START), ""
        try:
            top = whole(top, 1, self.contents.max_top, TOP_CLASSES)
            count = whole(count, 1, self.contents.max_top, MAP_COUNT)
            layer = choice(layer, [*self.contents.layers, ALL_LAYERS], "Layer")
            how = choice(how, list(METHODS), "Method")
            wanted = switch(show, "Show Grad-CAM images")
            image = self.contents.fit(open_picture(file))
        except InputError as error:
            return figures.refusal(str(error)), ""
        probabilities = self.contents.probabilities(image[None])[0]
        answer = figures.live(self._prediction(probabilities, top))
        if not wanted:
            return answer, figures.empty(MAPS_HIDDEN)
        labels = likeliest(probabilities, count)
        if layer == ALL_LAYERS:
            title, maps = f"{how} from every layer", self._layers(image, probabilities, labels, how)
        else:
            seen = self._seen(image)
            title = f"{how} from {layer}"
            maps = figures.grid([seen, *self._maps(image, probabilities, labels, layer, how)])
        return answer, figures.legend(title) + maps

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
            show: whether heat maps are wanted.
            count: how many a picture, one for each of its likeliest classes.
            layer: the layer to explain.
        """
        if not files:
            return figures.empty(START_SEVERAL)
        try:
            whole(len(files), 1, MAX_FILES, "Number of pictures")
            top = whole(top, 1, self.contents.max_top, TOP_CLASSES)
            count = whole(count, 1, self.contents.max_top, MAP_COUNT)
            layer = choice(layer, list(self.contents.layers), "Layer")
            wanted = switch(show, "Show Grad-CAM images")
        except InputError as error:
            return figures.refusal(str(error))
        cards = [self._card(file, name, top, count if wanted else 0, layer) for file, name in files]
        title = figures.legend(f"{DEFAULT_METHOD} from {layer}") if wanted else ""
        return title + figures.grid(cards, "several")

    def mistakes(
        self, show: object, count: object, true_class: object, explain: object, layer: object
    ) -> str:
        """Misclassified test images, the most confident first.

        Args:
            show: whether they are wanted at all.
            count: how many.
            true_class: a class name, or `ALL_CLASSES`.
            explain: whether the heat maps of the wrong and of the right answer are wanted.
            layer: the layer to explain.
        """
        stored = self.contents.mistakes
        if not stored:
            return figures.empty(PERFECT)
        try:
            count = whole(count, 1, len(stored), MISTAKE_COUNT)
            layer = choice(layer, list(self.contents.layers), "Layer")
            wanted = switch(show, "Show misclassified images")
            explained = switch(explain, "Explain with Grad-CAM")
            rows = select(self.contents, true_class)[:count]
        except InputError as error:
            return figures.refusal(str(error))
        if not wanted:
            return figures.empty(MISTAKES_HIDDEN)
        if not rows:
            return figures.empty(
                f"No stored mistake has the true class {true_class}: choose another class."
            )
        note = f"{len(rows)} shown, the most confident first"
        if not explained:
            return figures.hint(f"{note}.") + figures.grid(self._plain(rows))
        title = figures.legend(f"{DEFAULT_METHOD} from {layer}")
        sides = figures.hint(f"{note}: the wrong answer to the left, the right one beside it.")
        return title + sides + figures.grid(self._explained(rows, layer), "pairs")

    def _prediction(self, probabilities: np.ndarray, top: int) -> str:
        labels = likeliest(probabilities, top)
        names = [self.contents.classes[label] for label in labels]
        return figures.prediction(names, probabilities[labels].tolist(), len(self.contents.classes))

    def _seen(self, image: np.ndarray) -> str:
        side = f"{image.shape[1]}×{image.shape[0]} pixels"
        caption = f"<b>input</b> <span>{image.shape[1]}×{image.shape[0]}</span>"
        return figures.picture(image, f"the input, {side}", caption)

    def _maps(
        self,
        image: np.ndarray,
        probabilities: np.ndarray,
        labels: Sequence[int],
        layer: str,
        how: str,
    ) -> list[str]:
        """A picture for each class."""
        (maps,) = saliency_maps(self.contents.bundle, image[None], [labels], layer, how)
        shown = []
        for label, saliency in zip(labels, maps, strict=True):
            name = self.contents.classes[label]
            caption = f"<b>{escape(name)}</b> <span>{figures.share(probabilities[label])}</span>"
            shown.append(figures.picture(image, f"{how} of {name} from {layer}", caption, saliency))
        return shown

    def _layers(
        self, image: np.ndarray, probabilities: np.ndarray, labels: Sequence[int], how: str
    ) -> str:
        """A row for each class, a picture for each layer."""
        layers = self.contents.layers
        found = {
            layer: saliency_maps(self.contents.bundle, image[None], [labels], layer, how)[0]
            for layer in layers
        }
        rows = []
        for turn, label in enumerate(labels):
            name = self.contents.classes[label]
            title = f"<h3>{escape(name)} <small>{figures.share(probabilities[label])}</small></h3>"
            row = [
                figures.picture(
                    image,
                    f"{how} of {name} from {layer}",
                    f"<b>{layer}</b> <span>{width}×{height}</span>",
                    found[layer][turn],
                )
                for layer, (height, width) in layers.items()
            ]
            rows.append(title + figures.grid(row))
        return "".join(rows)

    def _card(self, file: Path, name: str, top: int, count: int, layer: str) -> str:
        title = escape(name)
        try:
            image = self.contents.fit(open_picture(file))
        except InputError as error:
            return figures.card([figures.refusal(str(error))], title)
        probabilities = self.contents.probabilities(image[None])[0]
        best = likeliest(probabilities, count)
        seen = figures.picture(image, f"{name} as the network sees it")
        below = ""
        if count:
            maps = self._maps(image, probabilities, best, layer, DEFAULT_METHOD)
            below = figures.grid(maps, "small")
        return figures.card([seen, self._prediction(probabilities, top)], title, below)

    def _plain(self, rows: Sequence[Mistake]) -> list[str]:
        return [
            figures.picture(self.contents.image(row), self._describe(row), self._caption(row))
            for row in rows
        ]

    def _explained(self, rows: Sequence[Mistake], layer: str) -> list[str]:
        images = np.stack([self.contents.image(row) for row in rows])
        targets = [(row.predicted, row.label) for row in rows]
        maps = saliency_maps(self.contents.bundle, images, targets, layer)
        return [
            self._pair(row, image, *pair)
            for row, image, pair in zip(rows, images, maps, strict=True)
        ]

    def _pair(self, row: Mistake, image: np.ndarray, wrong: np.ndarray, right: np.ndarray) -> str:
        """The wrong answer's heat map beside the right one's."""
        shown = []
        for line, label, probability, saliency in (
            (self._said(row), row.predicted, row.predicted_probability, wrong),
            (self._truth(row), row.label, row.label_probability, right),
        ):
            caption = f"{line}<small>{figures.share(probability)}</small>"
            described = f"Grad-CAM of {self.contents.classes[label]} on {self._describe(row)}"
            shown.append(figures.picture(image, described, caption, saliency))
        return figures.card(shown)

    def _caption(self, row: Mistake) -> str:
        chance = figures.share(row.predicted_probability)
        return f"{self._truth(row)} {self._said(row)}<small>{chance}</small>"

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
    """The stored mistakes whose true class is asked for; raises InputError for no class."""
    wanted = choice(true_class, [ALL_CLASSES, *contents.classes], "True class")
    return [
        row for row in contents.mistakes if wanted in (ALL_CLASSES, contents.classes[row.label])
    ]
