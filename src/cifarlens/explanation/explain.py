"""Chooses test images, explains them by Grad-CAM at every layer and measures the maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..classifier.bundle import Bundle
from ..evaluation.cases import Case, even_correct, surest_mistakes
from .faithfulness import BASELINE, Faithfulness, measure
from .gradcam import GRAD_CAM, METHODS, Maps, cam_maps, map_name, metric_name
from .removal import Removal, remove
from .sanity import Sanity, check_sanity

Item = TypeVar("Item")

MEASURED = 40  # images at most whose maps are measured: half misclassified, half correct
EXAMPLES = 3  # of them shown with their pixels removed


@dataclass(frozen=True)
class Explained:
    """A case with its picture and maps, float32 H×W, 0 to 1.

    Attributes:
        case: the prediction.
        image: uint8 H×W×3.
        predicted: by `map_name` those of the predicted class.
        true: by layer those of the true class, Grad-CAM's only.
    """

    case: Case
    image: np.ndarray
    predicted: Maps
    true: Maps


@dataclass(frozen=True)
class Explanations:
    """What the report shows of Grad-CAM.

    Attributes:
        layers: names, in the order of computation.
        layer: the one to show first.
        mistakes: misclassified images, most confident first.
        correct: correctly classified ones, by class.
        measured: an even choice of both, at least one.
        faithfulness: of the predicted class's maps of that choice.
        sanity: of the same maps.
        removals: what some of them look like without the pixels that a map of `layer` points to.
    """

    layers: tuple[str, ...]
    layer: str
    mistakes: list[Explained]
    correct: list[Explained]
    measured: list[Explained]
    faithfulness: Faithfulness
    sanity: Sanity
    removals: list[Removal]

    def metrics(self) -> dict[str, float]:
        """The content of the metrics file, flat: Grad-CAM's layers, and the methods at the last."""
        metrics: dict[str, float] = {
            "misclassified_images": len(self.mistakes),
            "correct_images": len(self.correct),
            "road_images": len(self.measured),
            metric_name("road", BASELINE): self.faithfulness.score(BASELINE),
        }
        *others, last = self.layers
        for name in (*others, *(map_name(last, method) for method in METHODS)):
            metrics[metric_name("road", name)] = self.faithfulness.score(name)
            similarity = self.sanity.score(name)
            if similarity is not None:
                metrics[metric_name("sanity", name)] = similarity
        return metrics

    def rows(self) -> list[tuple[str, float, float | None]]:
        """For each map its name, its score in ROAD, and how alike it stays when the network forgets
        (None without any map, and for the random one, which comes last)."""
        alike = {name: self.sanity.score(name) for name in self.sanity.similarity}
        return [
            (name, self.faithfulness.score(name), alike.get(name))
            for name in self.faithfulness.most
        ]


def explain(
    bundle: Bundle,
    images: np.ndarray,
    cases: Sequence[Case],
    most: int,
    layer: str = "auto",
) -> Explanations:
    """Explains the `most` surest mistakes and as many correct answers.

    Args:
        bundle: the network.
        images: all test images, uint8, N×H×W×3.
        cases: all predictions, at least one.
        most: of each kind; fewer where there are fewer.
        layer: to show first, and whose maps the examples of removed pixels follow; auto: the last.
    """
    layers = bundle.config.layers
    shown = layers[-1] if layer == "auto" else layer
    mistakes = _explain_cases(bundle, images, surest_mistakes(cases, most))
    correct = _explain_cases(bundle, images, even_correct(cases, most))
    measured = spread(mistakes, MEASURED // 2) + spread(correct, MEASURED // 2)
    pictures = np.stack([item.image for item in measured])
    labels = [item.case.predicted for item in measured]
    names = list(measured[0].predicted)
    maps = {name: np.stack([item.predicted[name] for item in measured]) for name in names}
    places = range(len(measured))
    right = [place for place in places if measured[place].case.correct]
    return Explanations(
        layers=layers,
        layer=shown,
        mistakes=mistakes,
        correct=correct,
        measured=measured,
        faithfulness=measure(bundle, pictures, labels, maps),
        sanity=check_sanity(bundle, pictures, labels, maps),
        removals=remove(bundle, pictures, labels, maps[shown], spread(right or places, EXAMPLES)),
    )


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most `most` of them, evenly over the list."""
    count = min(most, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def _explain_cases(bundle: Bundle, images: np.ndarray, cases: Sequence[Case]) -> list[Explained]:
    pictures = np.array(images[[case.index for case in cases]])
    predicted = cam_maps(bundle, pictures, [case.predicted for case in cases])
    true = cam_maps(bundle, pictures, [case.true for case in cases], [GRAD_CAM])
    return [
        Explained(
            case,
            pictures[row],
            {name: maps[row] for name, maps in predicted.items()},
            {name: maps[row] for name, maps in true.items()},
        )
        for row, case in enumerate(cases)
    ]
