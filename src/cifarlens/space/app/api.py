"""Computes the answers of the public endpoints, as values. Does not depend on Gradio."""

from pathlib import Path

import numpy as np

from ...display.formats import probability
from ...display.heatmap import blend
from .checks import InputError, check_choice, check_percent, check_whole_number
from .choices import (
    ALL_CLASSES,
    ALL_METHODS,
    MAP_COUNT,
    METHOD,
    MISTAKE_COUNT,
    TOP_CLASSES,
    most_likely,
    select_mistakes,
    select_targets,
)
from .contents import Contents

BLEND_SIZE = 256  # side of a returned picture, pixels


class Api:
    """Implements the endpoints. Each raises InputError for input that it cannot use."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents

    def classify(self, image: Path | None, top_k: object) -> dict[str, float]:
        """Returns the probabilities of the `top_k` most likely classes, the most likely first."""
        count = check_whole_number(top_k, 1, self.contents.max_top, TOP_CLASSES)
        probabilities = self.contents.probabilities(self._read(image))
        labels = most_likely(probabilities, count)
        return {self.contents.classes[label]: float(probabilities[label]) for label in labels}

    def gradcam(
        self,
        image: Path | None,
        maps: object,
        layer: object,
        opacity: object,
        method: object,
        classes: object = None,
    ) -> list[tuple[np.ndarray, str]]:
        """Returns the picture under a heat map for each of the most likely classes.

        If `classes` names some, it explains these instead and ignores `maps`. Each caption holds
        the class and its probability.
        """
        count = check_whole_number(maps, 1, self.contents.max_top, MAP_COUNT)
        layer = check_choice(layer, list(self.contents.layers), "Layer")
        share = check_percent(opacity, "Opacity")
        method = check_choice(method, ALL_METHODS, METHOD)
        pixels = self._read(image)
        probabilities = self.contents.probabilities(pixels)
        labels = select_targets(self.contents, probabilities, count, classes)
        saliency = self.contents.maps(pixels, labels, layer, method)
        return [
            (
                blend(pixels, heat, share, BLEND_SIZE),
                f"{self.contents.classes[label]} {probability(probabilities[label], 1)}",
            )
            for label, heat in zip(labels, saliency, strict=True)
        ]

    def misclassified(
        self, count: object, true_class: object, predicted_class: object = ALL_CLASSES
    ) -> list[tuple[np.ndarray, str]]:
        """Returns the most confident mistakes on the test images, with captions."""
        mistakes = self.contents.mistakes
        if not mistakes:
            return []
        number = check_whole_number(count, 1, len(mistakes), MISTAKE_COUNT)
        classes = self.contents.classes
        return [
            (
                self.contents.image(mistake),
                f"{classes[mistake.label]} predicted as {classes[mistake.predicted]}"
                f" ({probability(mistake.predicted_probability, 1)})",
            )
            for mistake in select_mistakes(self.contents, true_class, predicted_class)[:number]
        ]

    def _read(self, image: Path | None) -> np.ndarray:
        if image is None:
            raise InputError("The picture is missing: upload one first.")
        return self.contents.open(image)
