"""Prepares the section on the data: sizes of the classes, examples, channels, augmented images."""

from typing import Any

import numpy as np

from ...dataset.arrays import Dataset
from ...evaluation.metrics import balanced
from ...figures.dataset import EXAMPLES, channel_images, colourful_image, first_of_each_class
from ...training.data.augmentation import Augmentation, pad
from ...training.recipe import augmentation_steps
from ..pictures import image_uri, strip_uri
from ..run import Run

VERSIONS = 6  # augmented versions of an image
MAX_AUGMENTED = 6  # images that the section shows augmented
MAX_CLASSES = 50  # classes that the section shows


def data_section(run: Run) -> dict[str, Any]:
    """Returns the values for data.html.j2."""
    dataset = run.dataset
    rows = first_of_each_class(dataset.train_labels, len(dataset.classes), EXAMPLES)
    pairs = zip(dataset.classes, rows, strict=True)
    examples = [(name, indices) for name, indices in pairs if len(indices)][:MAX_CLASSES]
    split = channel_images(dataset.train_images[colourful_image(dataset, rows)])
    return {
        **class_sizes(dataset),
        "strips": {
            name: (strip_uri(dataset.train_images[indices]), len(indices))
            for name, indices in examples
        },
        "max_examples": EXAMPLES,
        "channels": {name: image_uri(image) for name, image in split.items()},
        "augmented": [
            {
                "name": name,
                "before": image_uri(dataset.train_images[indices[0]]),
                "after": strip_uri(augmented_versions(run, int(indices[0]))),
            }
            for name, indices in examples[:MAX_AUGMENTED]
        ],
        "versions": VERSIONS,
        "steps": augmentation_steps(run.params.augment),
    }


def class_sizes(dataset: Dataset) -> dict[str, Any]:
    """Returns the numbers of training and test images of each class, the largest class first.

    `unbalanced` says whether they differ enough for a chart.
    """
    labels = {"training": dataset.train_labels, "test": dataset.test_labels}
    counts = {
        name: np.bincount(values, minlength=len(dataset.classes)) for name, values in labels.items()
    }
    order = np.argsort(-counts["training"], kind="stable").tolist()
    return {
        "names": [dataset.classes[label] for label in order],
        "sizes": {name: sizes[order].tolist() for name, sizes in counts.items()},
        "unbalanced": not all(balanced(sizes) for sizes in counts.values()),
    }


def augmented_versions(run: Run, index: int) -> np.ndarray:
    """Returns a training image as augmented in the first epochs, uint8, VERSIONS×H×W×3.

    If the run holds images out, training numbers the images differently, so it draws other random
    numbers for this image.
    """
    image, augment = run.dataset.train_images[index], run.params.augment
    fill = tuple(round(255 * value) for value in run.config.mean)
    augmentation = Augmentation(len(image), augment.flip, augment.cutout, fill, run.params.seed)
    (padded,) = pad(image[None], augment.padding)
    return np.stack([augmentation(padded, epoch, index) for epoch in range(VERSIONS)])
