"""What the data look like: images a class, examples of each class, one image channel by channel."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..dataset.arrays import Dataset
from .style import BLUE, MUTED, THOUSANDS, new_figure, save_png, styled

EXAMPLES = 10  # images a class


def draw_dataset(folder: Path, dataset: Dataset) -> None:
    """Writes class_balance.png, examples.png and channels.png.

    Args:
        folder: made if it is not there.
        dataset: at least one train image.
    """
    save_png(folder / "class_balance.png", class_balance(dataset))
    rows = first_of_each_class(dataset.train_labels, len(dataset.classes), EXAMPLES)
    save_png(folder / "examples.png", _examples(dataset, rows))
    save_png(folder / "channels.png", _channels(dataset.train_images[vivid(dataset, rows)]))


def first_of_each_class(labels: np.ndarray, classes: int, count: int) -> list[np.ndarray]:
    """For each label the indices, ascending, of its first `count` images (fewer where it has)."""
    return [np.flatnonzero(labels == label)[:count] for label in range(classes)]


def vivid(dataset: Dataset, rows: list[np.ndarray]) -> int:
    """The index, among the examples, of the train image where every channel tells most.

    Every channel varies over the image, and none looks like another.
    """
    shown = np.concatenate(rows)
    images = dataset.train_images[shown].astype(np.float32)
    varied = images.std(axis=(1, 2)).min(axis=1)
    apart = np.abs(images - np.roll(images, 1, axis=3)).mean(axis=(1, 2)).min(axis=1)
    return int(shown[(varied * apart).argmax()])


def channel_images(image: np.ndarray) -> dict[str, np.ndarray]:
    """An image uint8 H×W×3 whole and split: each channel alone in its own colour, H×W×3."""
    split = {"image": np.array(image)}
    for channel, name in enumerate(("red", "green", "blue")):
        split[name] = np.zeros_like(image)
        split[name][..., channel] = image[..., channel]
    return split


def class_balance(dataset: Dataset) -> Figure:
    """A bar for each class: its number of train images."""
    names = dataset.classes
    counts = np.bincount(dataset.train_labels, minlength=len(names)).tolist()
    with styled():
        figure = new_figure(7.2, 1.2 + 0.27 * len(names))
        axes = figure.subplots()
        bars = axes.barh(names, counts, color=BLUE, height=0.68)
        axes.bar_label(bars, labels=[f"{count:,}" for count in counts], padding=4, color=MUTED)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlim(0, 1.12 * max(counts))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.xaxis.set_major_formatter(THOUSANDS)
        axes.set(title="Train images of each class", xlabel="images", ylabel="class")
    return figure


def _examples(dataset: Dataset, rows: list[np.ndarray]) -> Figure:
    with styled():
        figure = new_figure(7.2, 0.4 + 0.6 * len(rows))
        grid = figure.subplots(len(rows), EXAMPLES, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for line, indices, name in zip(grid, rows, dataset.classes, strict=True):
            for axes, index in zip(line, indices, strict=False):
                axes.imshow(dataset.train_images[index])
            line[0].text(
                -0.25, 0.5, name, transform=line[0].transAxes, ha="right", va="center", color=MUTED
            )
        title = f"The first {EXAMPLES} train images of each class"
        figure.suptitle(title, fontsize=11, fontweight="bold")
    return figure


def _channels(image: np.ndarray) -> Figure:
    with styled():
        figure = new_figure(7.2, 2.05)
        line: list[Axes] = list(figure.subplots(1, 4))
        for axes, (name, picture) in zip(line, channel_images(image).items(), strict=True):
            axes.imshow(picture)
            axes.set_title(name, loc="center", fontweight="normal")
            axes.set_axis_off()
    return figure
