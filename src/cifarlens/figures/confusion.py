"""Draws the confusion matrix."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from .style import INK, PAPER, figure_style, new_figure


def confusion_figure(confusion: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draws the number of images in each cell.

    The colour follows the square root of the share of the true class, so that rare errors are
    visible.

    Args:
        confusion: int, classes×classes, by true label (row) and predicted label (column).
        classes: class names in the order of the labels.
    """
    shares = row_shares(confusion)
    side = 2.4 + 0.46 * len(classes)
    with figure_style():
        figure = new_figure(side + 0.6, side)
        axes = figure.subplots()
        picture = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1))
        axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
        axes.set_yticks(range(len(classes)), classes)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        for (row, column), count in np.ndenumerate(confusion):
            colour = PAPER if shares[row, column] > 0.3 else INK
            text = f"{count:,}" if count else "·"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        bar = figure.colorbar(picture, shrink=0.8, format=PercentFormatter(1))
        bar.set_label("share of the true class")
        bar.outline.set_visible(False)
        title = "Confusion matrix (number of images)"
        axes.set(title=title, xlabel="predicted class", ylabel="true class")
    return figure


def row_shares(confusion: np.ndarray) -> np.ndarray:
    """Returns each row divided by its sum, float64; zeros for a class without images."""
    totals = confusion.sum(axis=1, keepdims=True)
    return np.asarray(confusion / np.maximum(totals, 1), np.float64)
