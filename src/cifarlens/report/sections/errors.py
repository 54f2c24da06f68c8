"""The report's section on errors: numbers, pictures and charts for its template."""

from collections.abc import Sequence
from typing import Any

from ...dataset.arrays import Dataset
from ...evaluation.calibration import BINS
from ...evaluation.cases import Case, varied_mistakes
from ...evaluation.metrics import Evaluation, confused_pairs, wilson_interval
from ...figures.classes import class_accuracy_figure
from ...figures.confusion import row_shares
from ...figures.reliability import reliability_figure
from ...figures.style import render_svg
from ..pictures import image_uri

GALLERY = 300  # misclassified images on the page at most
FIRST = 24  # of them shown before more are asked for
PAIRS = 10  # most confused


def error_section(result: Evaluation, cases: Sequence[Case], dataset: Dataset) -> dict[str, Any]:
    """What errors.html.j2 shows of an evaluation and the predictions for all test images."""
    mistakes = varied_mistakes(cases, GALLERY)
    pairs = [
        {"true": i, "predicted": j, "images": n, "share": n / int(result.class_images[i])}
        for i, j, n in confused_pairs(result.confusion, PAIRS)
    ]
    charts = {
        "class_accuracy": (
            class_accuracy_figure(result),
            "Accuracy of each class; the table beside it holds the numbers",
        ),
        "reliability": (
            reliability_figure(result.calibration),
            "Accuracy over confidence; the table beside it holds the numbers",
        ),
    }
    for figure, _ in charts.values():
        figure.axes[0].set_title("", loc="left")  # the headings say it
    return {
        **{name: render_svg(figure, name, label) for name, (figure, label) in charts.items()},
        "shares": row_shares(result.confusion).tolist(),
        "counts": result.confusion.tolist(),
        "classes": _classes(result),
        "calibration": {
            "error": result.calibration_error,
            "confidence": result.calibration.mean_confidence,
            "accuracy": result.accuracy,
            "rows": result.calibration.rows(),
            "bins": BINS,
        },
        "pairs": pairs,
        "total": result.images - result.correct,
        "first": FIRST,
        "mistakes": [
            {"case": case, "picture": image_uri(dataset.test_images[case.index])}
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
