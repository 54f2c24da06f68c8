"""Draws the curve of the learning-rate finder with its valley and the suggested rates."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..display.formats import rate
from .style import (
    BLUE,
    DASHED,
    GREEN,
    MUTED,
    VERMILION,
    figure_style,
    new_figure,
    set_log_axis,
    write_above,
)

MIN_RATIO = 60  # lr_max / lr_min from which centred labels do not overlap


def lr_curve(curve: Mapping[str, Sequence[float]], metrics: Mapping[str, float]) -> Figure:
    """Draws the mean curve of the range tests (Smith 2017, arXiv:1506.01186).

    The figure marks `lr_min` and `lr_max` and shades the valley of the loss.

    Args:
        curve: columns `lr`, the learning rate of each step, above 0; `loss`, the mean training loss
            of each step, with label smoothing, in nats; and `smooth`, the smoothed loss.
        metrics: content of metrics/lr_find.json.
    """
    lrs, losses, smooth = curve["lr"], curve["loss"], curve["smooth"]
    lr_min, lr_max = metrics["lr_min"], metrics["lr_max"]
    with figure_style():
        figure = new_figure(7.2, 3.8)
        axes = figure.subplots()
        valley = metrics["lr_valley_start"], metrics["lr_valley_end"]
        axes.axvspan(*valley, color=BLUE, alpha=0.08, linewidth=0, label="valley")
        axes.plot(lrs, losses, color=MUTED, alpha=0.45, linewidth=1, label="loss of each step")
        axes.plot(lrs, smooth, color=BLUE, label="smoothed loss")
        set_log_axis(axes)
        axes.set_ylim(*_loss_range(losses, smooth))
        sides = ("center", "center") if lr_max > MIN_RATIO * lr_min else ("right", "left")
        _mark(axes, lr_min, "lr_min", GREEN, sides[0])
        _mark(axes, lr_max, "lr_max", VERMILION, sides[1])
        axes.set_title("Learning-rate finder", pad=24)  # leaves room for the labels of the rates
        axes.set_xlabel("learning rate (log scale)")
        axes.set_ylabel("training loss with label smoothing")
        axes.legend(loc="best")
    return figure


def _mark(axes: Axes, lr: float, name: str, colour: str, side: str) -> None:
    axes.axvline(lr, color=colour, linewidth=1.5, linestyle=DASHED)
    write_above(axes, lr, f"{name} = {rate(lr)}", side=side, lift=4)


def _loss_range(losses: Sequence[float], smooth: Sequence[float]) -> tuple[float, float]:
    """Returns limits of the y axis such that a diverging loss does not flatten the curve."""
    low = min(*losses, *smooth)
    high = max(*smooth[: max(1, len(smooth) // 3)], losses[0])
    margin = 0.12 * max(high - low, 0.1)
    return low - margin, high + 4 * margin
