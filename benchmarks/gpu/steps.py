"""Measures training steps of the custom ResNet on a batch that already lies on the device.

A step is normalisation, forward and backward pass, and Adam, without Lightning, metrics or loading:

exact          deterministic
exact-fill     the same, filling fresh memory, which the train stage does not do
free           the fastest algorithms of cuDNN, not deterministic
heur-b         exact, with cuDNN's other heuristic
graph          exact, the whole step as one CUDA graph
callables      exact, forward and backward as CUDA graphs, as the train stage does
compile        exact, torch.compile of the network
compile-graph  the same, the whole step as one CUDA graph
overhead       exact, torch.compile in the mode reduce-overhead

Prints a line of JSON. The weights after the same number of steps tell which variants compute the
same. `--profile FILE` also sums up the kernels by kind and appends the profiler's table to FILE.
"""

import argparse
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.utils.deterministic as deterministic
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.common import (
    compiler,
    digest,
    is_kernel,
    make_parser,
    peak_memory,
    time_when_finished,
)
from benchmarks.images import MEAN, STD
from cifarlens.classifier.networks import NETWORKS
from cifarlens.classifier.preprocess import normalize
from cifarlens.training.cuda_graph import record
from cifarlens.training.trainer import resolve_precision

VARIANTS = (
    *("exact", "exact-fill", "free", "heur-b", "graph", "callables", "compile", "compile-graph"),
    "overhead",
)
GRAPHS = ("graph", "compile-graph")  # one graph for a whole step
WARM_UP, STEPS, PROFILED = 10, 100, 10
RUN = 24 * 50_000 / 512  # steps of a full training
KINDS = {  # patterns in the names of kernels; the first that matches counts
    "conv": r"xmma|cutlass|cudnn|wgrad|dgrad|fprop|implicit|conv|nhwc.*padding|sm90_|nvjet",
    "batch norm": r"batch_norm|bn_",
    "pool": r"max_pool",
    "adam": r"multi_tensor|adam",
    "triton": r"triton",
    "copy": r"memcpy|copy",
    "fill": r"memset|fill",
    "reduce": r"reduce",
    "elementwise": r"elementwise|vectorized",
}


class Step:
    """Takes training steps on the same random batch.

    Args:
        variant: one of `VARIANTS`.
        gpu: whether to run on a GPU, with the network and the batch of the recipe.
    """

    def __init__(self, variant: str, gpu: bool) -> None:
        self.gpu, self.device = gpu, "cuda" if gpu else "cpu"
        self.batch, width = (512, 64) if gpu else (32, 4)
        graph = variant in GRAPHS and gpu
        exact = variant != "free"
        torch.manual_seed(0)
        torch.use_deterministic_algorithms(exact)
        torch.backends.cudnn.benchmark = not exact
        # The train stage does not fill fresh memory either.
        fill = variant == "exact-fill"
        deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]  # the module's class has it
        network: nn.Module = NETWORKS["custom_resnet"](10, width=width)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self.half = resolve_precision("auto", "gpu" if gpu else "cpu") == "bf16-mixed"
        self.optimizer = Adam(
            network.parameters(),
            0.001,
            betas=(0.9, 0.99),
            weight_decay=0.3,
            decoupled_weight_decay=True,
            fused=gpu,
            capturable=graph,
        )
        shape = (self.batch, 32, 32, 3)
        self.pixels = torch.randint(0, 256, shape, dtype=torch.uint8).to(self.device)
        self.labels = torch.randint(0, 10, (self.batch,)).to(self.device)
        self.forward = self._forward(variant)
        self.taken = 0  # by the capture
        self.run = self._capture() if graph else self.eager

    def normalized(self) -> Tensor:
        return normalize(self.pixels, MEAN, STD)

    def autocast(self) -> torch.autocast:
        """Returns a context without a cache of weights, which a CUDA graph cannot use."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.half, cache_enabled=False)

    def compute(self) -> None:
        with self.autocast():
            logits = self.forward(self.normalized())
        loss = F.cross_entropy(logits.float(), self.labels, label_smoothing=0.1)
        torch.autograd.backward(loss)
        self.optimizer.step()

    def eager(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.compute()

    def _forward(self, variant: str) -> Callable[[Tensor], Tensor]:
        if variant in ("compile", "compile-graph", "overhead"):
            mode = "reduce-overhead" if variant == "overhead" else None
            how: dict[str, Any] = {"mode": mode} if self.gpu else {}
            backend = compiler(self.gpu)
            return torch.compile(self.network, dynamic=False, backend=backend, **how)
        if variant == "callables" and self.gpu:
            return record(self.network, self.normalized(), half=self.half)
        return self.network

    def _capture(self) -> Callable[[], None]:
        """Records a step; PyTorch asks for some steps on another stream before."""
        side, self.taken = torch.cuda.Stream(), 3
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(self.taken):
                self.eager()
        torch.cuda.current_stream().wait_stream(side)
        self.optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.compute()
        return graph.replay


def measure(variant: str, gpu: bool, steps: int) -> tuple[dict[str, Any], Step]:
    """Returns the speed of a variant and the step itself, for a profile."""
    start = time_when_finished(gpu)
    step = Step(variant, gpu)
    if not step.taken:
        step.run()
    first = time_when_finished(gpu) - start
    for _ in range(WARM_UP - max(step.taken, 1)):
        step.run()
    start, cpu = time_when_finished(gpu), time.process_time()
    for _ in range(steps):
        step.run()
    issued = time.perf_counter() - start  # the CPU has started all kernels
    seconds = time_when_finished(gpu) - start
    cpu = time.process_time() - cpu
    result = {
        "variant": variant,
        "ms": round(1e3 * seconds / steps, 3),
        "images_s": round(steps * step.batch / seconds),
        "issue_ms": round(1e3 * issued / steps, 3),
        "cpu_ms": round(1e3 * cpu / steps, 2),
        "first_s": round(first, 2),
        "run_s_of_24_epochs": round(RUN * seconds / steps, 2),
        "weights": digest(step.network),
    }
    return {**result, **(peak_memory() if gpu else {})}, step


def kernels(step: Step, file: Path) -> dict[str, Any]:
    """Returns the time of the kernels of a step by kind, in ms, and their number."""
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if step.gpu else [])]
    with profile(activities=activities) as seen:
        for _ in range(PROFILED):
            step.run()
        time_when_finished(step.gpu)
    sums: dict[str, float] = {}
    launches, events = 0, seen.key_averages()
    for event in events:
        microseconds = event.self_device_time_total if step.gpu else event.self_cpu_time_total
        if not microseconds or (step.gpu and not is_kernel(event)):
            continue
        launches += event.count
        kind = next(
            (k for k, pattern in KINDS.items() if re.search(pattern, event.key, re.I)), "other"
        )
        sums[kind] = sums.get(kind, 0) + microseconds / PROFILED / 1e3
    order = "self_cuda_time_total" if step.gpu else "self_cpu_time_total"
    with file.open("a") as output:
        output.write(events.table(sort_by=order, row_limit=60, max_name_column_width=110))
    return {
        "kernels_ms": {
            k: round(ms, 3) for k, ms in sorted(sums.items(), key=lambda item: -item[1])
        },
        "kernels_sum_ms": round(sum(sums.values()), 3),
        "launches": round(launches / PROFILED),
    }


def parse() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("variant", choices=VARIANTS)
    parser.add_argument("--profile", type=Path, metavar="FILE")
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.variant == "heur-b":
        os.environ["TORCH_CUDNN_USE_HEURISTIC_MODE_B"] = "1"  # read at the first convolution
    gpu = options.accelerator == "gpu"
    result, step = measure(options.variant, gpu, STEPS if gpu else 5)
    if options.profile:
        result |= kernels(step, options.profile)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
