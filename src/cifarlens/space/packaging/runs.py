"""Reads metrics/runs.csv, the full runs of the committed recipe, for the model card."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from ...display.formats import duration, percent
from ...runtime.files import read_csv
from ..app.about.section import table

RUNS = Path("metrics/runs.csv")  # a person adds a line after a full run


def read_runs(path: Path, seed: int, accuracy: float) -> list[Mapping[str, str]]:
    """Returns the rows of the file, this run's first; none if this run is not one of them.

    Args:
        path: metrics/runs.csv.
        seed: seed of this run.
        accuracy: accuracy of this run on the test images, 0 to 1.
    """
    rows = read_csv(path)
    own = [r for r in rows if int(r["seed"]) == seed and float(r["accuracy"]) == accuracy][-1:]
    return [*own, *(row for row in rows if row not in own)] if own else []


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

The first row is this network. The others were trained with the same settings. The mean accuracy
of the {len(runs)} runs is **{mean(shares):.2f}%**, with a sample standard deviation of
{stdev(shares):.2f} points. This network is the run with the seed of `params.yaml`, not the best.

{table(head, rows)}"""
