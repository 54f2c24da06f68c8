"""Reads the files of a packaged Space: the model, the examples, the mistakes and the card."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from ...classifier.bundle import Bundle, load_bundle
from ...classifier.networks import layer_sizes
from ...classifier.occlusion import OCCLUSION, occlusion_maps
from ...classifier.predict import predict_logits, softmax
from ...classifier.saliency import saliency_maps, scale_maps
from ...pictures.decode import PictureError, open_picture
from ...pictures.fit import Fit, fit_image
from .checks import InputError

EXPIRED = "The picture has expired, as uploads are kept for about an hour; upload it again."
MODEL = "model"
EXAMPLES = "examples"
MISTAKES_FOLDER = "mistakes"
INDEX = "index.json"
CARD = "card.json"
MAX_TOP = 10  # classes shown at once
T = TypeVar("T")
Trust = dict[str, dict[str, dict[str, bool]]]


class ContentsError(ValueError):
    """Reports an unusable Space. The message names the file, the problem and what to do."""


@dataclass(frozen=True)
class Card:
    """Describes the model and its dataset, and sets the initial values of the controls.

    Attributes:
        dataset: texts under `name`, `link`, `about` and `licence`.
        parameters: number of parameters of the network.
        train_images: number of images that trained the network.
        held_out: number of images held out to choose settings, besides those for testing.
        temperature: divides the logits, so that probabilities match the accuracy; 1 if not fitted.
        recipe: how the network was trained, pairs of name and value in display order.
        test: metrics on the test images, as in metrics/evaluate.json, with the number of `images`,
            the number `correct`, the accuracy's 95% confidence `interval`, the mean `confidence`
            and the `confusion` matrix (counts by predicted class for each true class).
        trust: by layer and method of heat maps, whether the maps point at what matters
            (`faithful`) and whether they change when the network forgets (`changes`).
        fit: how a picture becomes a square, as for the training images.
        top_classes: initial number of classes to show.
        opacity: initial opacity of heat maps, 0 to 1.
    """

    dataset: dict[str, str]
    parameters: int
    train_images: int
    held_out: int
    temperature: float
    recipe: list[list[str]]
    test: dict[str, Any]
    trust: Trust
    fit: Fit
    top_classes: int
    opacity: float


@dataclass(frozen=True)
class Mistake:
    """Describes a misclassified test image.

    Attributes:
        file: path relative to the Space's folder.
        index: index among the test images, from 0.
        label: true label.
        predicted: predicted label.
        label_probability: probability of the true label, 0 to 1.
        predicted_probability: probability of the predicted label, 0 to 1.
    """

    file: str
    index: int
    label: int
    predicted: int
    label_probability: float
    predicted_probability: float


@dataclass(frozen=True)
class Contents:
    """Holds the contents of a Space.

    Attributes:
        folder: the Space's folder.
        bundle: the network.
        card: description of the model and its dataset.
        examples: picture files, each of another class, in the order of the labels.
        mistakes: misclassified test images, the most confident first; may be empty.
        layers: height and width of every layer that a heat map can explain.
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
    def lacks_images(self) -> bool:
        """Returns whether the Space was packaged without the dataset's images.

        Then the examples are drawn scenes, and there are no mistakes to show.
        """
        return not self.mistakes and self.card.test["correct"] < self.card.test["images"]

    @property
    def max_top(self) -> int:
        """Returns the maximum number of classes to show: all classes, but at most `MAX_TOP`."""
        return min(MAX_TOP, len(self.classes))

    @property
    def top_classes(self) -> int:
        """Returns the initial number of classes to show."""
        return min(self.card.top_classes, self.max_top)

    @property
    def opacity(self) -> int:
        """Returns the initial opacity of heat maps in percent."""
        return round(100 * self.card.opacity)

    def open(self, file: Path) -> np.ndarray:
        """Reads a picture as network input, uint8 size×size×3; raises InputError if unusable."""
        if not file.exists():
            raise InputError(EXPIRED)
        try:
            return self._fit(open_picture(file, self.card.fit))
        except PictureError as error:
            raise InputError(str(error)) from None

    def image(self, mistake: Mistake) -> np.ndarray:
        """Returns the pixels of a mistake, uint8 size×size×3."""
        with Image.open(self.folder / mistake.file) as image:
            return self._fit(image)

    def _fit(self, image: Image.Image) -> np.ndarray:
        return fit_image(image, self.bundle.config.image_size, self.card.fit)

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        """Returns the class probabilities, float64, of an image uint8 size×size×3."""
        result: np.ndarray = softmax(predict_logits(self.bundle, image[None]))[0]
        return result

    def maps(
        self,
        image: np.ndarray,
        labels: Sequence[int],
        layer: str,
        method: str,
        shared_scale: bool = False,
    ) -> np.ndarray:
        """Returns heat maps of an image uint8 size×size×3: float32 labels×h×w, 0 to 1.

        Occlusion maps are the same for every layer.
        """
        if method == OCCLUSION:
            return scale_maps(occlusion_maps(self.bundle, image[None], [labels])[0], shared_scale)
        return saliency_maps(self.bundle, image[None], [labels], layer, method, shared_scale)[0]


def example_label(file: Path) -> int:
    """Returns the label at the start of an example's file name."""
    return int(file.name.partition("_")[0])


def load_contents(folder: Path) -> Contents:
    """Reads a packaged Space.

    Raises:
        BundleError: the model cannot be used.
        ContentsError: the card or the list of mistakes is missing or damaged.
    """
    card = _read(folder / CARD, lambda content: _make(Card, content))
    bundle = replace(load_bundle(folder / MODEL), temperature=card.temperature)
    sizes = layer_sizes(bundle.network, bundle.config.image_size)
    return Contents(
        folder,
        bundle,
        card=card,
        examples=tuple(sorted((folder / EXAMPLES).glob("[0-9]*_*.png"), key=example_label)),
        mistakes=_read(
            folder / MISTAKES_FOLDER / INDEX,
            lambda rows: tuple(_make(Mistake, row) for row in rows),
        ),
        layers={name: (height, width) for name, (_, height, width) in sizes.items()},
    )


def _make(kind: Callable[..., T], content: Any) -> T:
    """Creates a `Card` or `Mistake`; raises ValueError if it lacks a key or has an unknown one."""
    keys = set(content) if isinstance(content, dict) else set()
    names = set(signature(kind).parameters)
    if keys != names:
        raise ValueError(
            f"missing: {', '.join(sorted(names - keys)) or 'nothing'};"
            f" unknown: {', '.join(sorted(keys - names)) or 'nothing'}"
        )
    return kind(**content)


def _read(path: Path, parse: Callable[[Any], T]) -> T:
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ContentsError(
            f"{path} cannot be read ({error}); run `dvc repro` to create it again."
        ) from None
