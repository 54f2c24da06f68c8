"""The report's section on errors: numbers, pictures and charts for its template."""

from typing import Any

from ...evaluation.calibration import BINS
from ...evaluation.cases import varied_mistakes
from ...evaluation.metrics import Evaluation, confused_pairs, wilson_interval
from ...figures.classes import class_accuracy_figure
from ...figures.confusion import row_shares
from ...figures.reliability import reliability_figure
from ...figures.style import render_svg
from ..pictures import image_uri
from ..run import Run

GALLERY = 300  # misclassified images on the page at most
FIRST = 24  # of them shown before more are asked for
PAIRS = 10  # most confused
LABELS = {
    "class_accuracy": "Accuracy of each class; the table beside it holds the numbers",
    "reliability": "Accuracy over confidence; the table beside it holds the numbers",
}


def error_section(run: Run) -> dict[str, Any]:
    """What errors.html.j2 shows."""
    result = run.result
    mistakes = varied_mistakes(run.cases, GALLERY)
    charts = {
        "class_accuracy": class_accuracy_figure(result),
        "reliability": reliability_figure(result.calibration),
    }
    for figure in charts.values():
        figure.axes[0].set_title("", loc="left")  # the headings say it
    return {
        **{name: render_svg(figure, name, LABELS[name]) for name, figure in charts.items()},
        "shares": row_shares(result.confusion).tolist(),
        "counts": result.confusion.tolist(),
        "classes": _classes(result),
        "bins": BINS,
        "pairs": [
            {"true": i, "predicted": j, "images": n, "share": n / int(result.class_images[i])}
            for i, j, n in confused_pairs(result.confusion, PAIRS)
        ],
        "total": result.images - result.correct,
        "first": FIRST,
        "mistakes": [
            {"case": case, "picture": image_uri(run.dataset.test_images[case.index])}
            for case in mistakes
        ],
        "true": sorted({case.true for case in mistakes}),
        "predicted": sorted({case.predicted for case in mistakes}),
    }


def _classes(result: Evaluation) -> list[dict[str, Any]]:
    """For each class its accuracy with interval, and its precision; None where there is none."""
    rows = []
    for label, (name, accuracy, images) in enumerate(result.class_rows()):
        hits, said = int(result.confusion[label, label]), int(result.confusion[:, label].sum())
        rows.append(
            {
                "name": name,
                "images": images,
                "accuracy": accuracy,
                "interval": wilson_interval(hits, images) if images else None,
                "precision": hits / said if said else None,
            }
        )
    return rows
