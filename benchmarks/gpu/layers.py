"""Times each convolution of the custom ResNet alone: deterministic, and cuDNN's fastest algorithms.

Prints a line for each layer with its forward pass and the gradients of its input and weights, then
the sum of a step and the limits of the hardware. A CPU times nothing.
"""

import json
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.utils.deterministic as deterministic
from torch import Tensor

from benchmarks.gpu.common import make_parser
from cifarlens.training.trainer import resolve_precision


class Layer(NamedTuple):
    """Describes a 3×3 convolution on maps of size×size pixels, used `uses` times in a step."""

    name: str
    inputs: int
    outputs: int
    size: int
    uses: int = 1


LAYERS = (
    Layer("prep", 3, 64, 32),
    Layer("prep, padded to 8", 8, 64, 32, uses=0),  # not in the network: would it be faster?
    Layer("layer1", 64, 128, 32),
    Layer("layer1 res", 128, 128, 16, uses=2),
    Layer("layer2", 128, 256, 16),
    Layer("layer3", 256, 512, 8),
    Layer("layer3 res", 512, 512, 4, uses=2),
)
WARM_UP, REPEATS = 3, 20
WAYS = {"exact": True, "free": False}  # whether algorithms are deterministic


def measure(run: Callable[[], Any], gpu: bool) -> float:
    """Returns the median of some runs in ms; 0 on a CPU."""
    for _ in range(WARM_UP if gpu else 1):
        run()
    if not gpu:
        return 0.0
    times: list[float] = []
    for _ in range(REPEATS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def passes(layer: Layer, batch: int, gpu: bool) -> dict[str, Callable[[], Any]]:
    """Returns the three passes of a layer on random tensors in channels_last, as in training."""
    half = resolve_precision("auto", "gpu" if gpu else "cpu") == "bf16-mixed"
    dtype = torch.bfloat16 if half else torch.float32

    def tensor(*shape: int) -> Tensor:
        values = torch.randn(*shape, device="cuda" if gpu else "cpu").to(dtype)
        return values.to(memory_format=torch.channels_last)

    images = tensor(batch, layer.inputs, layer.size, layer.size)
    gradient = tensor(batch, layer.outputs, layer.size, layer.size)
    weight, one = tensor(layer.outputs, layer.inputs, 3, 3), (1, 1)

    def backward(*mask: bool) -> Any:
        return torch.ops.aten.convolution_backward(
            gradient, images, weight, None, one, one, one, False, (0, 0), 1, mask
        )

    return {
        "fwd": partial(torch.conv2d, images, weight, None, 1, 1),
        "dgrad": partial(backward, True, False, False),
        "wgrad": partial(backward, False, True, False),
    }


def rows(gpu: bool) -> Iterator[dict[str, Any]]:
    """Yields the times of each layer in ms, then their sum over a step."""
    batch = 512 if gpu else 2
    total = dict.fromkeys(WAYS, 0.0)
    for layer in LAYERS:
        flop = 2 * batch * layer.size**2 * 9 * layer.inputs * layer.outputs
        row: dict[str, Any] = {"layer": layer.name, "gflop": round(flop / 1e9, 1)}
        for way, exact in WAYS.items():
            torch.use_deterministic_algorithms(exact)
            torch.backends.cudnn.benchmark = not exact
            for name, run in passes(layer, batch, gpu).items():
                ms = measure(run, gpu)
                row[f"{name} {way} ms"] = round(ms, 4)
                if name == "fwd" and gpu:
                    row[f"fwd {way} TFLOP/s"] = round(flop / ms / 1e9)
                if (layer.name, name) != ("prep", "dgrad"):  # images need no gradient
                    total[way] += ms * layer.uses
        yield row
    sums = {f"{way} ms": round(ms, 3) for way, ms in total.items()}
    yield {"layer": "all convolutions of a step", **sums}


def limits() -> dict[str, float]:
    """Returns what the GPU reaches: copies in its memory and from the host, a matrix product."""
    source = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    images = torch.empty(512 * 32 * 32 * 3, dtype=torch.uint8, pin_memory=True)
    on_device = torch.empty_like(images, device="cuda")
    matrix = torch.randn(8192, 8192, device="cuda").bfloat16()
    copy = measure(lambda: target.copy_(source), True)
    transfer = measure(lambda: on_device.copy_(images, non_blocking=True), True)
    product = measure(lambda: matrix @ matrix, True)
    return {
        "device copy TB/s": round(2 * 2**30 / copy / 1e9, 2),
        "H2D of a batch, ms": round(transfer, 4),
        "matmul TFLOP/s": round(2 * 8192**3 / product / 1e9),
    }


def main() -> None:
    gpu = make_parser(__doc__).parse_args().accelerator == "gpu"
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # the module's class has it
    for row in rows(gpu):
        print(json.dumps(row), flush=True)
    if gpu:
        print(json.dumps(limits()))


if __name__ == "__main__":
    main()
