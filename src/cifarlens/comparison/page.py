"""Writes the comparison of two runs: one HTML page that loads no other file.

The same inputs give the same bytes.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..display.formats import percent
from ..evaluation.cases import Case, all_cases, varied_mistakes
from ..explanation.gradcam import GRAD_CAM, cam_maps
from ..figures.style import render_svg
from ..report.page import render_page
from ..report.pictures import heat_uri, image_uri
from ..runtime.files import write_text
from .curves import curve_figures
from .paired import PairedAccuracy, compare_accuracy, loss_differs
from .results import Results

STYLES = ("theme", "frame", "explanations", "compare", "media")
MAX_CASES = 12  # images in a gallery
MIN_CLASSES = 3  # rows in the table of classes, if so many differ
OPACITY = 0.6  # of the heat maps
HIGHER = ("accuracy", "macro_f1", "road")  # ends of names of metrics: a higher value is better
LOWER = ("loss", "calibration_error")
MISSING = "–"
CHANCE = {True: "beyond chance", False: "may be chance", None: "not tested"}


def write_comparison(path: Path, a: Results, b: Results) -> str:
    """Writes the page and returns its heading, the verdict on accuracy."""
    same = a.classes == b.classes and np.array_equal(a.labels, b.labels)
    test = None
    if same and np.array_equal(a.images, b.images):
        test = compare_accuracy(a.hits, b.hits)
    heading = _heading(a, b, test)
    page = render_page(
        "compare.html.j2",
        STYLES,
        Path(__file__).parent,
        heading=heading,
        runs={"A": a, "B": b},
        test=test,
        params=_differences(a.params, b.params),
        code=[path for path, *_ in _differences(a.code, b.code)],
        metrics=list(_metrics(a, b, test)),
        classes=_classes(a, b) if test else [],
        curves=[
            render_svg(figure, name, f"{figure.axes[0].get_title('left')} of A and B")
            for name, figure in curve_figures(a, b).items()
            if figure.axes[0].lines
        ],
        galleries={"A": _gallery(a, b, b), "B": _gallery(a, b, a)} if test else {},
        opacity=OPACITY,
    )
    write_text(path, page)
    return heading


def _heading(a: Results, b: Results, test: PairedAccuracy | None) -> str:
    if test is None:
        return f"{a.name} and {b.name} have different classes or test images"
    if not test.difference:
        return f"{a.name} and {b.name} are equally accurate"
    better = b if test.difference > 0 else a
    points = f"{100 * abs(test.difference):.2f} percentage points"
    which = "" if test.beyond_chance else "which "
    return f"{better.name} is better by {points}, {which}{CHANCE[test.beyond_chance]}"


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Returns the keys with different values, and the values of A and B."""
    rows = [(key, a.get(key, MISSING), b.get(key, MISSING)) for key in dict.fromkeys((*a, *b))]
    return [row for row in rows if row[1] != row[2]]


def _metrics(a: Results, b: Results, test: PairedAccuracy | None) -> Iterator[tuple[str, ...]]:
    """Yields the metrics that differ: name, verdict, A, B, difference."""
    tested: dict[str, bool] = {}
    if test:
        tested = {
            "evaluate: accuracy": test.beyond_chance,
            "evaluate: loss": loss_differs(a.logits, b.logits, a.labels),
            "evaluate: scaled_loss": loss_differs(a.scaled_logits, b.scaled_logits, a.labels),
        }
    for stage in a.metrics:
        for name, old, new in _differences(a.metrics[stage], b.metrics[stage]):
            if name == "classes":  # they have their own table
                continue
            row, difference, verdict = f"{stage}: {name}", "", ""
            if MISSING not in (old, new) and np.isfinite(new - old):
                points = name.endswith("accuracy")
                difference = f"{100 * (new - old):+.2f} points" if points else f"{new - old:+.3g}"
                if test and name.endswith((*HIGHER, *LOWER)):
                    better = (new > old) == name.endswith(HIGHER)
                    verdict = _verdict(better, tested.get(row))
            yield row, verdict, _format(name, old), _format(name, new), difference


def _verdict(better: bool, beyond_chance: bool | None) -> str:
    return f"{'better' if better else 'worse'}, {CHANCE[beyond_chance]}"


def _format(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    return percent(value, 2) if name.endswith("accuracy") else f"{value:.4g}"


def _classes(a: Results, b: Results) -> list[tuple[Any, ...]]:
    """Returns the classes whose accuracy changes beyond chance, or those that change most.

    With many classes some change by chance alone, so each probability is multiplied by their
    number (Bonferroni).
    """
    rows: list[tuple[PairedAccuracy, str, str, str]] = []
    for label, name in enumerate(a.classes):
        old, new = (run.hits[a.labels == label] for run in (a, b))
        test = compare_accuracy(old, new, tests=len(a.classes))
        if test.difference:
            rows.append((test, name, percent(old.mean()), percent(new.mean())))
    rows.sort(key=lambda row: (row[0].p, -abs(row[0].difference)))
    shown = max(MIN_CLASSES, sum(test.beyond_chance for test, *_ in rows))
    return [
        (
            *(name, _verdict(test.difference > 0, test.beyond_chance), old, new),
            *(f"{100 * test.difference:+.1f} points", test.only_a, test.only_b, f"{test.images:,}"),
        )
        for test, name, old, new in rows[:shown]
    ]


def _gallery(a: Results, b: Results, wrong: Results) -> dict[str, Any]:
    """Returns images that only one run gets right; `wrong` is the other run."""
    only = a.hits != b.hits
    cases = all_cases(wrong.scaled_logits, wrong.labels)
    chosen = varied_mistakes([case for case in cases if only[case.index]], MAX_CASES)
    rows = [case.index for case in chosen]
    images = a.images[rows]
    answers = (zip(*_answers(run, images, rows), strict=True) for run in (a, b))
    return {
        "total": int((only & ~wrong.hits).sum()),
        "cards": list(zip(map(image_uri, images), *answers, strict=True)),
    }


def _answers(
    run: Results, images: np.ndarray, rows: list[int]
) -> tuple[list[Case], list[str] | list[None]]:
    """Returns a run's predictions for test images, with maps of the predicted classes.

    The maps are those of the last layer; None for all if the network cannot be loaded.
    """
    cases = all_cases(run.scaled_logits, run.labels)
    cases = [cases[row] for row in rows]
    if run.bundle is None:
        return cases, [None] * len(rows)
    labels = [case.predicted for case in cases]
    maps = cam_maps(run.bundle, images, labels, [GRAD_CAM])[run.bundle.config.layers[-1]]
    return cases, [heat_uri([saliency]) for saliency in maps]
