"""Trains on random images, twice with the same seed: does it run, and to the same bytes?

A third training keeps an average of the weights. As in CIFAR-10, the last step of an epoch is
smaller.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.common import digest, make_parser, one_device
from benchmarks.training import make_setup
from cifarlens.training.one_cycle.fit import fit
from cifarlens.training.one_cycle.schedule import Recipe


def main() -> None:
    accelerator = make_parser(__doc__).parse_args().accelerator
    images, batch, width = (4096 + 336, 512, 64) if accelerator == "gpu" else (200, 64, 4)
    trainer = one_device(accelerator)
    runs: list[dict[str, Any]] = []
    for decay in (0.0, 0.0, 0.9):
        setup = make_setup(images, batch, width, trainer=trainer)
        recipe, start = Recipe(2, 1.0, 0.002, 0.0002, decay), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            history = fit(
                setup, recipe, checkpoints=Path(folder) / "run", logs=Path(folder) / "logs"
            )
        seconds, loss = round(time.perf_counter() - start, 2), history[-1].train_loss
        weights = digest(setup.network)
        runs.append({"ema": decay, "seconds": seconds, "loss": loss, "weights": weights})
        print(runs[-1], file=sys.stderr, flush=True)
    result = {
        "workers": trainer.workers,
        "runs": runs,
        "same bits": runs[0]["weights"] == runs[1]["weights"],
        "exact": torch.are_deterministic_algorithms_enabled(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
