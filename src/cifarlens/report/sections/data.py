"""The report's section on the data: examples, channels, and what augmentation makes of an image."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...dataset.arrays import Dataset
from ...figures.dataset import EXAMPLES, channel_images, first_of_each_class, vivid
from ...params import Augment
from ...training.data.augmentation import Augmentation, pad
from ...training.recipe import augmentation_steps
from ..pictures import image_uri, strip_uri

VARIANTS = 6  # of an augmented image
AUGMENTED = 6  # images at most


def data_section(
    dataset: Dataset, mean: Sequence[float], augment: Augment, seed: int
) -> dict[str, Any]:
    """What data.html.j2 shows.

    Args:
        dataset: at least one train image.
        mean: of pixel / 255 per channel, as the run used it.
        augment: as in params.yaml.
        seed: of the run.
    """
    rows = first_of_each_class(dataset.train_labels, len(dataset.classes), EXAMPLES)
    strips = {
        name: (strip_uri(dataset.train_images[shown]), len(shown))
        for name, shown in zip(dataset.classes, rows, strict=True)
        if len(shown)
    }
    split = channel_images(dataset.train_images[vivid(dataset, rows)])
    firsts = [int(shown[0]) for shown in rows if len(shown)][:AUGMENTED]
    augmented = [
        {
            "name": dataset.classes[dataset.train_labels[index]],
            "before": image_uri(dataset.train_images[index]),
            "after": strip_uri(variants(dataset, index, mean, augment, seed)),
        }
        for index in firsts
    ]
    return {
        "strips": strips,
        "most": EXAMPLES,
        "channels": {name: image_uri(image) for name, image in split.items()},
        "augmented": augmented,
        "variants": VARIANTS,
        "steps": augmentation_steps(augment),
    }


def variants(
    dataset: Dataset, index: int, mean: Sequence[float], augment: Augment, seed: int
) -> np.ndarray:
    """A train image as the first `VARIANTS` epochs augment it, uint8, VARIANTS×H×W×3.

    Where images are held out, those behind them move up and take the places of others in the
    epochs' random choices.
    """
    image = dataset.train_images[index]
    fill = tuple(round(255 * value) for value in mean)
    make = Augmentation(len(image), augment.flip, augment.cutout, fill, seed)
    (padded,) = pad(image[None], augment.padding)
    return np.stack([make(padded, epoch, index) for epoch in range(VARIANTS)])
