"""Prepares the section on errors: confusion matrix, classes and misclassified images."""

from typing import Any

from ...evaluation.cases import varied_mistakes
from ...evaluation.metrics import Evaluation, confused_pairs, wilson_interval
from ...figures.classes import class_accuracy_figure
from ...figures.confusion import row_shares
from ...figures.style import render_svg
from ..pictures import image_uri
from ..run import Run

MAX_MISTAKES = 300  # misclassified images on the page
VISIBLE_AT_FIRST = 24  # misclassified images visible before a click on "Show all"
MAX_PAIRS = 10  # rows in the table of pairs of classes
ALT_TEXT = "Accuracy of each class; the table next to it has the numbers"


def error_section(run: Run) -> dict[str, Any]:
    """Returns the values for errors.html.j2."""
    result = run.result
    mistakes = varied_mistakes(run.cases, MAX_MISTAKES)
    chart = class_accuracy_figure(result)
    chart.axes[0].set_title("", loc="left")  # the page has a heading instead
    return {
        "class_accuracy": render_svg(chart, "class_accuracy", ALT_TEXT),
        "shares": row_shares(result.confusion).tolist(),
        "counts": result.confusion.tolist(),
        "classes": _classes(result),
        "pairs": [
            {"true": i, "predicted": j, "images": n, "share": n / int(result.class_images[i])}
            for i, j, n in confused_pairs(result.confusion, MAX_PAIRS)
        ],
        "total": result.images - result.correct,
        "first": VISIBLE_AT_FIRST,
        "mistakes": [
            {"case": case, "picture": image_uri(run.dataset.test_images[case.index])}
            for case in mistakes
        ],
        "true": sorted({case.true for case in mistakes}),
        "predicted": sorted({case.predicted for case in mistakes}),
    }


def _classes(result: Evaluation) -> list[dict[str, Any]]:
    """Returns accuracy, interval and precision of each class; None for an undefined value."""
    rows = []
    for label, (name, accuracy, images) in enumerate(result.class_rows()):
        hits = int(result.confusion[label, label])
        predicted = int(result.confusion[:, label].sum())
        rows.append(
            {
                "name": name,
                "images": images,
                "accuracy": accuracy,
                "interval": wilson_interval(hits, images) if images else None,
                "precision": hits / predicted if predicted else None,
            }
        )
    return rows
