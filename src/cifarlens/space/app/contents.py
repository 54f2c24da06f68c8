"""What lies beside the app in a packaged Space: the model, examples, mistakes and the card."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from ...classifier.bundle import Bundle, load_bundle
from ...classifier.networks import layer_sizes
from ...classifier.predict import predict_logits, softmax
from ...classifier.preprocess import fit_image
from ...classifier.saliency import saliency_maps
from .pictures import open_picture

MODEL = "model"
EXAMPLES = "examples"
MISTAKES = "mistakes"
INDEX = "index.json"
CARD = "card.json"
MAX_TOP = 10  # classes ever shown
T = TypeVar("T")


class ContentsError(ValueError):
    """A Space that lacks something; the message names the file, what is wrong and what to do."""


@dataclass(frozen=True)
class Card:
    """What the Space tells of its model and data, and what its controls show at first.

    Attributes:
        dataset: `name`, `link`, `about` and `licence`, in words.
        parameters: how many the network has.
        recipe: how it was trained, pairs of name and value in display order.
        test: on the test images, as metrics/evaluate.json has it.
        top_classes: how many to show at first.
        opacity: of heat maps at first, 0 to 1.
    """

    dataset: dict[str, str]
    parameters: int
    recipe: list[list[str]]
    test: dict[str, Any]
    top_classes: int
    opacity: float


@dataclass(frozen=True)
class Mistake:
    """A misclassified test image.

    Attributes:
        file: path below the Space's folder.
        index: its place among the test images, from 0.
        label: its true label.
        predicted: the label the network gave it.
        label_probability: of the true label, 0 to 1.
        predicted_probability: of the given label, 0 to 1.
    """

    file: str
    index: int
    label: int
    predicted: int
    label_probability: float
    predicted_probability: float


@dataclass(frozen=True)
class Contents:
    """A Space's contents, read once.

    Attributes:
        folder: where they lie.
        bundle: the network.
        card: what the demo tells of model and data.
        examples: pictures, one a class, in the order of the labels.
        mistakes: the most confident first; may be none.
        layers: height and width of every layer that a heat map can be made from.
    """

    folder: Path
    bundle: Bundle
    card: Card
    examples: tuple[Path, ...]
    mistakes: tuple[Mistake, ...]
    layers: dict[str, tuple[int, int]]

    @property
    def classes(self) -> tuple[str, ...]:
        return self.bundle.config.classes

    @property
    def max_top(self) -> int:
        """Most classes that can be asked for: the network's, but never more than ten."""
        return min(MAX_TOP, len(self.classes))

    @property
    def top_classes(self) -> int:
        """How many are shown at first."""
        return min(self.card.top_classes, self.max_top)

    @property
    def opacity(self) -> int:
        """Of heat maps at first, in percent."""
        return round(100 * self.card.opacity)

    def open(self, file: Path) -> np.ndarray:
        """A picture file as the network sees it, uint8 size×size×3; raises InputError if bad."""
        return self._fit(open_picture(file))

    def image(self, mistake: Mistake) -> np.ndarray:
        """A mistake's pixels, uint8 size×size×3."""
        with Image.open(self.folder / mistake.file) as image:
            return self._fit(image)

    def _fit(self, image: Image.Image) -> np.ndarray:
        return fit_image(image, self.bundle.config.image_size)

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """Of each class, float64, for an image uint8 size×size×3."""
        result: np.ndarray = softmax(predict_logits(self.bundle, image[None]))[0]
        return result

    def maps(self, image: np.ndarray, labels: Sequence[int], layer: str, method: str) -> np.ndarray:
        """Heat maps of an image uint8 size×size×3, float32 labels×h×w, 0 to 1."""
        return saliency_maps(self.bundle, image[None], [labels], layer, method)[0]


def load_contents(folder: Path) -> Contents:
    """Reads a packaged Space.

    Raises:
        BundleError: its model cannot be used.
        ContentsError: its card or its list of mistakes is missing or damaged.
    """
    bundle = load_bundle(folder / MODEL)
    sizes = layer_sizes(bundle.network, bundle.config.image_size)
    return Contents(
        folder,
        bundle,
        card=_read(folder / CARD, lambda content: Card(**content)),
        examples=tuple(sorted((folder / EXAMPLES).glob("*.png"))),
        mistakes=_read(
            folder / MISTAKES / INDEX, lambda rows: tuple(Mistake(**row) for row in rows)
        ),
        layers={name: (height, width) for name, (_, height, width) in sizes.items()},
    )


def _read(path: Path, make: Callable[[Any], T]) -> T:
    try:
        return make(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ContentsError(
            f"{path} cannot be read ({error}): make the Space again with `dvc repro`."
        ) from None
