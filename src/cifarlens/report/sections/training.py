"""The report's section on training: its curves and the numbers of each epoch."""

from typing import Any

from ...figures.style import render_svg
from ...figures.training import training_figures
from ..run import Run

LABELS = {
    "loss": "Loss of each epoch; the table below holds the numbers",
    "accuracy": "Accuracy of each epoch; the table below holds the numbers",
    "rate": "Learning rate of each step; the table below holds those at the epochs' ends",
}


def training_section(run: Run) -> dict[str, Any]:
    """What training.html.j2 shows."""
    figures = training_figures(run.history, run.rates, run.result)
    rows = zip(*run.history.values(), strict=True)
    return {
        "epochs": [dict(zip(run.history, row, strict=True)) for row in rows],
        **{name: render_svg(figures[name], name, label) for name, label in LABELS.items()},
    }
