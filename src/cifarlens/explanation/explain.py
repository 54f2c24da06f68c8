"""Explains chosen test images with Grad-CAM at every layer and tests the maps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from pytorch_grad_cam.utils.image import scale_cam_image

from ..classifier.bundle import Bundle
from ..classifier.occlusion import OCCLUSION, occlusion_maps
from ..classifier.saliency import scale_maps
from ..evaluation.cases import Case, balanced_correct_cases, typical_mistakes
from .faithfulness import BASELINE, Faithfulness, measure_faithfulness
from .gradcam import GRAD_CAM, Maps, cam_maps
from .removal import Removal, removal_examples
from .sanity import Sanity, check_sanity

Item = TypeVar("Item")
Row = tuple[str, float, float | None, str | None, str | None]

MAX_SAMPLE = 40  # images that the two tests use: half misclassified, half correct
TRUST_COLUMNS = ("map", "road", "similarity", "faithful", "changes")
REMOVAL_EXAMPLES = 3  # images of the sample for which the report shows the removed pixels


@dataclass(frozen=True)
class ExplainedCase:
    """Holds a case with its image and its saliency maps, float32 H×W, 0 to 1.

    Attributes:
        case: the prediction.
        image: uint8 H×W×3.
        predicted_maps: maps of the predicted class by `map_name`; in the sample, also `OCCLUSION`.
        true_maps: maps of the true class by layer, Grad-CAM only.
    """

    case: Case
    image: np.ndarray
    predicted_maps: Maps
    true_maps: Maps


@dataclass(frozen=True)
class Explanations:
    """Holds the Grad-CAM results that the report shows.

    Attributes:
        layers: layer names from input to output.
        layer: target layer that the report shows first.
        mistakes: misclassified images, one of each confused pair first.
        correct: correctly classified images, by class.
        sample: images of both kinds that the two tests use, at least one.
        faithfulness: result of the faithfulness test of the predicted class's maps.
        sanity: result of the randomisation test of the same maps, without `OCCLUSION`.
        removals: images of the sample without the pixels that the maps of `layer` rate most or
            least important.
    """

    layers: tuple[str, ...]
    layer: str
    mistakes: list[ExplainedCase]
    correct: list[ExplainedCase]
    sample: list[ExplainedCase]
    faithfulness: Faithfulness
    sanity: Sanity
    removals: list[Removal]

    def trusted(self, name: str) -> tuple[bool, bool]:
        """Returns whether a map's pixels matter, and whether it changes when the network forgets.

        Do not read a map as an explanation unless both are true.

        Args:
            name: layer for Grad-CAM, otherwise a `map_name`.
        """
        return self.faithfulness.beats_chance(name), self.sanity.passes(name)

    def metrics(self) -> dict[str, float]:
        """Returns the content of metrics/gradcam.json: both scores of Grad-CAM at `layer`.

        Scores of all maps are in `rows`.
        """
        similarity = self.sanity.score(self.layer)
        return {
            "road": self.faithfulness.score(self.layer),
            "road_random": self.faithfulness.score(BASELINE),
            **({} if similarity is None else {"sanity": similarity}),
        }

    def rows(self) -> list[Row]:
        """Returns the `TRUST_COLUMNS` of each map: its scores, and whether it passes the two tests.

        The columns are the map's name, its ROAD score, its similarity after randomisation (None if
        all maps are empty), and yes or no for each test. The random map comes last and has only a
        ROAD score.
        """
        road, sanity = self.faithfulness, self.sanity
        rows: list[Row] = []
        for name in sanity.similarity:
            faithful, changes = ("yes" if passed else "no" for passed in self.trusted(name))
            rows.append((name, road.score(name), sanity.score(name), faithful, changes))
        return [*rows, (BASELINE, road.score(BASELINE), None, None, None)]


def explain(
    bundle: Bundle,
    images: np.ndarray,
    cases: Sequence[Case],
    limit: int,
    layer: str = "auto",
) -> Explanations:
    """Explains typical misclassified images and correct ones of every class.

    Args:
        bundle: network to explain.
        images: all test images, uint8, N×H×W×3.
        cases: all predictions, at least one.
        limit: largest number of images of each kind.
        layer: target layer that the report shows first and whose maps the removal examples use;
            auto means the last layer.
    """
    layers = bundle.config.layers
    first_layer = layers[-1] if layer == "auto" else layer
    mistakes = _explain_cases(bundle, images, typical_mistakes(cases, limit))
    correct = _explain_cases(bundle, images, balanced_correct_cases(cases, limit))
    sample = pick_evenly(mistakes, MAX_SAMPLE // 2) + pick_evenly(correct, MAX_SAMPLE // 2)
    pictures = np.stack([item.image for item in sample])
    labels = [item.case.predicted for item in sample]
    names = list(sample[0].predicted_maps)
    maps = {name: np.stack([item.predicted_maps[name] for item in sample]) for name in names}
    occluded = _occlusion(bundle, pictures, labels)
    rows = range(len(sample))
    correct_rows = [row for row in rows if sample[row].case.correct]
    examples = pick_evenly(correct_rows or rows, REMOVAL_EXAMPLES)
    return Explanations(
        layers=layers,
        layer=first_layer,
        mistakes=mistakes,
        correct=correct,
        sample=[
            replace(item, predicted_maps={**item.predicted_maps, OCCLUSION: saliency})
            for item, saliency in zip(sample, occluded, strict=True)
        ],
        faithfulness=measure_faithfulness(bundle, pictures, labels, {**maps, OCCLUSION: occluded}),
        sanity=check_sanity(bundle, pictures, labels, maps),
        removals=removal_examples(bundle, pictures, labels, maps[first_layer], examples),
    )


def pick_evenly(items: Sequence[Item], limit: int) -> list[Item]:
    """Returns at most `limit` items, evenly spaced over the list."""
    count = min(limit, len(items))
    return [items[row * len(items) // count] for row in range(count)]


def _explain_cases(
    bundle: Bundle, images: np.ndarray, cases: Sequence[Case]
) -> list[ExplainedCase]:
    pictures = np.array(images[[case.index for case in cases]])
    predicted = cam_maps(bundle, pictures, [case.predicted for case in cases])
    true = cam_maps(bundle, pictures, [case.true for case in cases], [GRAD_CAM])
    return [
        ExplainedCase(
            case,
            pictures[row],
            {name: maps[row] for name, maps in predicted.items()},
            {name: maps[row] for name, maps in true.items()},
        )
        for row, case in enumerate(cases)
    ]


def _occlusion(bundle: Bundle, images: np.ndarray, labels: Sequence[int]) -> np.ndarray:
    """Returns an occlusion map of a label for each image, scaled and resized as `Maps` are."""
    maps = np.concatenate(occlusion_maps(bundle, images, [[label] for label in labels]))
    return np.asarray(scale_cam_image(scale_maps(maps), images.shape[2:0:-1]))
