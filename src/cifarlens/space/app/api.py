"""What the public endpoints answer, as values. Knows nothing of Gradio."""

from pathlib import Path

import numpy as np

from ...classifier.saliency import METHODS
from ...display.formats import probability
from ...display.heatmap import blend
from .checks import InputError, choice, percent, whole
from .contents import Contents
from .page.handlers import MAP_COUNT, MISTAKE_COUNT, TOP_CLASSES, likeliest, select

BLEND_SIZE = 256  # pixels a side of a picture that an endpoint answers


class Api:
    """The endpoints; each raises InputError for what it cannot use."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents

    def classify(self, image: Path | None, top_k: object) -> dict[str, float]:
        """Probabilities of the likeliest classes, the likeliest first."""
        count = whole(top_k, 1, self.contents.max_top, TOP_CLASSES)
        probabilities = self.contents.probabilities(self._read(image))
        labels = likeliest(probabilities, count)
        return {self.contents.classes[label]: float(probabilities[label]) for label in labels}

    def gradcam(
        self, image: Path | None, maps: object, layer: object, opacity: object, method: object
    ) -> list[tuple[np.ndarray, str]]:
        """The picture under a heat map for each of the likeliest classes, with a caption."""
        count = whole(maps, 1, self.contents.max_top, MAP_COUNT)
        layer = choice(layer, list(self.contents.layers), "Layer")
        share = percent(opacity, "Opacity")
        method = choice(method, list(METHODS), "Method")
        pixels = self._read(image)
        probabilities = self.contents.probabilities(pixels)
        labels = likeliest(probabilities, count)
        saliency = self.contents.maps(pixels, labels, layer, method)
        return [
            (
                blend(pixels, heat, share, BLEND_SIZE),
                f"{self.contents.classes[label]} {probability(probabilities[label], 1)}",
            )
            for label, heat in zip(labels, saliency, strict=True)
        ]

    def misclassified(self, count: object, true_class: object) -> list[tuple[np.ndarray, str]]:
        """The most confident mistakes on the test images, with captions."""
        stored = self.contents.mistakes
        if not stored:
            return []
        number = whole(count, 1, len(stored), MISTAKE_COUNT)
        classes = self.contents.classes
        return [
            (
                self.contents.image(row),
                f"{classes[row.label]} taken for {classes[row.predicted]}"
                f" ({probability(row.predicted_probability, 1)})",
            )
            for row in select(self.contents, true_class)[:number]
        ]

    def _read(self, image: Path | None) -> np.ndarray:
        if image is None:
            raise InputError("The picture is missing: upload one first.")
        return self.contents.open(image)
