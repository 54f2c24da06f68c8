"""Loss and accuracy over the epochs, the learning rate over the steps."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..display.formats import rate
from ..evaluation.metrics import Evaluation
from .style import (
    BLUE,
    GREEN,
    INK,
    PANEL,
    THOUSANDS,
    VERMILION,
    new_figure,
    percent_axis,
    save_png,
    styled,
)

Columns = Mapping[str, Sequence[float]]
TRAIN: dict[str, Any] = {"color": BLUE}
TEST: dict[str, Any] = {"color": GREEN, "linestyle": (0, (1, 1.6)), "linewidth": 1.6}
VALIDATION: dict[str, Any] = {"color": VERMILION, "linestyle": (0, (5, 1.5))}


def draw_training(path: Path, history: Columns, rates: Columns, result: Evaluation) -> None:
    """Writes loss, accuracy and learning rate, one over the other, as one PNG.

    Arguments as those of `training_figures`.
    """
    with styled():
        figure = new_figure(7.2, 8.4)
        _draw(figure.subplots(3, 1), history, rates, result)
    save_png(path, figure)


def training_figures(history: Columns, rates: Columns, result: Evaluation) -> dict[str, Figure]:
    """The same three, each a figure: loss, accuracy, rate.

    Args:
        history: columns `epoch` (from 1), `train_loss` and `val_loss` (cross-entropy, nats),
            `train_accuracy` and `val_accuracy` (0 to 1), a value an epoch; those of validation only
            where images were held out.
        rates: columns `step` (from 1) and `lr`, a value a step, or of some of very many.
        result: on the test images with the weights kept, drawn as a line to see the gap by.
    """
    with styled():
        figures = {name: new_figure(PANEL, 3.2) for name in ("loss", "accuracy", "rate")}
        _draw([figure.subplots() for figure in figures.values()], history, rates, result)
    return figures


def _draw(three: Iterable[Axes], history: Columns, rates: Columns, result: Evaluation) -> None:
    loss, accuracy, rate_axes = three
    _draw_epochs(loss, history, "loss", result.loss)
    loss.set(title="Loss", ylabel="cross-entropy (nats)")
    loss.set_ylim(bottom=0)
    loss.legend(loc="upper right")
    _draw_epochs(accuracy, history, "accuracy", result.accuracy)
    accuracy.set(title="Accuracy", ylabel="accuracy")
    percent_axis(accuracy)
    accuracy.legend(loc="lower right")
    _draw_rates(rate_axes, rates["step"], rates["lr"])


def _draw_epochs(axes: Axes, history: Columns, quantity: str, test: float) -> None:
    for part, prefix, look in (("train", "train", TRAIN), ("validation", "val", VALIDATION)):
        values = history.get(f"{prefix}_{quantity}")
        if values:
            axes.plot(history["epoch"], values, label=part, marker="o", markersize=4, **look)
    axes.axhline(test, label="test", **TEST)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")


def _draw_rates(axes: Axes, steps: Sequence[float], values: Sequence[float]) -> None:
    axes.plot(steps, values, color=BLUE)
    top = max(range(len(values)), key=values.__getitem__)
    axes.plot(steps[top], values[top], "o", color=VERMILION, markersize=5)
    axes.annotate(
        f"{rate(values[top])} at step {steps[top]:,.0f}",
        (steps[top], values[top]),
        xytext=(8, 2),
        textcoords="offset points",
        va="bottom",
        color=INK,
        fontsize=9,
    )
    axes.set(title="Learning rate", xlabel="step", ylabel="learning rate")
    axes.set_ylim(0, 1.12 * values[top])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(THOUSANDS)
