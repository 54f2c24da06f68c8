"""Prepares the section on errors: classes, confusion matrix, misclassified and suspect images."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...evaluation.cases import Case, suspected_labels, varied_mistakes
from ...evaluation.metrics import Evaluation, confused_pairs, wilson_interval
from ..pictures import confusion_picture, image_uri
from ..run import Run

MAX_MISTAKES = 700  # misclassified images on the page
VISIBLE_AT_FIRST = 18  # misclassified images visible before a click on "Show more"
MANY = 25  # more classes have a confusion matrix without numbers, and tables that are folded
MAX_PAIRS = 10  # buttons of pairs of classes
LOWEST = 15  # rows of the table of many classes that are not folded
STRIP = 9  # images with a suspect label, and hard images: one row on a wide screen


def error_section(run: Run) -> dict[str, Any]:
    """Returns the values for errors.html.j2."""
    result = run.result
    pairs = confused_pairs(result.confusion, result.confusion.size)
    suspects = suspected_labels(run.cases)
    indices = {case.index for case in suspects}
    others = [case for case in run.cases if case.index not in indices]
    classes = _classes(result)
    many = len(classes) > MANY
    return {
        "classes": [classes[:LOWEST], classes[LOWEST:]] if many else [classes],
        "low": _scale_start(classes),
        "counts": result.confusion.tolist(),
        "cells": [
            (*place, int(result.confusion[*place]))
            for place in np.argwhere(result.confusion).tolist()
        ],
        "map": image_uri(confusion_picture(result.confusion)) if many else None,
        "pairs": pairs[:MAX_PAIRS],
        "true": sorted({true for true, *_ in pairs}),
        "predicted": sorted({predicted for _, predicted, _ in pairs}),
        "total": result.images - result.correct,
        "first": VISIBLE_AT_FIRST,
        "mistakes": _cards(run, varied_mistakes(run.cases, MAX_MISTAKES)),
        "suspected": len(suspects),
        "suspects": _cards(run, suspects[:STRIP]),
        "hardest": _cards(run, sorted(others, key=lambda case: case.true_probability)[:STRIP]),
    }


def _cards(run: Run, cases: Sequence[Case]) -> list[dict[str, Any]]:
    return [
        {"case": case, "picture": image_uri(run.dataset.test_images[case.index])} for case in cases
    ]


def _classes(result: Evaluation) -> list[dict[str, Any]]:
    """Returns accuracy, interval and precision of each class, the lowest accuracy first.

    An undefined value is None; classes without accuracy come last.
    """
    rows = []
    for label, (name, accuracy, images) in enumerate(result.class_rows()):
        hits = int(result.confusion[label, label])
        predicted = int(result.confusion[:, label].sum())
        rows.append(
            {
                "name": name,
                "images": images,
                "accuracy": accuracy,
                "interval": wilson_interval(hits, images).tolist() if images else None,
                "precision": hits / predicted if predicted else None,
            }
        )
    return sorted(rows, key=lambda row: (not row["images"], row["accuracy"]))


def _scale_start(classes: Sequence[dict[str, Any]]) -> float:
    """Returns the multiple of 10% from which the chart shows every value, 0 to 0.9."""
    marks: list[float] = [row["interval"][0] for row in classes if row["images"]]
    marks += [row["precision"] for row in classes if row["precision"] is not None]
    return min(9, math.floor(10 * min(marks))) / 10
