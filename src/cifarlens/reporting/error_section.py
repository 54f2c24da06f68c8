"""The report's section on errors: numbers, pictures and charts for its template."""

from collections.abc import Sequence
from typing import Any

from ..data.dataset import Dataset
from .cases import Case, surest_mistakes
from .confusion import row_shares
from .evaluation import Evaluation, confused_pairs
from .pictures import image_uri
from .report_figures import class_accuracy_figure
from .style import render_svg

GALLERY = 300  # misclassified images on the page at most
FIRST = 24  # of them shown before more are asked for
PAIRS = 10  # most confused


def error_section(result: Evaluation, cases: Sequence[Case], dataset: Dataset) -> dict[str, Any]:
    """What errors.html.j2 shows of an evaluation and the predictions for all test images."""
    mistakes = surest_mistakes(cases, GALLERY)
    pairs = [
        {"true": i, "predicted": j, "images": n, "share": n / int(result.class_images[i])}
        for i, j, n in confused_pairs(result.confusion, PAIRS)
    ]
    of_classes = "Accuracy of each class; the confusion matrix holds the numbers"
    return {
        "class_accuracy": render_svg(
            class_accuracy_figure(result), "accuracy_of_classes", of_classes
        ),
        "shares": row_shares(result.confusion).tolist(),
        "counts": result.confusion.tolist(),
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
