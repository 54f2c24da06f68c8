"""Measures training on a GPU: image supply, cost of determinism, gain from torch.compile."""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.nn import functional as F
from torch.optim import Adam

from cifarlens.classifier.networks import NETWORKS
from cifarlens.classifier.preprocess import normalize
from cifarlens.params import Accelerator, Trainer
from cifarlens.runtime.device import count_workers, resolve_accelerator
from cifarlens.training.one_cycle.fit import fit
from cifarlens.training.one_cycle.schedule import Recipe
from cifarlens.training.trainer import resolve_precision

from .images import MEAN, STD
from .processes import run
from .table import Row, make_row, measure_in_turn
from .training import make_setup, random_images

IMAGES_PER_RUN = 24 * 50_000
WARM_UP, STEPS = 10, 100  # warm-up steps allocate memory and compile kernels
COMPILED = {"torch.compile": "default", "torch.compile, CUDA graphs": "reduce-overhead"}


def accelerator_rows() -> Iterator[Row]:
    """Yields the rows of this machine's GPU; prints a message if there is none."""
    if resolve_accelerator("auto") != "gpu":
        print("training on a GPU: skipped; this machine has no GPU")
        return
    yield fed_row("gpu")
    yield from variant_rows("gpu", COMPILED)


def fed_row(
    accelerator: Accelerator,
    images: int = 50_000,
    batch: int = 512,
    width: int = 64,
    epochs: int = 5,
    repeats: int = 3,
    steps: int = STEPS,
) -> Row:
    """Measures images per second over whole epochs, trained as the train stage trains them.

    The limit is the network alone, on a batch that is already on the device. The goal is 24 epochs
    in 15 s.
    """
    rates = epoch_rates(accelerator, images, batch, width, epochs)
    limit = [
        isolated_step_rate(accelerator, batch, width, True, None, steps) for _ in range(repeats)
    ]
    name = f"training, width {width}, {accelerator}, with augmentation workers"
    return make_row(name, "images/s", rates, limit=limit, goal=IMAGES_PER_RUN / 15)


def variant_rows(
    accelerator: Accelerator,
    compiled: dict[str, str],
    batch: int = 512,
    width: int = 64,
    repeats: int = 3,
    steps: int = STEPS,
) -> Iterator[Row]:
    """Measures steps on a batch that is already on the device, each variant against its baseline.

    The baseline of determinism is the fastest algorithms that cuDNN selects. The baseline of the
    compiled networks is the eager network; all of these are deterministic.
    """
    variants: list[tuple[bool, str | None]] = [(True, None), (False, None)]
    variants += [(True, mode) for mode in compiled.values()]

    def measure(deterministic: bool, mode: str | None) -> Callable[[], float]:
        return lambda: isolated_step_rate(accelerator, batch, width, deterministic, mode, steps)

    exact, fastest, *others = measure_in_turn(repeats, *(measure(*each) for each in variants))
    row = partial(make_row, unit="images/s", relative_to="plain")
    yield row("steps, deterministic", ours=exact, plain=fastest, goal=0.85)
    for name, rates in zip(compiled, others, strict=True):
        yield row(f"steps, {name}", ours=rates, plain=exact, goal=1)


class EpochClock(pl.Callback):
    """Records when each epoch ends; by then its metrics are read, so the device has finished."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_epoch_end(self, *_: Any) -> None:
        self.ends.append(time.perf_counter())


def epoch_rates(
    accelerator: Accelerator, images: int, batch: int, width: int, epochs: int
) -> list[float]:
    """Returns images per second of each epoch except the first, which includes the start-up."""
    workers = count_workers("auto", accelerator, 1)
    setup = make_setup(
        images,
        batch,
        width,
        trainer=Trainer(
            devices=1,
            num_nodes=1,
            strategy="auto",
            accelerator=accelerator,
            precision="auto",
            workers=workers,
        ),
    )
    recipe, clock = Recipe(epochs, epochs / 2, 0.001, 0.0001), EpochClock()
    with tempfile.TemporaryDirectory() as folder:
        run, logs = Path(folder) / "run", Path(folder) / "logs"
        fit(setup, recipe, checkpoints=run, logs=logs, extra_callbacks=[clock])
    return [images / (b - a) for a, b in zip(clock.ends, clock.ends[1:], strict=False)]


def isolated_step_rate(
    accelerator: Accelerator,
    batch: int,
    width: int,
    deterministic: bool,
    mode: str | None,
    steps: int,
) -> float:
    """Runs `step_rate` in a new process, because cuBLAS reads its setting when it starts."""
    arguments = (accelerator, batch, width, deterministic, mode, steps)
    code = f"from benchmarks.accelerator import step_rate; print(step_rate{arguments!r})"
    variables = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    return float(run("-c", code, environment=variables).split()[-1])


def step_rate(
    accelerator: Accelerator,
    batch: int,
    width: int,
    deterministic: bool,
    mode: str | None,
    steps: int,
) -> float:
    """Returns images per second of training steps on a batch that is already on the device.

    Args:
        accelerator: `cpu` or `gpu`.
        batch: number of images in a step.
        width: width of the network.
        deterministic: whether reruns give the same bytes.
        mode: mode of torch.compile; None runs the network eagerly.
        steps: number of timed steps.
    """
    device = torch.device("cuda" if accelerator == "gpu" else accelerator)
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic
    network = NETWORKS["custom_resnet"](10, width=width)
    network.to(device).to(memory_format=torch.channels_last)
    forward: Any = torch.compile(network, mode=mode) if mode else network
    gpu = device.type == "cuda"
    optimizer = Adam(network.parameters(), 0.001, decoupled_weight_decay=True, fused=gpu)
    data = random_images(batch)
    pixels, labels = (
        torch.from_numpy(values).to(device) for values in (data.train_images, data.train_labels)
    )
    half = resolve_precision("auto", accelerator) == "bf16-mixed"

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = forward(normalize(pixels, MEAN, STD))
        torch.autograd.backward(F.cross_entropy(logits.float(), labels))
        optimizer.step()
        optimizer.zero_grad()

    for _ in range(WARM_UP):
        step()
    start = _time_when_finished(gpu)
    for _ in range(steps):
        step()
    return steps * batch / (_time_when_finished(gpu) - start)


def _time_when_finished(gpu: bool) -> float:
    """Waits until the device has finished its work, and returns the time in seconds."""
    if gpu:
        torch.cuda.synchronize()
    return time.perf_counter()
