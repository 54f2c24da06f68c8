"""The report: one page that asks nothing of any other place, and the same bytes every time.

Gathers numbers and pictures; how they look is in templates/.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..classifier.bundle import BundleConfig
from ..data.dataset import Dataset
from ..files import write_text
from .cases import Case, surest_mistakes
from .confusion import row_shares
from .dataset_figures import (
    EXAMPLES,
    channel_images,
    class_balance,
    first_of_each_class,
    vivid,
)
from .evaluation import Evaluation, confused_pairs, wilson_interval
from .explain import Explained, Explanations
from .faithfulness import BASELINE, REMOVED
from .lr_curve import lr_curve
from .pictures import heat_colours, heat_uri, image_uri, strip_uri
from .report_figures import class_accuracy_figure, faithfulness_figure
from .style import rate, render_svg
from .training_curves import History, training_figures

TEMPLATES = Path(__file__).parent / "templates"
TITLES = {"cifar10": "CIFAR-10", "digits": "Handwritten digits"}
GOALS = {"cifar10": 0.90}  # test accuracy
GALLERY = 300  # misclassified images on the page at most
FIRST = 24  # of them shown before more are asked for
PAIRS = 10  # most confused


@dataclass(frozen=True)
class Run:
    """What the other stages found.

    Attributes:
        source: of the data, `data.source`.
        dataset: images and labels.
        config: the bundle's.
        cases: the predictions for all test images.
        result: their evaluation.
        stats: content of metrics/stats.json.
        finder: of metrics/lr_find.json.
        curve: columns lr, loss and smooth, a value a step.
        train: of metrics/train.json.
        history: columns as `training_figures` takes them.
    """

    source: str
    dataset: Dataset
    config: BundleConfig
    cases: list[Case]
    result: Evaluation
    stats: Mapping[str, Any]
    finder: Mapping[str, Any]
    curve: Mapping[str, Sequence[float]]
    train: Mapping[str, Any]
    history: History


def write_report(
    path: Path, run: Run, explanations: Explanations, layer: str, opacity: float
) -> None:
    """Writes the page.

    Args:
        path: of the HTML file.
        run: numbers, curves and images.
        explanations: the Grad-CAM maps and their faithfulness.
        layer: shown first; one of the bundle's.
        opacity: of the heat maps at first, 0 to 1.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(percent=_percent, rate=rate)
    template = environment.get_template("report.html.j2")
    page = template.render(
        style=_asset("report.css"),
        script=_asset("report.js"),
        run=run,
        classes=run.dataset.classes,
        title=TITLES.get(run.source, run.source),
        glance=_glance(run),
        epochs=_epochs(run.history),
        figures=_figures(run, explanations),
        data=_data(run),
        errors=_errors(run),
        maps=_maps(run, explanations, layer, opacity),
        trust=_trust(explanations, layer),
    )
    write_text(path, page)


def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}%"


def _glance(run: Run) -> dict[str, Any]:
    result, goal = run.result, GOALS.get(run.source)
    low, high = wilson_interval(result.correct, result.images)
    found = {
        name: "from the finder" if run.train[name] == run.finder[name] else "set in params.yaml"
        for name in ("lr_max", "lr_min")
    }
    return {
        "low": low,
        "high": high,
        "goal": goal,
        "met": goal is not None and result.accuracy >= goal,
        "origin": found,
        "gap": run.train["train_accuracy"] - result.accuracy,
    }


def _epochs(history: History) -> list[dict[str, float | None]]:
    count = len(history["epoch"])
    return [{name: column[row] for name, column in history.items()} for row in range(count)]


def _figures(run: Run, explanations: Explanations) -> dict[str, str]:
    counts = {name: run.stats["class_counts"].get(name, 0) for name in run.dataset.classes}
    finder = lr_curve(
        run.curve["lr"],
        run.curve["loss"],
        run.curve["smooth"],
        run.finder["lr_min"],
        run.finder["lr_max"],
    )
    finder.axes[0].set_title("", loc="left")  # the section's heading says it
    balance = class_balance(counts)
    for figure in (finder, balance):
        figure.set_size_inches(5.4, max(3.4, figure.get_figheight()))
    figures = {
        **training_figures(run.history),
        "finder": finder,
        "balance": balance,
        "accuracy_of_classes": class_accuracy_figure(run.result),
    }
    if explanations.faithfulness:
        figures["faithfulness"] = faithfulness_figure(explanations.faithfulness)
    labels = {
        "loss": "Loss of each epoch; the table below holds the numbers",
        "accuracy": "Accuracy of each epoch; the table below holds the numbers",
        "rate": "Learning rate of each epoch; the table below holds the numbers",
        "finder": "Loss over learning rate, lr_min and lr_max marked",
        "balance": "Train images of each class",
        "accuracy_of_classes": "Accuracy of each class; the confusion matrix holds the numbers",
        "faithfulness": "Probability left after removing pixels; the table holds the numbers",
    }
    return {name: render_svg(figure, name, labels[name]) for name, figure in figures.items()}


def _data(run: Run) -> dict[str, Any]:
    dataset = run.dataset
    rows = first_of_each_class(dataset.train_labels, len(dataset.classes), EXAMPLES)
    named = zip(dataset.classes, rows, strict=True)
    strips = {
        name: (strip_uri(dataset.train_images[shown]), len(shown))
        for name, shown in named
        if len(shown)
    }
    split = channel_images(dataset.train_images[vivid(dataset, rows)])
    return {
        "strips": strips,
        "most": EXAMPLES,
        "channels": {name: image_uri(image) for name, image in split.items()},
    }


def _errors(run: Run) -> dict[str, Any]:
    result = run.result
    mistakes = surest_mistakes(run.cases, GALLERY)
    pairs = [
        {"true": i, "predicted": j, "images": n, "share": n / int(result.class_images[i])}
        for i, j, n in confused_pairs(result.confusion, PAIRS)
    ]
    return {
        "shares": row_shares(result.confusion).tolist(),
        "counts": result.confusion.tolist(),
        "pairs": pairs,
        "total": result.images - result.correct,
        "first": FIRST,
        "mistakes": [
            {"case": case, "picture": image_uri(run.dataset.test_images[case.index])}
            for case in mistakes
        ],
        "true": sorted({case.true for case in mistakes}),
        "predicted": sorted({case.predicted for case in mistakes}),
    }


def _maps(run: Run, explanations: Explanations, layer: str, opacity: float) -> dict[str, Any]:
    layers = run.config.layers
    ramp = heat_colours(np.linspace(0, 1, 7))
    return {
        "mistakes": [_card(item, layers) for item in explanations.mistakes],
        "correct": [_card(item, layers) for item in explanations.correct],
        "layers": layers,
        "layer": layers.index(layer),
        "opacity": round(opacity, 2),
        "ramp": [f"rgb({r} {g} {b} / {a / 255:.2f})" for r, g, b, a in ramp.tolist()],
    }


def _card(item: Explained, layers: Sequence[str]) -> dict[str, Any]:
    """A case with its picture and, for each class, the layers' maps one under the other."""
    labels = {item.case.predicted: item.predicted, item.case.true: item.true}
    return {
        "case": item.case,
        "picture": image_uri(item.image),
        "heat": {
            label: heat_uri([maps[name] for name in layers]) for label, maps in labels.items()
        },
    }


def _trust(explanations: Explanations, layer: str) -> dict[str, Any] | None:
    measured = explanations.faithfulness
    if measured is None:
        return None
    names = [name for name in measured.most if name != BASELINE]
    return {
        "images": measured.images,
        "untouched": measured.untouched.mean(),
        "rows": {
            name: {
                "most": measured.most[name].mean(),
                "least": measured.least[name].mean(),
                "score": measured.score(name),
            }
            for name in measured.most
        },
        "baseline": BASELINE,
        "removed": REMOVED,
        "shown": layer,
        "best": max(names, key=measured.score),
        "better": [name for name in names if measured.beats_chance(name)],
        "unproven": [name for name in names if not measured.beats_chance(name)],
    }
