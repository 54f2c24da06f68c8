"""Measures evaluation, short stages, start-up, an up-to-date pipeline and training memory."""

import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cifarlens.classifier.bundle import Bundle, BundleConfig, load_bundle, save_bundle
from cifarlens.classifier.networks import NETWORKS
from cifarlens.classifier.predict import predict_batches
from cifarlens.classifier.preprocess import normalize
from cifarlens.dataset.arrays import save_dataset
from cifarlens.runtime.errors import UserError
from cifarlens.runtime.paths import ARCHIVES, DATASET
from cifarlens.sources.cifar10 import CIFAR10
from cifarlens.training.trainer import resolve_precision

from .images import MEAN, STD
from .processes import ROOT, run, run_seconds
from .table import Row, make_row, measure_in_turn
from .training import random_images

STAGES = ("download", "stats", "lr_find", "train", "evaluate", "gradcam_report", "package_space")
TRAIN_IMAGES = 50_000
# Trains ten steps like a stage, on as many images as CIFAR-10 has; prints the peak memory in MB.
# Reads /proc (Linux): getrusage would include the peak of the parent process.
PEAK_MEMORY = """
import stages
from benchmarks.processes import memory
from benchmarks.training import lightning_step
lightning_step(10, 512, 64, {precision!r}, images=50_000)
print(memory("self", "VmHWM"))
"""


def evaluation_row(images: int = 2000, width: int = 64, repeats: int = 3) -> Iterator[Row]:
    """Yields images per second of evaluation; the limit is the network alone on a ready batch."""
    bundle = make_bundle(width)
    pixels = random_images(images).train_images
    batch = normalize(torch.from_numpy(pixels[:500]), MEAN, STD)

    def ours() -> float:
        start = time.perf_counter()
        for _ in predict_batches(bundle, pixels):
            pass
        return images / (time.perf_counter() - start)

    def limit() -> float:
        start = time.perf_counter()
        with torch.inference_mode():
            for _ in range(images // len(batch)):
                bundle.network(batch)
        return images / (time.perf_counter() - start)

    rates, limits = measure_in_turn(repeats, ours, limit)
    name = "evaluate: forward pass"
    yield make_row(name, "images/s", rates, limit=limits, relative_to="limit", goal=0.85)


def make_bundle(width: int) -> Bundle:
    """Makes a bundle, writes it and loads it, as evaluate does."""
    network = NETWORKS["custom_resnet"](10, width=width)
    names = tuple(f"class {i}" for i in range(10))
    arguments = {"width": width, "dropout": 0.0, "norm_first": True}
    config = BundleConfig("custom_resnet", arguments, names, MEAN, STD, 32, network.layers)
    with tempfile.TemporaryDirectory() as folder:
        save_bundle(Path(folder), network, config)
        return load_bundle(Path(folder))


def stage_rows(repeats: int = 3) -> Iterator[Row]:
    """Times whole stages: stats on 50,000 images, download from an archive on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        shutil.copy(ROOT / "params.yaml", project)
        save_dataset(project / DATASET, random_images(TRAIN_IMAGES))
        (times,) = measure_in_turn(repeats, lambda: run_seconds("-m", "stages.stats", cwd=project))
        yield make_row(f"stats, {TRAIN_IMAGES:,} images", "s", times, goal=5)
        if archive := local_archive():
            source = {CIFAR10.variable: str(archive)}
            download = partial(
                run_seconds, "-m", "stages.download", cwd=project, environment=source
            )
            (times,) = measure_in_turn(repeats, download)
            yield make_row("download from an archive on disk", "s", times, goal=20)
        else:
            print(f"download: skipped; set {CIFAR10.variable} to an archive on this machine")


def start_rows(repeats: int = 3) -> Iterator[Row]:
    """Times each stage until it reports a missing file in an empty folder; yields the slowest."""
    with tempfile.TemporaryDirectory() as folder:
        starts = [partial(start_seconds, name, Path(folder)) for name in STAGES]
        times = measure_in_turn(repeats, *starts)
    name, slowest = max(
        zip(STAGES, times, strict=True), key=lambda pair: statistics.median(pair[1])
    )
    yield make_row(f"slowest start-up: {name}", "s", slowest, goal=6)


def start_seconds(stage: str, folder: Path) -> float:
    """Returns the seconds until the stage reports a missing file in an empty folder."""
    return run_seconds("-m", f"stages.{stage}", cwd=folder, code=2)


def nothing_to_do_row(repeats: int = 5) -> Iterator[Row]:
    """Times `dvc repro` with every stage up to date, in this checkout or in demo/."""
    folders = [folder for folder in (ROOT, ROOT / "demo") if is_up_to_date(folder)]
    if folders:
        command = partial(run_seconds, "-m", "dvc", "repro", "-q", cwd=folders[0])
        (times,) = measure_in_turn(repeats, command)
        where = " in demo/" if folders[0] != ROOT else ""
        yield make_row(f"dvc repro with nothing to do{where}", "s", times, goal=1.5)
    else:
        print("dvc repro with nothing to do: skipped; run `make demo` or `make repro` first")


def memory_rows(repeats: int = 3) -> Iterator[Row]:
    """Yields the peak memory of a training process at batch 512 and width 64."""
    goals: dict[Any, float] = {32: 3.4}
    if resolve_precision("auto", "cpu") == "bf16-mixed":
        goals["bf16-mixed"] = 2.8
    for precision, goal in goals.items():
        training = partial(run, "-c", PEAK_MEMORY.format(precision=precision))
        sizes = [float(training().split()[-1]) / 1000 for _ in range(repeats)]
        yield make_row(f"peak memory of training, {precision}", "GB", sizes, goal=goal)


def is_up_to_date(folder: Path) -> bool:
    """Returns whether `dvc repro` would run nothing; asks `dvc status`."""
    if not (folder / "dvc.yaml").exists():
        return False
    try:
        return bool(json.loads(run("-m", "dvc", "status", "--json", cwd=folder)) == {})
    except UserError:
        return False


def local_archive() -> Path | None:
    """Returns the path of CIFAR-10's archive on this machine, or None."""
    source = os.environ.get(CIFAR10.variable, "")
    paths = sorted((ROOT / ARCHIVES).glob("cifar-10-*.tar.gz"))
    if source and "://" not in source:
        paths = [Path(source).expanduser()]
    return paths[0].resolve() if paths and paths[0].is_file() else None
