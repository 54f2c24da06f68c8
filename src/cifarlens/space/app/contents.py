"""What lies beside the app in a packaged Space: the model, examples, mistakes and the card."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from ...classifier.bundle import Bundle, load_bundle
from ...classifier.networks import layer_sizes
from ...classifier.predict import predict_logits, softmax
from ...classifier.preprocess import fit_image

MODEL = "model"
EXAMPLES = "examples"
MISTAKES = "mistakes"
INDEX = "index.json"
CARD = "card.json"
MAX_TOP = 10  # most classes ever shown
CARD_KINDS = {  # what the card must hold
    "dataset": dict,
    "parameters": int,
    "recipe": list,
    "test": dict,
    "top_classes": int,
}
DATASET_KEYS = ("name", "link", "about", "licence")
TEST_KINDS = {
    "accuracy": float,
    "loss": float,
    "images": int,
    "correct": int,
    "classes": dict,
}
Kind = TypeVar("Kind", dict[str, Any], list[Any])


class ContentsError(ValueError):
    """A Space that lacks something; the message names the file, what is wrong and what to do."""


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
        ContentsError: another file of it is missing or damaged.
    """
    bundle = load_bundle(folder / MODEL)
    sizes = layer_sizes(bundle.network, bundle.config.image_size)
    mistakes = _read_mistakes(folder, len(bundle.config.classes))
    return Contents(
        folder,
        bundle,
        card=_read_card(folder / CARD),
        examples=tuple(sorted((folder / EXAMPLES).glob("*.png"))),
        mistakes=mistakes,
        layers={name: (height, width) for name, (_, height, width) in sizes.items()},
    )


def _read_card(path: Path) -> dict[str, Any]:
    card = _read(path, dict)
    _check_kinds(path, card, CARD_KINDS, "")
    _check_kinds(path, card["dataset"], dict.fromkeys(DATASET_KEYS, str), "dataset.")
    _check_kinds(path, card["test"], TEST_KINDS, "test.")
    return card


def _read_mistakes(folder: Path, classes: int) -> tuple[Mistake, ...]:
    path = folder / MISTAKES / INDEX
    kinds = {name: field.type for name, field in Mistake.__dataclass_fields__.items()}
    mistakes = []
    for row in _read(path, list):
        if not isinstance(row, dict) or set(row) != set(kinds):
            raise _bad(path, f"has a row that is not made of {', '.join(kinds)}")
        _check_kinds(path, row, kinds, "")
        mistake = Mistake(**row)
        if not (0 <= mistake.label < classes and 0 <= mistake.predicted < classes):
            raise _bad(path, f"has a label that is not from 0 to {classes - 1}")
        if not (folder / mistake.file).is_file():
            raise _bad(path, f"names {mistake.file}, which is missing")
        mistakes.append(mistake)
    return tuple(mistakes)


def _read(path: Path, kind: type[Kind]) -> Kind:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _bad(path, "is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise _bad(path, f"cannot be read ({error})") from None
    if not isinstance(content, kind):
        raise _bad(path, f"holds no {'list' if kind is list else 'keys and values'}")
    return content


def _check_kinds(path: Path, content: dict[str, Any], kinds: Mapping[str, Any], place: str) -> None:
    for key, kind in kinds.items():
        value = content.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float if kind is float else kind):
            raise _bad(path, f"has no usable {place}{key}")


def _bad(path: Path, what: str) -> ContentsError:
    return ContentsError(f"{path} {what}: make the Space again with `dvc repro`.")
