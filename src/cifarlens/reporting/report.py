"""The report: one page that asks nothing of any other place, and the same bytes every time.

Gathers numbers and pictures; how they look is in templates/.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..classifier.bundle import BundleConfig
from ..data.dataset import Dataset
from ..files import write_text
from .cases import Case
from .dataset_figures import (
    EXAMPLES,
    channel_images,
    class_balance,
    first_of_each_class,
    vivid,
)
from .error_section import error_section
from .evaluation import Evaluation, wilson_interval
from .explain import Explanations
from .lr_curve import lr_curve
from .map_sections import map_section, trust_section
from .pictures import image_uri, strip_uri
from .style import rate, render_svg
from .training_curves import History, training_figures

TEMPLATES = Path(__file__).parent / "templates"
# Later ones win.
STYLES = ("theme", "frame", "overview", "errors", "explanations", "trust", "media")
TITLES = {"cifar10": "CIFAR-10", "digits": "Handwritten digits"}
GOALS = {"cifar10": 0.90}  # test accuracy


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
        style="\n".join(_asset(f"{name}.css") for name in STYLES),
        script=_asset("report.js"),
        run=run,
        classes=run.dataset.classes,
        title=TITLES.get(run.source, run.source),
        glance=_glance(run),
        epochs=_epochs(run.history),
        figures=_figures(run),
        data=_data(run),
        errors=error_section(run.result, run.cases, run.dataset),
        maps=map_section(explanations, run.config.layers, layer, opacity),
        trust=trust_section(explanations, layer),
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


def _figures(run: Run) -> dict[str, str]:
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
    }
    labels = {
        "loss": "Loss of each epoch; the table below holds the numbers",
        "accuracy": "Accuracy of each epoch; the table below holds the numbers",
        "rate": "Learning rate of each epoch; the table below holds the numbers",
        "finder": "Loss over learning rate, lr_min and lr_max marked",
        "balance": "Train images of each class",
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
