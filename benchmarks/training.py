"""Measures a training step: ours with Lightning, a plain PyTorch loop, the arithmetic limit.

Ours is also compared with this project at an earlier commit, from a worktree of git.
"""

import io
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from cifarlens.classifier.networks import NETWORKS
from cifarlens.dataset.arrays import Dataset
from cifarlens.params import Augment, Loss, Model, Trainer, load_params
from cifarlens.training.one_cycle.fit import fit
from cifarlens.training.one_cycle.schedule import Recipe, one_cycle
from cifarlens.training.setup import Settings, Setup, set_up
from cifarlens.training.trainer import resolve_precision

from .images import MEAN, STD, usual_transforms
from .processes import ROOT, git, run
from .table import Measure, Row, make_row, measure_in_turn

FLOPS = 6 * 379.27e6  # per training image at width 64: forward and backward, 2 per multiply-add
MATRIX = 2048  # side of the matrices whose product measures the machine's rate
RECIPE = Recipe(epochs=1, peak_epoch=0.5, lr_max=0.001, lr_min=0.0001)
EARLIER = "6f133ca"  # before training on a CPU was made faster
TINY = 2  # width and batch size at which a step is almost only overhead


def random_images(count: int) -> Dataset:
    """Returns noise in the shape of CIFAR-10; training speed does not depend on the content."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    labels = generator.integers(0, 10, count)
    classes = tuple(f"class {i}" for i in range(10))
    return Dataset(images, labels, images[:500], labels[:500], classes)


def make_setup(
    images: int, batch: int, width: int, precision: Any = 32, trainer: Trainer | None = None
) -> Setup:
    """Makes the set-up of the default recipe; without `trainer`, on the CPU with two workers."""
    settings = Settings(
        seed=0,
        batch_size=batch,
        val_size=0,
        augment=Augment(padding=4, flip=True, cutout=8),
        model=Model(name="custom_resnet", width=width, dropout=0.0, norm_first=True),
        optimizer=load_params(ROOT / "params.yaml").optimizer,
        loss=Loss(label_smoothing=0.1),
        trainer=trainer
        or Trainer(
            devices=1,
            num_nodes=1,
            strategy="auto",
            accelerator="cpu",
            precision=precision,
            workers=2,
        ),
    )
    return set_up(random_images(images), {"mean": MEAN, "std": STD}, settings)


class Clock(pl.Callback):
    """Records when each step ends; stops the run after `steps` steps unless it is None."""

    def __init__(self, steps: int | None = None) -> None:
        self.steps = steps
        self.ends: list[float] = []

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self.ends.append(time.perf_counter())
        if len(self.ends) == self.steps:
            trainer.should_stop = True


def median_step_seconds(ends: list[float]) -> float:
    """Returns the median seconds between the ends of two steps; the first step does not count."""
    return statistics.median(np.diff(ends).tolist())


def lightning_step(
    steps: int, batch: int, width: int, precision: Any, images: int | None = None
) -> float:
    """Returns the seconds of a step in the train stage."""
    setup = make_setup(images or steps * batch, batch, width, precision)
    return median_step_seconds(step_ends(setup, steps))


def stage_step(steps: int, batch: int, width: int, precision: Any, tree: Path = ROOT) -> float:
    """Returns `lightning_step` of the code in `tree`, in a new process that starts like a stage."""
    call = f"lightning_step({steps}, {batch}, {width}, {precision!r})"
    code = f"import stages; from benchmarks.training import lightning_step; print({call})"
    path = os.pathsep.join([str(tree), str(tree / "src")])
    return float(run("-c", code, cwd=tree, environment={"PYTHONPATH": path}).split()[-1])


@contextmanager
def earlier_code() -> Iterator[Path | None]:
    """Yields a worktree of `EARLIER`; None, with a message, if git cannot make one."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / EARLIER
        added = git("worktree", "add", "--detach", str(tree), EARLIER) is not None
        if not added:
            print(f"training compared with {EARLIER}: skipped; git has no such commit here")
        yield tree if added else None
    git("worktree", "prune")


def step_ends(setup: Setup, steps: int | None = None) -> list[float]:
    """Returns the clock time in seconds at the end of each of the first `steps` or of all steps."""
    clock = Clock(steps)
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        run, logs = Path(folder) / "run", Path(folder) / "logs"
        fit(setup, RECIPE, checkpoints=run, logs=logs, extra_callbacks=[clock])
    return clock.ends


def plain_step(steps: int, batch: int, width: int) -> float:
    """Returns the seconds of a usual step: NCHW, one image at a time, the default data loader.

    Uses a new process, because our training changes settings of its process.
    """
    call = f"print(plain_steps({steps}, {batch}, {width}))"
    return float(run("-c", f"from benchmarks.training import plain_steps; {call}").split()[-1])


def plain_steps(steps: int, batch: int, width: int) -> float:
    """Runs the steps of `plain_step` and returns the median seconds."""
    transforms, data = usual_transforms(), random_images(steps * batch)

    class Images(TorchDataset[Any]):
        def __len__(self) -> int:
            return len(data.train_images)

        def __getitem__(self, index: int) -> Any:
            return transforms(image=data.train_images[index])["image"], data.train_labels[index]

    network = NETWORKS["custom_resnet"](10, width=width)
    optimizer = torch.optim.AdamW(network.parameters(), 0.001)
    schedule = OneCycleLR(optimizer, 0.001, total_steps=steps)
    ends, correct, total = [], 0, 0.0
    for images, labels in DataLoader(Images(), batch_size=batch, shuffle=True):
        optimizer.zero_grad()
        logits = network(images)
        loss = F.cross_entropy(logits, labels)
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        total += loss.item()
        correct += int((logits.argmax(1) == labels).sum())
        ends.append(time.perf_counter())
    return median_step_seconds(ends)


def matrix_rate(dtype: torch.dtype) -> float:
    """Returns the FLOP per second of a matrix product on all cores."""
    a, b = (torch.randn(MATRIX, MATRIX).to(dtype) for _ in range(2))
    start = time.perf_counter()
    for _ in range(5):
        a @ b
    return 5 * 2 * MATRIX**3 / (time.perf_counter() - start)


def step_rows(
    steps: int = 6, batch: int = 512, width: int = 64, repeats: int = 3, tiny: int = 200
) -> Iterator[Row]:
    """Yields images per second of training, and the overhead of Lightning in a step.

    Measures bfloat16 where `trainer.precision: auto` selects it.
    """
    dtypes: dict[str, tuple[torch.dtype, Any, float]]
    dtypes = {"float32": (torch.float32, 32, 1.1)}  # the goal compared with the earlier code
    if resolve_precision("auto", "cpu") == "bf16-mixed":
        goal = 1.6 if torch.cpu.get_capabilities().get("amx_bf16") else 1.2
        dtypes["bfloat16"] = (torch.bfloat16, "bf16-mixed", goal)
    with earlier_code() as tree:
        measures: dict[str, Measure] = {"plain": partial(plain_step, steps, batch, width)}
        for name, (dtype, precision, _) in dtypes.items():
            step = partial(stage_step, steps, batch, width, precision)
            measures |= {name: step, f"limit of {name}": partial(matrix_rate, dtype)}
            if tree:
                measures[f"earlier {name}"] = partial(step, tree=tree)
        results = measure_in_turn(repeats, *measures.values())
    seconds = dict(zip(measures, results, strict=True))

    def rates(name: str) -> list[float]:
        return [batch / value for value in seconds[name]]

    flops = FLOPS * (width / 64) ** 2
    for name, (_, _, goal) in dtypes.items():
        limit = [rate / flops for rate in seconds[f"limit of {name}"]]
        row = partial(make_row, unit="images/s", ours=rates(name))
        both = partial(row, plain=rates("plain"), limit=limit)
        label = f"training, width {width}, {name}"
        yield both(label, relative_to="plain", goal=1.25)
        if name == "float32":
            yield both(f"{label}, arithmetic limit", relative_to="limit", goal=0.8)
        if tree:
            label = f"{name}, plain: ours at {EARLIER}"
            yield row(label, plain=rates(f"earlier {name}"), relative_to="plain", goal=goal)
    yield overhead_row(tiny, statistics.median(seconds["float32"]))


def overhead_row(steps: int, full: float, repeats: int = 5) -> Row:
    """Measures the overhead of Lightning, metrics and logging, in percent of a step of `full` s."""
    lightning, bare = measure_in_turn(
        repeats, lambda: lightning_step(steps, TINY, TINY, 32), lambda: bare_step(steps)
    )
    percent = [100 * (a - b) / full for a, b in zip(lightning, bare, strict=True)]
    return make_row("Lightning, metrics, logging: share of a step", "%", percent, goal=3)


def bare_step(steps: int) -> float:
    """Returns the seconds of a tiny step without Lightning; same batches, Adam, learning rates."""
    setup = make_setup(steps * TINY, TINY, TINY)
    module = setup.module(RECIPE.lr_min, partial(one_cycle, recipe=RECIPE, steps_per_epoch=steps))
    optimizers = module.configure_optimizers()
    optimizer, schedule = optimizers["optimizer"], optimizers["lr_scheduler"]["scheduler"]
    ends = []
    for batch in setup.images.train_dataloader():
        images, labels = module.on_after_batch_transfer(batch, 0)
        loss = F.cross_entropy(module(images), labels, label_smoothing=module.loss.label_smoothing)
        torch.autograd.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        ends.append(time.perf_counter())
    return median_step_seconds(ends)
