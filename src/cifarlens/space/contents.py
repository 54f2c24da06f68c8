"""What lies beside the app in a packaged Space: the model, examples, mistakes and the card."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..classifier.bundle import Bundle, load_bundle
from ..classifier.networks import layer_sizes
from ..classifier.predict import predict_logits, softmax
from ..classifier.preprocess import fit_image

MODEL = "model"
EXAMPLES = "examples"
MISTAKES = "mistakes"
INDEX = "index.json"
CARD = "card.json"
MAX_TOP = 10  # most classes ever shown


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
        card: what `about.py` tells of model and data.
        examples: pictures, one a class, in the order of the labels.
        mistakes: the most confident first; may be none.
        layers: height and width of every layer that a heat map can be made from.
    """

    folder: Path
    bundle: Bundle
    card: dict[str, Any]
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
        return min(int(self.card["top_classes"]), self.max_top)

    def fit(self, image: Image.Image) -> np.ndarray:
        """A picture as the network sees it, uint8 size×size×3."""
        return fit_image(image, self.bundle.config.image_size)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Float64 N×classes of uint8 images N×size×size×3."""
        return softmax(predict_logits(self.bundle, images))

    def image(self, mistake: Mistake) -> np.ndarray:
        """A mistake's pixels, uint8 size×size×3."""
        with Image.open(self.folder / mistake.file) as image:
            return self.fit(image)


def load_contents(folder: Path) -> Contents:
    """Reads a packaged Space.

    Raises:
        BundleError: its model cannot be used.
        OSError: another file of it is missing.
    """
    bundle = load_bundle(folder / MODEL)
    sizes = layer_sizes(bundle.network, bundle.config.image_size)
    rows = json.loads((folder / MISTAKES / INDEX).read_text(encoding="utf-8"))
    return Contents(
        folder,
        bundle,
        card=json.loads((folder / CARD).read_text(encoding="utf-8")),
        examples=tuple(sorted((folder / EXAMPLES).glob("*.png"))),
        mistakes=tuple(Mistake(**row) for row in rows),
        layers={name: (height, width) for name, (_, height, width) in sizes.items()},
    )
