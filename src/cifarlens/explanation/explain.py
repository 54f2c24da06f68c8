"""Chooses test images, explains them by Grad-CAM at every layer and measures the maps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from ..classifier.bundle import Bundle
from ..evaluation.cases import Case, even_correct, surest_mistakes
from .faithfulness import BASELINE, Faithfulness, measure
from .gradcam import GRAD_CAM, METHODS, Maps, cam_maps, flat, map_name, metric_name
from .removal import Removal, remove
from .sanity import Sanity, check_sanity

Item = TypeVar("Item")

MEASURED = 40  # images at most whose maps are measured: half misclassified, half correct
EXAMPLES = 3  # of them shown with their pixels removed


@dataclass(frozen=True)
class Explained:
    """A case with its picture and maps.

    Attributes:
        case: the prediction.
        image: uint8 H×W×3.
        predicted: by layer a float32 map H×W, 0 to 1, of the predicted class.
        true: likewise of the true class; the same maps where the prediction is correct.
        others: by method other than Grad-CAM, the predicted class's maps by layer.
    """

    case: Case
    image: np.ndarray
    predicted: dict[str, np.ndarray]
    true: dict[str, np.ndarray]
    others: Maps = field(default_factory=dict)

    @property
    def methods(self) -> Maps:
        """By method the predicted class's maps by layer, Grad-CAM's first."""
        return {GRAD_CAM: self.predicted, **self.others}


@dataclass(frozen=True)
class Explanations:
    """What the report shows of Grad-CAM.

    Attributes:
        mistakes: misclassified images, most confident first.
        correct: correctly classified ones, by class.
        faithfulness: of the predicted class's maps on an even choice of both; None without any.
        sanity: of the same maps; None likewise.
        measured: that choice.
        removals: what some of them look like without the pixels that a map points to.
    """

    mistakes: list[Explained]
    correct: list[Explained]
    faithfulness: Faithfulness | None
    sanity: Sanity | None = None
    measured: list[Explained] = field(default_factory=list)
    removals: list[Removal] = field(default_factory=list)

    def metrics(self) -> dict[str, float]:
        """The content of the metrics file, flat: Grad-CAM's layers, and the methods at the last."""
        found: dict[str, float] = {
            "misclassified_images": len(self.mistakes),
            "correct_images": len(self.correct),
            "road_images": len(self.measured),
        }
        if not (self.measured and self.faithfulness and self.sanity):
            return found
        *_, last = layers = list(self.measured[0].predicted)
        names = [*layers, *(map_name(last, method) for method in self.measured[0].others)]
        for name in names:
            found[metric_name("road", name)] = self.faithfulness.score(name)
            similarity = self.sanity.score(name)
            if similarity is not None:
                found[metric_name("sanity", name)] = similarity
        found[metric_name("road", BASELINE)] = self.faithfulness.score(BASELINE)
        return found

    def rows(self) -> list[tuple[str, float, float | None]]:
        """For each map its name, its score in ROAD, and how alike it stays when the network forgets
        (None without any map, and for the random one, which comes last)."""
        if not (self.faithfulness and self.sanity):
            return []
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
    layer: str | None = None,
) -> Explanations:
    """Explains the `most` surest mistakes and as many correct answers.

    Args:
        bundle: the network.
        images: all test images, uint8, N×H×W×3.
        cases: all predictions.
        most: of each kind; fewer where there are fewer.
        layer: whose maps the examples of removed pixels follow; the last one if not given.
    """
    mistakes = _maps(bundle, images, surest_mistakes(cases, most))
    correct = _maps(bundle, images, even_correct(cases, most))
    chosen = spread(mistakes, MEASURED // 2) + spread(correct, MEASURED // 2)
    if not chosen:
        return Explanations(mistakes, correct, None)
    shown = np.stack([item.image for item in chosen])
    labels = [item.case.predicted for item in chosen]
    maps = {
        method: {name: np.stack([item.methods[method][name] for item in chosen]) for name in layers}
        for method, layers in chosen[0].methods.items()
    }
    faithfulness = measure(bundle, shown, labels, flat(maps))
    sanity = check_sanity(bundle, shown, labels, maps)
    places = range(len(chosen))
    right = [place for place in places if chosen[place].case.correct]
    followed = maps[GRAD_CAM][layer or bundle.config.layers[-1]]
    removals = remove(bundle, shown, labels, followed, spread(right or places, EXAMPLES))
    return Explanations(mistakes, correct, faithfulness, sanity, chosen, removals)


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most `most` of them, evenly over the list."""
    count = min(most, len(items))
    return [items[place * len(items) // count] for place in range(count)]


def _maps(bundle: Bundle, images: np.ndarray, cases: Sequence[Case]) -> list[Explained]:
    shown = np.array(images[[case.index for case in cases]])
    found = cam_maps(bundle, shown, [case.predicted for case in cases], list(METHODS))
    wrong = [row for row, case in enumerate(cases) if not case.correct]
    truly = cam_maps(bundle, shown[wrong], [cases[row].true for row in wrong])[GRAD_CAM]
    true = {layer: np.array(maps) for layer, maps in found[GRAD_CAM].items()}
    for layer, maps in truly.items():
        true[layer][wrong] = maps
    return [
        Explained(
            case,
            shown[row],
            _row(found[GRAD_CAM], row),
            _row(true, row),
            {name: _row(maps, row) for name, maps in found.items() if name != GRAD_CAM},
        )
        for row, case in enumerate(cases)
    ]


def _row(maps: dict[str, np.ndarray], row: int) -> dict[str, np.ndarray]:
    return {layer: found[row] for layer, found in maps.items()}
