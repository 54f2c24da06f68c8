"""Runs the train and evaluate stages in the current folder, timed.

The folder holds params.yaml, data/dataset and metrics/lr_find.json. data/stats.json is computed if
it is missing. Variants; only what one names is replaced in the stage:

exact      as shipped
eager      without CUDA graphs
callables  with CUDA graphs also for a network that is not static
free       the fastest algorithms of cuDNN, not deterministic
compile    torch.compile of the network instead of CUDA graphs
profile    without evaluate; prints torch.profiler's tables of steps 110 to 139

Prints a line of JSON for each seed.
"""

import hashlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytorch_lightning as pl
import torch
from torch.profiler import ProfilerActivity, profile

import stages.evaluate
import stages.stats
import stages.train
from benchmarks.gpu.common import (
    EpochClock,
    compiler,
    is_kernel,
    make_parser,
    peak_memory,
    time_when_finished,
)
from cifarlens.classifier.networks import Network
from cifarlens.params import load_params
from cifarlens.runtime import paths
from cifarlens.runtime.device import resolve_accelerator
from cifarlens.runtime.files import read_json
from cifarlens.training import trainer as trainer_module
from cifarlens.training.module import Classifier

VARIANTS = ("exact", "eager", "callables", "free", "compile", "profile")
PARAMS = Path("params.yaml")


class Profile(pl.Callback):
    """Profiles some steps."""

    def __init__(self, gpu: bool) -> None:
        self.gpu, self.result = gpu, {"wall_ms": 0.0, "kernels_ms": 0.0}
        self.first, self.count = (110, 30) if gpu else (3, 3)
        kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
        self.profile = profile(activities=kinds)

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self.first:
            time_when_finished(self.gpu)
            self.profile.start()
            self.start = time.perf_counter()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step != self.first + self.count:
            return
        wall = time_when_finished(self.gpu) - self.start
        self.profile.stop()
        events = self.profile.key_averages()
        busy = sum(event.self_device_time_total for event in events if is_kernel(event))
        self.result["wall_ms"] = round(1e3 * wall / self.count, 3)
        self.result["kernels_ms"] = round(busy / 1e3 / self.count, 3)  # from microseconds
        orders = ["self_cuda_time_total"] if self.gpu else []
        for order in (*orders, "self_cpu_time_total"):
            print(events.table(sort_by=order, row_limit=50, max_name_column_width=110))


@contextmanager
def variant(name: str, gpu: bool) -> Iterator[None]:
    """Replaces what a variant names in the stage."""
    if name == "free":
        options = {"deterministic": False, "benchmark": True}
        free = SimpleNamespace(Trainer=lambda **given: pl.Trainer(**{**given, **options}))
        with patch.object(trainer_module, "pl", free):
            yield
    elif name == "compile":

        def compile_network(module: Classifier) -> None:
            forward = module.network.forward  # not the network, which would be a second submodule
            module.replay = torch.compile(forward, dynamic=False, backend=compiler(gpu))

        with patch.object(Classifier, "on_fit_start", compile_network):
            yield
    elif name == "eager":
        with patch.object(Classifier, "on_fit_start", lambda _: None):
            yield
    elif name == "callables":
        with patch.object(
            Network, "static", property(lambda _: True, lambda *_: None), create=True
        ):
            yield
    else:
        yield


def run(name: str, label: str, gpu: bool) -> dict[str, Any]:
    """Runs the two stages, and returns their times in seconds and the metrics."""
    shutil.rmtree(paths.CHECKPOINTS, ignore_errors=True)  # an earlier variant's, to resume from
    if gpu:
        torch.cuda.reset_peak_memory_stats()
    clock, start = EpochClock(), time.perf_counter()
    watchers: list[pl.Callback] = [clock, *([Profile(gpu)] if name == "profile" else [])]
    with patch.object(stages.train, "fit", partial(stages.train.fit, extra_callbacks=watchers)):
        stages.train.main()
    trained, ends = time.perf_counter(), clock.ends
    epochs = [after - before for before, after in pairwise(ends)]
    later = sorted(epochs[1:]) or epochs
    result: dict[str, Any] = {
        "variant": name,
        "run": label,
        "stage_s": round(trained - start, 2),
        "before_training_s": round(ends[0] - start, 2),
        "training_s": round(ends[-1] - ends[0], 3),
        "first_epoch_s": round(epochs[0], 3),
        "mean_epoch_s": round(fmean(epochs), 4),
        "median_epoch_s": round(later[len(later) // 2], 4),
        "best_epoch_s": round(later[0], 4),
        "epochs_s": [round(seconds, 3) for seconds in epochs],
        "after_training_s": round(trained - ends[-1], 2),
        "weights": weights_digest(),
        "train": read_json(paths.TRAIN_METRICS),
    }
    if gpu:
        result |= peak_memory()
    if isinstance(watchers[-1], Profile):
        return {**result, "profile": watchers[-1].result}
    stages.evaluate.main()
    tested = read_json(paths.EVALUATE_METRICS)
    result["test"] = {key: tested[key] for key in ("accuracy", "loss", "calibration_error")}
    result["evaluate_s"] = round(time.perf_counter() - trained, 2)
    return result


def compute_missing_stats() -> None:
    if not paths.STATS.exists():
        stages.stats.main()


def weights_digest() -> str:
    """Returns sixteen hexadecimal digits of the file of weights."""
    return hashlib.sha256((paths.MODEL / "model.safetensors").read_bytes()).hexdigest()[:16]


def main() -> None:
    parser = make_parser(__doc__, accelerator=False)
    parser.add_argument("variant", choices=VARIANTS)
    parser.add_argument("--seeds", help="such as 1,2, one run each; else the seed in params.yaml")
    options = parser.parse_args()
    trainer = load_params().trainer
    if trainer.processes > 1:
        parser.error(
            f"trainer.devices × trainer.num_nodes is {trainer.processes}; it must be 1 here"
        )
    gpu = resolve_accelerator(trainer.accelerator) == "gpu"
    compute_missing_stats()
    with variant(options.variant, gpu):
        for seed in options.seeds.split(",") if options.seeds else [""]:
            if seed:
                text = re.sub(r"(?m)^seed: \d+", f"seed: {seed}", PARAMS.read_text())
                PARAMS.write_text(text)
            label = f"seed {seed}" if seed else Path.cwd().name
            print(json.dumps(run(options.variant, label, gpu)), flush=True)


if __name__ == "__main__":
    main()
