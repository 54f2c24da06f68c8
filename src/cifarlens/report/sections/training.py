"""Prepares the section on training: its curves and the table of epochs."""

from typing import Any

from ...figures.style import render_svg
from ...figures.training import training_figures
from ..run import Run

ALT_TEXTS = {
    "loss": "Loss of each epoch; the table below has the numbers",
    "accuracy": "Accuracy of each epoch; the table below has the numbers",
    "rate": "Learning rate of each step; the table below has the rate at the end of each epoch",
}


def training_section(run: Run) -> dict[str, Any]:
    """Returns the values for training.html.j2."""
    figures = training_figures(run.history, run.rates, run.result, run.kept_epoch)
    rows = zip(*run.history.values(), strict=True)
    return {
        "epochs": [dict(zip(run.history, row, strict=True)) for row in rows],
        **{name: render_svg(figures[name], name, text) for name, text in ALT_TEXTS.items()},
    }
