"""The learning-rate finder's curve: its valley, and the two rates that training takes."""

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
    log_axis,
    new_figure,
    styled,
    write_above,
)

CLOSE = 60  # a ratio of rates below which their names would meet


def lr_curve(curve: Mapping[str, Sequence[float]], metrics: Mapping[str, float]) -> Figure:
    """The mean of the range tests (Smith 2017, arXiv:1506.01186).

    Args:
        curve: columns `lr`, the rate of each step, above 0; `loss`, the mean training loss at each
            step, cross-entropy in nats; and `smooth`, the losses smoothed.
        metrics: content of metrics/lr_find.json. `lr_min`, first and last rate of the training, and
            `lr_max`, its peak, are marked; the valley of the loss is shaded.
    """
    lrs, losses, smooth = curve["lr"], curve["loss"], curve["smooth"]
    lr_min, lr_max = metrics["lr_min"], metrics["lr_max"]
    with styled():
        figure = new_figure(7.2, 3.8)
        axes = figure.subplots()
        valley = metrics["lr_valley_start"], metrics["lr_valley_end"]
        axes.axvspan(*valley, color=BLUE, alpha=0.08, linewidth=0, label="valley")
        axes.plot(lrs, losses, color=MUTED, alpha=0.45, linewidth=1, label="each step")
        axes.plot(lrs, smooth, color=BLUE, label="smoothed")
        log_axis(axes)
        axes.set_ylim(*_loss_range(losses, smooth))
        sides = ("center", "center") if lr_max > CLOSE * lr_min else ("right", "left")
        _mark(axes, lr_min, "lr_min", GREEN, sides[0])
        _mark(axes, lr_max, "lr_max", VERMILION, sides[1])
        axes.set_title("Learning-rate finder", pad=24)  # above the marks' names
        axes.set_xlabel("learning rate (log scale)")
        axes.set_ylabel("train loss (cross-entropy, nats)")
        axes.legend(loc="best")
    return figure


def _mark(axes: Axes, lr: float, name: str, colour: str, side: str) -> None:
    axes.axvline(lr, color=colour, linewidth=1.5, linestyle=DASHED)
    write_above(axes, lr, f"{name} = {rate(lr)}", side=side, lift=4)


def _loss_range(losses: Sequence[float], smooth: Sequence[float]) -> tuple[float, float]:
    """Room for the curve where it tells something: a diverging loss leaves the top."""
    low = min(*losses, *smooth)
    high = max(*smooth[: max(1, len(smooth) // 3)], losses[0])
    margin = 0.12 * max(high - low, 0.1)
    return low - margin, high + 4 * margin
