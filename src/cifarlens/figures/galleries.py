"""Sheets of Grad-CAM pictures, one file each, that `dvc plots diff` shows side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ..display.formats import probability
from ..display.heatmap import blend
from ..evaluation.cases import Case
from ..explanation.explain import Explained, Explanations
from .style import INK, MUTED, new_figure, save_png, styled

SHEET = 40  # cases at most
COLUMNS = 4
ROW = 1.12  # inches
GAP = 4  # between the pictures of a case, in their pixels


def draw_galleries(
    folder: Path, explanations: Explanations, classes: Sequence[str], opacity: float
) -> None:
    """Writes misclassified.png and correct.png into the folder.

    A case shows its picture, then Grad-CAM of the predicted class and, if that is wrong, of the
    true class, at the layer shown first and an opacity from 0 to 1.
    """
    layer = explanations.layer
    note = f"({layer}, opacity {opacity:g})"
    wrong = f"Wrong: picture, Grad-CAM of what it said, of what it is {note}"
    right = f"Correct: picture, Grad-CAM of what it said {note}"
    for name, title, cases in (
        ("misclassified", wrong, explanations.mistakes),
        ("correct", right, explanations.correct),
    ):
        save_png(folder / f"{name}.png", _sheet(title, cases, classes, layer, opacity))


def _sheet(
    title: str, explained: Sequence[Explained], classes: Sequence[str], layer: str, opacity: float
) -> Figure:
    shown = explained[:SHEET]
    if len(shown) < len(explained):
        title = f"{title}: the first {SHEET} of {len(explained)}"
    rows = max(1, -(-len(shown) // COLUMNS))
    with styled():
        figure = new_figure(11, 0.4 + ROW * rows)
        grid = figure.subplots(rows, COLUMNS, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, item in zip(grid.flat, shown, strict=False):
            axes.imshow(_panel(item, layer, opacity))
            axes.set_title(_caption(item.case, classes), fontsize=8, fontweight="normal", pad=4)
        if not shown:
            grid[0, 0].text(0, 0.5, "none", color=MUTED, va="center")
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
    return figure


def _panel(item: Explained, layer: str, opacity: float) -> np.ndarray:
    """Picture and maps side by side on white, uint8 H×W×3."""
    image, maps = item.image, [item.predicted] if item.case.correct else [item.predicted, item.true]
    pictures = [image, *(blend(image, layers[layer], opacity, len(image)) for layers in maps)]
    spaced = np.pad(pictures, ((0, 0), (0, 0), (0, GAP), (0, 0)), constant_values=255)
    return np.concatenate(list(spaced), axis=1)[:, :-GAP]


def _caption(case: Case, classes: Sequence[str]) -> str:
    said = f"said {classes[case.predicted]} {probability(case.confidence)}"
    return said if case.correct else f"{said}, is {classes[case.true]}"
