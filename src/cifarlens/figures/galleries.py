"""Draws galleries of Grad-CAM images, one file each, that `dvc plots diff` compares."""

from collections.abc import Sequence
from pathlib import Path
from unicodedata import bidirectional

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from ..display.formats import probability
from ..display.heatmap import blend
from ..evaluation.cases import Case
from ..explanation.explain import ExplainedCase, Explanations
from .style import FONT, INK, PAPER, figure_style, new_figure, save_png

MAX_CASES = 40  # per gallery
COLUMNS = 4
ROW_HEIGHT = 1.12  # inches
GAP = 4  # between the pictures of a case, in pixels of the image
MAX_NAME = 18  # characters of a class name
LABEL = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5}  # behind words on a picture


def draw_galleries(
    folder: Path, explanations: Explanations, classes: Sequence[str], opacity: float
) -> None:
    """Writes misclassified.png and correct.png.

    Each case shows its image, Grad-CAM of the predicted class and, if the prediction is wrong,
    Grad-CAM of the true class. A gallery without cases is not written, and its file from an
    earlier run is removed.

    Args:
        folder: output folder.
        explanations: cases with their maps; the galleries show the layer `explanations.layer`.
        classes: class names in the order of the labels.
        opacity: opacity of the heat maps, 0 to 1.
    """
    layer = explanations.layer
    note = f"({layer}, opacity {opacity:g})"
    wrong = f"Misclassified: image, Grad-CAM of the predicted and of the true class {note}"
    right = f"Correct: image, Grad-CAM of the predicted class {note}"
    for name, title, cases in (
        ("misclassified", wrong, explanations.mistakes),
        ("correct", right, explanations.correct),
    ):
        path = folder / f"{name}.png"
        if cases:
            save_png(path, _gallery(title, cases, classes, layer, opacity))
        else:
            path.unlink(missing_ok=True)


def _gallery(
    title: str, cases: Sequence[ExplainedCase], classes: Sequence[str], layer: str, opacity: float
) -> Figure:
    if len(cases) > MAX_CASES:
        title = f"{title}, first {MAX_CASES} of {len(cases)}"
    cases = cases[:MAX_CASES]
    rows = -(-len(cases) // COLUMNS)
    with figure_style():
        figure = new_figure(11, 0.4 + ROW_HEIGHT * rows)
        grid = figure.subplots(rows, COLUMNS, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, item in zip(grid.flat, cases, strict=False):
            _draw_case(axes, item, layer, opacity)
            axes.set_title(_caption(item.case, classes), fontsize=8, fontweight="normal", pad=4)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
    return figure


def _draw_case(axes: Axes, item: ExplainedCase, layer: str, opacity: float) -> None:
    """Draws the image and its heat maps side by side; the words "no map" replace an empty map."""
    image, size = item.image, len(item.image)
    maps = [item.predicted_maps[layer]]
    if not item.case.correct:
        maps.append(item.true_maps[layer])
    pictures = [image, *(blend(image, saliency, opacity, size) for saliency in maps)]
    spaced = np.pad(pictures, ((0, 0), (0, 0), (0, GAP), (0, 0)), constant_values=255)
    axes.imshow(np.concatenate(list(spaced), axis=1)[:, :-GAP])
    for place, saliency in enumerate(maps, start=1):
        if not saliency.any():
            centre = place * (size + GAP) + size / 2
            axes.text(centre, size / 2, "no map", ha="center", va="center", fontsize=7, bbox=LABEL)


def _caption(case: Case, classes: Sequence[str]) -> str:
    prediction = f"{_name(case.predicted, classes)} {probability(case.confidence)}"
    return prediction if case.correct else f"{prediction} (true: {_name(case.true, classes)})"


def _name(label: int, classes: Sequence[str]) -> str:
    """Returns a short name of a class; its label instead if matplotlib cannot draw the name."""
    name, font = classes[label], get_font(findfont(FONT))
    if any(bidirectional(c) in ("R", "AL") or not font.get_char_index(ord(c)) for c in name):
        return f"class {label}"
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
