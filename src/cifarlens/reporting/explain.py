"""Chooses test images, explains them by Grad-CAM at every layer and measures the maps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..classifier.bundle import Bundle
from .cases import Case, even_correct, surest_mistakes
from .faithfulness import Faithfulness, measure
from .gradcam import gradcam_maps

MEASURED = 60  # images at most whose maps are measured: half misclassified, half correct


@dataclass(frozen=True)
class Explained:
    """A case with its picture and maps.

    Attributes:
        case: the prediction.
        image: uint8 H×W×3.
        predicted: by layer a float32 map H×W, 0 to 1, of the predicted class.
        true: likewise of the true class; the same maps where the prediction is correct.
    """

    case: Case
    image: np.ndarray
    predicted: dict[str, np.ndarray]
    true: dict[str, np.ndarray]


@dataclass(frozen=True)
class Explanations:
    """What the report shows of Grad-CAM.

    Attributes:
        mistakes: misclassified images, most confident first.
        correct: correctly classified ones, by class.
        faithfulness: of the predicted class's maps on an even choice of both; None without any.
    """

    mistakes: list[Explained]
    correct: list[Explained]
    faithfulness: Faithfulness | None

    def metrics(self) -> dict[str, float]:
        """The content of the metrics file, flat."""
        measured = self.faithfulness
        return {
            "misclassified_images": len(self.mistakes),
            "correct_images": len(self.correct),
            "road_images": measured.images if measured else 0,
            **(measured.metrics() if measured else {}),
        }


def explain(bundle: Bundle, images: np.ndarray, cases: Sequence[Case], most: int) -> Explanations:
    """Explains the `most` surest mistakes and as many correct answers.

    Args:
        bundle: the network.
        images: all test images, uint8, N×H×W×3.
        cases: all predictions.
        most: of each kind; fewer where there are fewer.
    """
    mistakes = _maps(bundle, images, surest_mistakes(cases, most))
    correct = _maps(bundle, images, even_correct(cases, most))
    chosen = spread(mistakes, MEASURED // 2) + spread(correct, MEASURED // 2)
    faithfulness = None
    if chosen:
        faithfulness = measure(
            bundle,
            np.stack([item.image for item in chosen]),
            [item.case.predicted for item in chosen],
            {
                layer: np.stack([item.predicted[layer] for item in chosen])
                for layer in bundle.config.layers
            },
        )
    return Explanations(mistakes, correct, faithfulness)


def spread(items: list[Explained], most: int) -> list[Explained]:
    """At most `most` of them, evenly over the list."""
    count = min(most, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def _maps(bundle: Bundle, images: np.ndarray, cases: Sequence[Case]) -> list[Explained]:
    shown = np.array(images[[case.index for case in cases]])
    predicted = gradcam_maps(bundle, shown, [case.predicted for case in cases])
    true = gradcam_maps(bundle, shown, [case.true for case in cases])
    return [
        Explained(
            case,
            shown[row],
            {layer: maps[row] for layer, maps in predicted.items()},
            {layer: maps[row] for layer, maps in true.items()},
        )
        for row, case in enumerate(cases)
    ]
