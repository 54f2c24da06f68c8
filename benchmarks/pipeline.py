"""All that is not training: evaluation, the small stages, starting, and the memory of training."""

import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from cifarlens.classifier.bundle import Bundle, BundleConfig, load_bundle, save_bundle
from cifarlens.classifier.networks import NETWORKS
from cifarlens.classifier.predict import predict_batches
from cifarlens.classifier.preprocess import normalize
from cifarlens.dataset.arrays import save_dataset
from cifarlens.runtime.errors import UserError
from cifarlens.runtime.paths import ARCHIVES, DATASET
from cifarlens.sources.cifar10 import SOURCE

from .images import MEAN, STD
from .processes import ROOT, run, seconds
from .table import Row, in_turn, make_row
from .training import random_images

STAGES = ("download", "stats", "lr_find", "train", "evaluate", "gradcam_report", "package_space")
TRAIN_IMAGES = 50_000
# Trains four steps on as many images as CIFAR-10 has; prints the process's peak memory in MB.
# From /proc (Linux): getrusage would count what the process that started this one once had.
PEAK = """
from benchmarks.processes import memory
from benchmarks.training import lightning_step
lightning_step(4, 512, 64, 32, images=50_000)
print(memory("self", "VmHWM"))
"""


def evaluation_row(images: int = 2000, width: int = 64, repeats: int = 3) -> Iterator[Row]:
    """Test images a second, beside the bare network on batches that are ready."""
    bundle = make_bundle(width)
    pixels = random_images(images).train_images
    ready = normalize(torch.from_numpy(pixels[:500]), MEAN, STD)

    def ours() -> float:
        start = time.perf_counter()
        for _ in predict_batches(bundle, pixels):
            pass
        return images / (time.perf_counter() - start)

    def limit() -> float:
        start = time.perf_counter()
        with torch.inference_mode():
            for _ in range(images // len(ready)):
                bundle.network(ready)
        return images / (time.perf_counter() - start)

    rates, bare = in_turn(repeats, ours, limit)
    name = "evaluate: forward pass"
    yield make_row(name, "images/s", rates, limit=bare, relative_to="limit", goal=0.85)


def make_bundle(width: int) -> Bundle:
    """As evaluate gets it: written and read again."""
    network = NETWORKS["custom_resnet"](10, width=width)
    names = tuple(f"class {i}" for i in range(10))
    arguments = {"width": width, "dropout": 0.0, "norm_first": True}
    config = BundleConfig("custom_resnet", arguments, names, MEAN, STD, 32, network.layers)
    with tempfile.TemporaryDirectory() as folder:
        save_bundle(Path(folder), network, config)
        return load_bundle(Path(folder))


def stage_rows(repeats: int = 3) -> Iterator[Row]:
    """Whole processes: stats on as many images as CIFAR-10 has, download from an archive here."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        shutil.copy(ROOT / "params.yaml", project)
        save_dataset(project / DATASET, random_images(TRAIN_IMAGES))
        (times,) = in_turn(repeats, lambda: seconds("-m", "stages.stats", cwd=project))
        yield make_row(f"stats, {TRAIN_IMAGES:,} images", "s", times, goal=5)
        if archive := local_archive():
            source = {SOURCE: str(archive)}
            download = partial(seconds, "-m", "stages.download", cwd=project, environment=source)
            (times,) = in_turn(repeats, download)
            yield make_row("download from an archive on disk", "s", times, goal=20)
        else:
            print(f"download: left out; name an archive on this machine in {SOURCE}")


def start_rows(repeats: int = 3) -> Iterator[Row]:
    """Every stage in an empty folder, where it ends for want of parameters; the slowest counts."""
    with tempfile.TemporaryDirectory() as folder:
        times = in_turn(repeats, *(partial(start_seconds, name, Path(folder)) for name in STAGES))
    name, slowest = max(
        zip(STAGES, times, strict=True), key=lambda pair: statistics.median(pair[1])
    )
    yield make_row(f"start-up, the slowest: {name}", "s", slowest, goal=6)


def start_seconds(stage: str, folder: Path) -> float:
    """Seconds until the stage says that something is missing in a folder, a user's mistake."""
    return seconds("-m", f"stages.{stage}", cwd=folder, code=2)


def nothing_to_do_row(repeats: int = 5) -> Iterator[Row]:
    """`dvc repro` where every stage is up to date: in this checkout, or in the demo's."""
    done = [folder for folder in (ROOT, ROOT / "demo") if up_to_date(folder)]
    if done:
        (times,) = in_turn(repeats, lambda: seconds("-m", "dvc", "repro", "-q", cwd=done[0]))
        where = " in demo/" if done[0] != ROOT else ""
        yield make_row(f"dvc repro with nothing to do{where}", "s", times, goal=1.5)
    else:
        print("dvc repro with nothing to do: left out; run `make demo` (or `make repro`) first")


def memory_row(repeats: int = 3) -> Iterator[Row]:
    """The training process's own peak, float32, batch 512, width 64."""
    (sizes,) = in_turn(repeats, lambda: float(run("-c", PEAK).split()[-1]) / 1000)
    yield make_row("peak memory of training", "GB", sizes, goal=3.2)


def up_to_date(folder: Path) -> bool:
    """Whether `dvc repro` would run nothing; asks, and runs nothing itself."""
    if not (folder / "dvc.yaml").exists():
        return False
    try:
        return bool(json.loads(run("-m", "dvc", "status", "--json", cwd=folder)) == {})
    except UserError:
        return False


def local_archive() -> Path | None:
    """CIFAR-10 on this machine, if it is there."""
    named = os.environ.get(SOURCE, "")
    kept = sorted((ROOT / ARCHIVES).glob("*.tar.gz"))
    found = [Path(named).expanduser()] if named and "://" not in named else kept
    return found[0].resolve() if found and found[0].is_file() else None
