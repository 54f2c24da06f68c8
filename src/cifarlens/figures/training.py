"""Draws loss and accuracy against epochs, and the learning rate against steps."""

from collections.abc import Mapping, Sequence
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
    figure_style,
    new_figure,
    set_percent_axis,
)

Columns = Mapping[str, Sequence[float]]
TRAIN: dict[str, Any] = {"color": BLUE, "marker": "o", "markersize": 4}
VALIDATION: dict[str, Any] = {**TRAIN, "color": VERMILION, "linestyle": (0, (5, 1.5))}
TEST: dict[str, Any] = {"color": GREEN, "marker": "D", "markersize": 8, "linestyle": "none"}


def training_figures(
    history: Columns, rates: Columns, result: Evaluation, kept_epoch: int
) -> dict[str, Figure]:
    """Draws three figures: loss, accuracy and rate.

    Args:
        history: columns `epoch` (from 1), `train_loss` and `val_loss` (cross-entropy, nats),
            `train_accuracy` and `val_accuracy` (0 to 1), one value per epoch. The validation
            columns exist only if images were held out.
        rates: columns `step` (from 1) and `lr`, one value per step, or for a selection of steps if
            there are very many.
        result: metrics of the kept weights on the test images.
        kept_epoch: epoch whose weights were kept, from 1; a mark there shows the test result.
    """
    with figure_style():
        figures = {name: new_figure(PANEL, 3.2) for name in ("loss", "accuracy", "rate")}
        loss, accuracy, rate_axes = (figure.subplots() for figure in figures.values())
        _draw_epochs(loss, history, "loss")
        loss.plot(kept_epoch, result.loss, label="test", **TEST)
        loss.set(title="Loss", ylabel="loss (cross-entropy)")
        loss.set_ylim(bottom=0)
        loss.legend(loc="upper right")
        _draw_epochs(accuracy, history, "accuracy")
        accuracy.plot(kept_epoch, result.accuracy, label="test", **TEST)
        accuracy.set(title="Accuracy", ylabel="accuracy")
        set_percent_axis(accuracy)
        accuracy.legend(loc="lower right")
        _draw_rates(rate_axes, rates["step"], rates["lr"])
    return figures


def _draw_epochs(axes: Axes, history: Columns, quantity: str) -> None:
    for part, prefix, look in (("training", "train", TRAIN), ("validation", "val", VALIDATION)):
        values = history.get(f"{prefix}_{quantity}")
        if values:
            axes.plot(history["epoch"], values, label=part, **look)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")


def _draw_rates(axes: Axes, steps: Sequence[float], values: Sequence[float]) -> None:
    axes.plot(steps, values, color=BLUE)
    peak = max(range(len(values)), key=values.__getitem__)
    axes.plot(steps[peak], values[peak], "o", color=VERMILION, markersize=5)
    axes.annotate(
        f"{rate(values[peak])} at step {steps[peak]:,.0f}",
        (steps[peak], values[peak]),
        xytext=(8, 2),
        textcoords="offset points",
        va="bottom",
        color=INK,
        fontsize=9,
    )
    axes.set(title="Learning rate", xlabel="step", ylabel="learning rate")
    axes.set_ylim(0, 1.12 * values[peak])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(THOUSANDS)
