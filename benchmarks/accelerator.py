"""Measures training on a GPU: image supply, cost of determinism, gain from torch.compile."""

import json
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

from cifarlens.params import Accelerator
from cifarlens.runtime.device import resolve_accelerator
from cifarlens.training.one_cycle.fit import fit
from cifarlens.training.one_cycle.schedule import Recipe

from .gpu.common import EpochClock, one_device
from .processes import run
from .table import Row, make_row, measure_in_turn
from .training import make_setup

IMAGES_PER_RUN = 24 * 50_000
COMPILED = {"torch.compile": "compile", "torch.compile, CUDA graphs": "overhead"}


def accelerator_rows() -> Iterator[Row]:
    """Yields the rows of this machine's GPU; prints a message if there is none."""
    if resolve_accelerator("auto") != "gpu":
        print("training on a GPU: skipped; this machine has no GPU")
        return
    yield fed_row("gpu")
    yield from price_rows("gpu", COMPILED)


def fed_row(
    accelerator: Accelerator,
    images: int = 50_000,
    batch: int = 512,
    width: int = 64,
    epochs: int = 5,
    repeats: int = 3,
) -> Row:
    """Measures images per second over whole epochs, trained as the train stage trains them.

    The limit is the network alone, on a batch that is already on the device. The goal is 24 epochs
    in 15 s.
    """
    rates = epoch_rates(accelerator, images, batch, width, epochs)
    limit = [step_rate(accelerator, "callables") for _ in range(repeats)]
    name = f"training, width {width}, {accelerator}, with augmentation workers"
    return make_row(name, "images/s", rates, limit=limit, goal=IMAGES_PER_RUN / 15)


def price_rows(
    accelerator: Accelerator, compiled: dict[str, str], repeats: int = 3
) -> Iterator[Row]:
    """Measures steps on a batch that is already on the device, each variant against its baseline.

    The baseline of determinism is the fastest algorithms that cuDNN selects. The baseline of the
    compiled networks is the eager network; all of these are deterministic.
    """
    variants = ("exact", "free", *compiled.values())
    measures = [partial(step_rate, accelerator, variant) for variant in variants]
    exact, fastest, *others = measure_in_turn(repeats, *measures)
    row = partial(make_row, unit="images/s", relative_to="plain")
    yield row("steps, deterministic", ours=exact, plain=fastest, goal=0.85)
    for name, rates in zip(compiled, others, strict=True):
        yield row(f"steps, {name}", ours=rates, plain=exact, goal=1)


def step_rate(accelerator: Accelerator, variant: str) -> float:
    """Returns images per second of a variant of gpu/steps.py, in a process of its own."""
    output = run("-m", "benchmarks.gpu.steps", variant, "--accelerator", accelerator)
    return float(json.loads(output.splitlines()[-1])["images_s"])


def epoch_rates(
    accelerator: Accelerator, images: int, batch: int, width: int, epochs: int
) -> list[float]:
    """Returns images per second of each epoch except the first, which includes the start-up."""
    setup = make_setup(images, batch, width, trainer=one_device(accelerator))
    recipe, clock = Recipe(epochs, epochs / 2, 0.001, 0.0001), EpochClock()
    with tempfile.TemporaryDirectory() as folder:
        run, logs = Path(folder) / "run", Path(folder) / "logs"
        fit(setup, recipe, checkpoints=run, logs=logs, extra_callbacks=[clock])
    return [images / (b - a) for a, b in pairwise(clock.ends[1:])]
