"""Runs all measurements of a GPU and prints them as tables.

Needs no network, git or DVC. The trainings use the images that the pipeline has downloaded.
"""

import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from cifarlens.params import Accelerator
from cifarlens.runtime import paths
from cifarlens.runtime.errors import UserError

from ..processes import ROOT, run

VARIANTS = {  # of a step
    "exact": "deterministic",
    "free": "not deterministic, cuDNN's fastest",
    "callables": "with CUDA graphs, as the train stage",
    "graph": "the whole step as one CUDA graph",
    "compile": "torch.compile",
    "overhead": "torch.compile, reduce-overhead",
    "compile-graph": "torch.compile, one CUDA graph",
}
PROFILED = ("exact", "callables", "compile-graph")
TRAININGS = {
    "first": ("drive", "exact"),
    "again": ("drive", "exact"),
    "without CUDA graphs": ("drive", "eager"),
    "sketch": ("fast",),
    "sketch, compiled": ("fast", "--compile"),
    "seeds": ("drive", "exact", "--seeds", "0,1,2,3,4"),
}
READ = (paths.PARAMS, paths.DATASET, paths.LR_FIND_METRICS)


def gpu_tables(accelerator: Accelerator = "gpu", project: Path = ROOT) -> Iterator[tuple[str, Any]]:
    """Prints each table as it is measured; yields names and measurements for the JSON file.

    A name comes again when it has more measurements.

    Args:
        accelerator: `cpu` runs a small case, to try the programs.
        project: folder of a pipeline, whose data and parameters the trainings use.
    """
    if accelerator == "gpu" and not torch.cuda.is_available():
        print(f"gpu: skipped; {_missing()}")
        return
    device = describe_device(accelerator)
    print(", ".join(f"{key} {value}" for key, value in device.items()))
    yield "device", device
    yield "smoke", print_smoke(accelerator)
    yield from (("steps", rows) for rows in print_steps(accelerator))
    yield "layers", print_layers(accelerator)
    missing = [path for path in READ if not (project / path).exists()]
    if missing:
        print(f"trainings: skipped; {missing[0]} is missing. Run `dvc repro lr_find` first.")
    else:
        yield from (("runs", rows) for rows in print_trainings(project))


def _missing() -> str:
    if torch.version.cuda is None:
        return f"PyTorch {torch.__version__} is built without CUDA"
    return (
        f"PyTorch {torch.__version__} finds no GPU with CUDA. `nvidia-smi` shows whether the driver"
        f" does; it must support CUDA {torch.version.cuda}"
    )


def describe_device(accelerator: Accelerator) -> dict[str, str]:
    """Returns the device and the libraries that compute on it."""
    if accelerator == "cpu":
        return {"device": "CPU, a small case"}
    properties = torch.cuda.get_device_properties()
    return {
        "device": properties.name,
        "memory": f"{properties.total_memory / 1e9:.0f} GB",
        "CUDA": str(torch.version.cuda),
        "cuDNN": str(torch.backends.cudnn.version()),
    }


def measure(program: str, *arguments: str, folder: Path = ROOT) -> list[dict[str, Any]]:
    """Runs a program of this folder; returns the objects that it prints, one a line.

    If it fails, prints why and returns nothing: a GPU may lack memory or a compiler for one part.
    """
    try:
        output = run("-m", f"benchmarks.gpu.{program}", *arguments, cwd=folder)
    except UserError as error:
        print(f"{' '.join((program, *arguments))}: left out; {error}")
        return []
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def print_smoke(accelerator: Accelerator) -> list[dict[str, Any]]:
    """Prints whether two short trainings give the same bytes."""
    rows = measure("smoke", "--accelerator", accelerator)
    for row in rows:
        print(f"two short trainings, same bytes: {_yes(row['same bits'])}")
    return rows


def print_steps(accelerator: Accelerator) -> Iterator[list[dict[str, Any]]]:
    """Prints the speed of training steps on a batch that already lies on the device."""
    columns = ("ms a step", "images/s", "24 epochs", "kernels", "launches", "weights")
    print(_line("a training step", columns))
    rows: list[dict[str, Any]] = []
    for variant, name in VARIANTS.items():
        profile = ["--profile", os.devnull] if variant in PROFILED else []
        for row in measure("steps", variant, "--accelerator", accelerator, *profile):
            rows.append(row)
            same = "same" if row["weights"] == rows[0]["weights"] else "other"
            seconds = f"{row['run_s_of_24_epochs']:.1f} s"
            kernels = f"{row['kernels_sum_ms']:.2f} ms" if profile else "-"
            launches = f"{row['launches']}" if profile else "-"
            speed = f"{row['ms']:.3f}", f"{row['images_s']:,}"
            print(_line(name, (*speed, seconds, kernels, launches, same)), flush=True)
            yield rows
    for row in (row for row in rows if "kernels_ms" in row):
        kinds = ", ".join(f"{kind} {ms:.2f}" for kind, ms in row["kernels_ms"].items())
        print(f"kernels of {VARIANTS[row['variant']]}, ms: {kinds}")


def print_layers(accelerator: Accelerator) -> list[dict[str, Any]]:
    """Prints the times of each convolution, and the limits of the hardware."""
    rows = measure("layers", "--accelerator", accelerator)
    columns = ("forward", "of images", "of weights")
    print(_line("a convolution, ms: deterministic / fastest", columns))
    for row in rows:
        if "gflop" in row:
            passes = ("fwd", "dgrad", "wgrad")
            cells = [f"{row[f'{p} exact ms']:.3f} / {row[f'{p} free ms']:.3f}" for p in passes]
            print(_line(row["layer"], cells))
        else:
            print(", ".join(f"{key} {value}" for key, value in row.items()))
    return rows


def print_trainings(project: Path) -> Iterator[list[dict[str, Any]]]:
    """Prints whole trainings of the pipeline in `project`, and what a sketch reaches."""
    columns = ("accuracy", "training", "an epoch", "stage", "weights")
    print(_line("a training", columns))
    rows: list[dict[str, Any]] = []
    for name, arguments in TRAININGS.items():
        with copy_inputs(project, name) as folder:
            for row in measure(*arguments, folder=folder):
                rows.append(row)
                accuracy, training = f"{row['test']['accuracy']:.2%}", f"{row['training_s']:.2f} s"
                epoch, stage = f"{row['mean_epoch_s']:.2f} s", f"{row['stage_s']:.2f} s"
                same = "same" if row["weights"] == rows[0]["weights"] else "other"
                print(_line(row["run"], (accuracy, training, epoch, stage, same)), flush=True)
                yield rows
    seeds = [row["test"]["accuracy"] for row in rows if row["run"].startswith("seed ")]
    if len(seeds) > 1:
        deviation = statistics.stdev(seeds)
        print(f"{len(seeds)} seeds: {statistics.fmean(seeds):.2%} ± {deviation:.2%}")


@contextmanager
def copy_inputs(project: Path, name: str) -> Iterator[Path]:
    """Yields a folder to train in, with links to the large inputs and copies of the others."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / name
        for path in READ:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if path == paths.DATASET:
                target.symlink_to((project / path).resolve())
            else:
                shutil.copy(project / path, target)
        yield folder


def _yes(value: bool) -> str:
    return "yes" if value else "NO"


def _line(name: str, cells: Sequence[str]) -> str:
    return f"{name:<44}" + "".join(f"{cell:>16}" for cell in cells)
