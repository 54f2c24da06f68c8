"""Draws the dataset: images per class, examples of each class, and the channels of one image."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..dataset.arrays import Dataset
from .style import BLUE, MUTED, THOUSANDS, figure_style, new_figure

EXAMPLES = 5  # images per class


def first_of_each_class(labels: np.ndarray, classes: int, count: int) -> list[np.ndarray]:
    """Returns for each label the indices of its first `count` images, or of all if it has fewer."""
    return [np.flatnonzero(labels == label)[:count] for label in range(classes)]


def colourful_image(dataset: Dataset, rows: list[np.ndarray]) -> int:
    """Returns the index of the example image that shows the three channels best.

    In that image every channel varies, and the channels differ from each other.
    """
    indices = np.concatenate(rows)
    images = dataset.train_images[indices].astype(np.float32)
    variation = images.std(axis=(1, 2)).min(axis=1)
    difference = np.abs(images - np.roll(images, 1, axis=3)).mean(axis=(1, 2)).min(axis=1)
    return int(indices[(variation * difference).argmax()])


def channel_images(image: np.ndarray) -> dict[str, np.ndarray]:
    """Returns an image, uint8 H×W×3, and each of its channels alone in its own colour, H×W×3."""
    split = {"image": np.array(image)}
    for channel, name in enumerate(("red", "green", "blue")):
        split[name] = np.zeros_like(image)
        split[name][..., channel] = image[..., channel]
    return split


def class_balance(dataset: Dataset) -> Figure:
    """Draws a bar for each class: its number of training images."""
    names = dataset.classes
    counts = np.bincount(dataset.train_labels, minlength=len(names)).tolist()
    with figure_style():
        figure = new_figure(7.2, 1.2 + 0.27 * len(names))
        axes = figure.subplots()
        bars = axes.barh(names, counts, color=BLUE, height=0.68)
        axes.bar_label(bars, labels=[f"{count:,}" for count in counts], padding=4, color=MUTED)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlim(0, 1.12 * max(counts))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(THOUSANDS)
        axes.set(title="Training images per class", xlabel="images", ylabel="class")
    return figure
