"""Prepares the section on training: curves, epochs as a table and as text, and CSV files."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...figures.style import render_svg
from ...figures.training import training_figures
from ...runtime import paths
from ..run import Run

ALT_TEXTS = {
    "loss": "Loss of each epoch; the table below has the numbers",
    "accuracy": "Accuracy of each epoch; the table below has the numbers",
    "rate": "Learning rate of each step; the table below has the rate at the end of each epoch",
}
# The CSV files of the page, with the meaning of a line.
TABLES = {
    paths.HISTORY: "epochs",
    paths.RATES: "learning rate of each step",
    paths.LR_CURVE: "learning-rate finder",
    Path("reports/plots/per_class.csv"): "classes",
    Path("reports/plots/calibration.csv"): "calibration",
    paths.TRUST: "tests of the saliency maps",
}


def training_section(run: Run) -> dict[str, Any]:
    """Returns the values for training.html.j2; reads the files of TABLES."""
    figures = training_figures(run.history, run.rates, run.result, run.kept_epoch)
    rows = zip(*run.history.values(), strict=True)
    epochs = [dict(zip(run.history, row, strict=True)) for row in rows]
    return {
        "epochs": epochs,
        "log": epoch_log(epochs),
        "tables": [(path.name, meaning, csv_uri(path)) for path, meaning in TABLES.items()],
        **{name: render_svg(figures[name], name, text) for name, text in ALT_TEXTS.items()},
    }


def epoch_log(epochs: Sequence[Mapping[str, float]]) -> str:
    """Returns a line for each epoch, as `train` prints it but without the time left."""
    lines = []
    for epoch in epochs:
        metrics = [
            f"{part} accuracy {epoch[f'{part}_accuracy']:.2%}, loss {epoch[f'{part}_loss']:.3f}"
            for part in ("val", "train")
            if f"{part}_loss" in epoch
        ]
        lines.append(f"Epoch {epoch['epoch']:.0f} of {len(epochs)}: {', '.join(metrics)}")
    return "\n".join(lines)


def csv_uri(path: Path) -> str:
    """Returns a data URI with the content of a CSV file."""
    return "data:text/csv;base64," + base64.b64encode(path.read_bytes()).decode()
