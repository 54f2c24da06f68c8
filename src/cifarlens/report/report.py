"""The report: one page that asks nothing of any other place, and the same bytes every time.

Gathers numbers and pictures; how they look is in templates/.
"""

from pathlib import Path

from matplotlib.legend import Legend

from ..explanation.explain import Explanations
from ..figures.dataset import class_balance
from ..figures.lr_curve import lr_curve
from ..figures.style import PANEL, render_svg
from ..figures.training import History, training_figures
from ..runtime.files import write_text
from ..sources import SOURCES
from .page import asset, render_page
from .run import Run
from .sections.data import data_section
from .sections.errors import error_section
from .sections.glance import glance_section
from .sections.maps import map_section, trust_section
from .sections.network import network_section

# Later ones win.
STYLES = ("theme", "frame", "overview", "errors", "explanations", "trust", "media")


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
    page = render_page(
        "report.html.j2",
        STYLES,
        script=asset("report.js"),
        run=run,
        classes=run.dataset.classes,
        title=SOURCES[run.source].title,
        glance=glance_section(
            run.source, run.result, run.settings, run.train, run.finder, run.config.arguments
        ),
        epochs=_epochs(run.history),
        figures=_figures(run),
        data=data_section(run.dataset, run.config.mean, run.settings.augment, run.settings.seed),
        network=network_section(run.layers),
        errors=error_section(run.result, run.cases, run.dataset),
        maps=map_section(explanations, run.config.layers, layer, opacity),
        trust=trust_section(explanations, layer),
    )
    write_text(path, page)


def _epochs(history: History) -> list[dict[str, float | None]]:
    count = len(history["epoch"])
    return [{name: column[row] for name, column in history.items()} for row in range(count)]


def _figures(run: Run) -> dict[str, str]:
    counts = {name: run.stats["class_counts"].get(name, 0) for name in run.dataset.classes}
    finder = lr_curve(
        run.curve["lr"],
        run.curve["loss"],
        run.curve["smooth"],
        run.finder,
    )
    finder.axes[0].set_title("", loc="left")  # the section's heading says it
    for legend in finder.findobj(Legend):
        legend.set(frame_on=True)  # in so narrow a figure it may lie on the line of lr_min
    balance = class_balance(counts)
    for figure in (finder, balance):
        figure.set_size_inches(PANEL, max(3.2, figure.get_figheight()))
    figures = {
        **training_figures(run.history, run.rates, run.test),
        "finder": finder,
        "balance": balance,
    }
    labels = {
        "loss": "Loss of each epoch; the table below holds the numbers",
        "accuracy": "Accuracy of each epoch; the table below holds the numbers",
        "rate": "Learning rate of each step; the table below holds those at the epochs' ends",
        "finder": "Loss over learning rate, raw and smoothed; its valley, lr_min and lr_max marked",
        "balance": "Train images of each class",
    }
    return {name: render_svg(figure, name, labels[name]) for name, figure in figures.items()}
