"""Sheets of Grad-CAM pictures, one file each, that `dvc plots diff` shows side by side."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..evaluation.cases import Case
from ..explanation.explain import Explained
from ..report.page import chance
from ..report.pictures import overlay
from .style import INK, MUTED, new_figure, save_png, styled

SHEET = 40  # cases at most
COLUMNS = 4
ROW = 1.12  # inches
GAP = 4  # between the pictures of a case, in their pixels


def draw_galleries(
    folder: Path,
    mistakes: Sequence[Explained],
    correct: Sequence[Explained],
    classes: Sequence[str],
    layer: str,
    opacity: float,
) -> None:
    """Writes misclassified.png and correct.png into the folder, made anew.

    A case shows its picture, then Grad-CAM of the predicted class and, if that is wrong, of the
    true class, at one layer and opacity (0 to 1).
    """
    shutil.rmtree(folder, ignore_errors=True)
    for name, title, cases in (
        (
            "misclassified",
            "Wrong: picture, Grad-CAM of what it said, of what it is",
            mistakes,
        ),
        ("correct", "Correct: picture, Grad-CAM of what it said", correct),
    ):
        note = f"{layer}, opacity {opacity:g}"
        _draw_sheet(folder / f"{name}.png", f"{title} ({note})", cases, classes, layer, opacity)


def _draw_sheet(
    path: Path,
    title: str,
    explained: Sequence[Explained],
    classes: Sequence[str],
    layer: str,
    opacity: float,
) -> None:
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
    save_png(path, figure)


def _panel(item: Explained, layer: str, opacity: float) -> np.ndarray:
    """Picture and maps side by side on white, uint8 H×W×3."""
    pictures = [item.image, overlay(item.image, item.predicted[layer], opacity)]
    if not item.case.correct:
        pictures.append(overlay(item.image, item.true[layer], opacity))
    height, width = item.image.shape[:2]
    panel = np.full((height, len(pictures) * (width + GAP) - GAP, 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        left = place * (width + GAP)
        panel[:, left : left + width] = picture
    return panel


def _caption(case: Case, classes: Sequence[str]) -> str:
    said = f"said {classes[case.predicted]} {chance(case.confidence)}"
    return said if case.correct else f"{said}, is {classes[case.true]}"
