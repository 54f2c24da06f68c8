"""Loss, accuracy and learning rate over the epochs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import (
    BLUE,
    MUTED,
    VERMILION,
    label_axes,
    new_figure,
    percent_axis,
    save_png,
    styled,
)

History = Mapping[str, Sequence[float | None]]
TRAIN: dict[str, Any] = {"color": BLUE}
VALIDATION: dict[str, Any] = {"color": VERMILION, "linestyle": (0, (5, 1.5))}


def draw_training(path: Path, history: History) -> None:
    """Writes loss, accuracy and learning rate, one over the other, as one PNG."""
    with styled():
        figure = new_figure(7.2, 8.4)
        for axes, plot in zip(figure.subplots(3, 1), (_loss, _accuracy, _rate), strict=True):
            plot(axes, history)
    save_png(path, figure)


def training_figures(history: History) -> dict[str, Figure]:
    """The same three, each a figure: loss, accuracy, rate.

    Args:
        history: columns `epoch` (from 1), `lr` (of the epoch's last step), `train_loss` and
            `val_loss` (cross-entropy, nats), `train_accuracy` and `val_accuracy` (0 to 1), a value
            an epoch; None where nothing was held out.
    """
    figures = {}
    for name, plot in {"loss": _loss, "accuracy": _accuracy, "rate": _rate}.items():
        with styled():
            figures[name] = new_figure(5.4, 3.4)
            plot(figures[name].subplots(), history)
    return figures


def _loss(axes: Axes, history: History) -> None:
    _lines(axes, history, "loss")
    label_axes(axes, "Loss", "epoch", "cross-entropy")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper right")


def _accuracy(axes: Axes, history: History) -> None:
    _lines(axes, history, "accuracy")
    label_axes(axes, "Accuracy", "epoch", "accuracy")
    percent_axis(axes)
    axes.legend(loc="lower right")


def _rate(axes: Axes, history: History) -> None:
    axes.plot(*_known(history, "lr"), color=MUTED, marker="o", markersize=4)
    label_axes(axes, "Learning rate", "epoch", "learning rate at the epoch's end")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _lines(axes: Axes, history: History, quantity: str) -> None:
    for part, prefix, look in (("train", "train", TRAIN), ("validation", "val", VALIDATION)):
        epochs, values = _known(history, f"{prefix}_{quantity}")
        if values:
            axes.plot(epochs, values, label=part, marker="o", markersize=4, **look)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _known(history: History, column: str) -> tuple[list[float], list[float]]:
    """Epochs and values where both are there."""
    pairs = zip(history["epoch"], history[column], strict=True)
    known = [(epoch, value) for epoch, value in pairs if epoch is not None and value is not None]
    return [epoch for epoch, _ in known], [value for _, value in known]
