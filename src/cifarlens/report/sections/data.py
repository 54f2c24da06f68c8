"""The report's section on the data: examples, channels, and what augmentation makes of an image."""

from typing import Any

import numpy as np

from ...figures.dataset import (
    EXAMPLES,
    channel_images,
    class_balance,
    first_of_each_class,
    vivid,
)
from ...figures.style import PANEL, render_svg
from ...training.data.augmentation import Augmentation, pad
from ...training.recipe import augmentation_steps
from ..pictures import image_uri, strip_uri
from ..run import Run

VARIANTS = 6  # of an augmented image
AUGMENTED = 6  # images at most


def data_section(run: Run) -> dict[str, Any]:
    """What data.html.j2 shows."""
    dataset = run.dataset
    rows = first_of_each_class(dataset.train_labels, len(dataset.classes), EXAMPLES)
    examples = [pair for pair in zip(dataset.classes, rows, strict=True) if len(pair[1])]
    split = channel_images(dataset.train_images[vivid(dataset, rows)])
    balance = class_balance(dataset)
    balance.set_size_inches(PANEL, max(3.2, balance.get_figheight()))
    return {
        "balance": render_svg(balance, "balance", "Train images of each class"),
        "strips": {
            name: (strip_uri(dataset.train_images[shown]), len(shown)) for name, shown in examples
        },
        "most": EXAMPLES,
        "channels": {name: image_uri(image) for name, image in split.items()},
        "augmented": [
            {
                "name": name,
                "before": image_uri(dataset.train_images[shown[0]]),
                "after": strip_uri(variants(run, int(shown[0]))),
            }
            for name, shown in examples[:AUGMENTED]
        ],
        "variants": VARIANTS,
        "steps": augmentation_steps(run.params.augment),
    }


def variants(run: Run, index: int) -> np.ndarray:
    """A train image as the first `VARIANTS` epochs augment it, uint8, VARIANTS×H×W×3.

    Where images are held out, those behind them move up and take the places of others in the
    epochs' random choices.
    """
    image, augment = run.dataset.train_images[index], run.params.augment
    fill = tuple(round(255 * value) for value in run.config.mean)
    make = Augmentation(len(image), augment.flip, augment.cutout, fill, run.params.seed)
    (padded,) = pad(image[None], augment.padding)
    return np.stack([make(padded, epoch, index) for epoch in range(VARIANTS)])
