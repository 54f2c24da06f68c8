"""Reads metrics/runs.csv, the full runs of the committed recipe, for the model card."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from ...display.formats import duration, percent
from ...runtime.files import read_csv
from ..app.about.section import table

RUNS = Path("metrics/runs.csv")  # a person adds a line after a full run


def read_runs(path: Path, weights: Path) -> list[dict[str, str]]:
    """Returns the rows of the file, that of these weights first; none if they have no row.

    Args:
        path: metrics/runs.csv.
        weights: model.safetensors; its row has the first 16 hexadecimal digits of its SHA-256.
    """
    rows, digest = read_csv(path), hashlib.sha256(weights.read_bytes()).hexdigest()[:16]
    rows.sort(key=lambda row: row["weights"] != digest)
    return rows if rows[0]["weights"] == digest else []


def describe_runs(runs: Sequence[Mapping[str, str]]) -> str:
    """Returns a section in Markdown about the rows of `read_runs`; empty without any."""
    if not runs:
        return ""
    shares = [100 * float(run["accuracy"]) for run in runs]
    head = ["seed", "test accuracy", "hardware", "training time", "date", "commit"]
    rows = [
        [
            run["seed"],
            percent(float(run["accuracy"]), 2),
            run["hardware"],
            duration(float(run["training_seconds"])),
            run["date"],
            run["commit"],
        ]
        for run in runs
    ]
    return f"""## Runs

The first row is this network; it was not chosen by its accuracy. The others were trained with the
same settings. The mean accuracy of the {len(runs)} runs is **{mean(shares):.2f}%**, with a sample
standard deviation of {stdev(shares):.2f} points.

{table(head, rows)}"""
