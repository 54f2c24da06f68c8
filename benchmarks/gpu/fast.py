"""Trains the run in the current folder as fast as a sketch can: how much time is left to gain?

Images, augmentation, order, network, Adam and learning rates are those of the train stage. But the
workers run ahead over all epochs and write into one ring of shared, page-locked memory, without a
queue or a thread in the training process, and a step with its metrics is one CUDA graph. There are
no checkpoints, validation, average of weights or distributed training. `--compile` takes the steps
with torch.compile.

Needs the files that drive.py needs. Writes models/ and evaluates them. Prints a line of JSON.
"""

import json
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.utils.deterministic as deterministic
from torch import Tensor
from torch.nn import functional as F
from torch.optim import SGD, Adam

import stages.evaluate
from benchmarks.gpu.common import compiler, make_parser, time_when_finished
from benchmarks.gpu.drive import compute_missing_stats, weights_digest
from cifarlens.classifier.bundle import save_bundle
from cifarlens.classifier.preprocess import normalize
from cifarlens.dataset.arrays import load_dataset
from cifarlens.params import load_params
from cifarlens.runtime import paths
from cifarlens.runtime.device import resolve_accelerator
from cifarlens.runtime.files import read_json
from cifarlens.training.data.datamodule import TrainBatches
from cifarlens.training.data.loader import use_one_thread
from cifarlens.training.one_cycle.schedule import Recipe, choose_recipe, one_cycle
from cifarlens.training.setup import Settings, Setup, set_up
from cifarlens.training.trainer import resolve_precision

SLOTS = 64  # steps that fit into the ring


def load() -> tuple[Setup, Recipe]:
    """Reads the run as the train stage does."""
    params = load_params()
    shared = {name: getattr(params, name) for name in Settings.model_fields if name != "val_size"}
    settings = Settings(**shared, val_size=params.data.val_size)
    names = ("epochs", "peak_epoch", "lr_max", "lr_min")
    recipe = choose_recipe(
        read_json(paths.LR_FIND_METRICS), **{name: getattr(params, name) for name in names}
    )
    return set_up(load_dataset(paths.DATASET), read_json(paths.STATS), settings), recipe


class Ring:
    """Holds the next batches in memory that the workers share.

    Args:
        batches: the batches of every epoch.
        steps: steps of the run.
        side: height and width of an image in pixels.
    """

    def __init__(self, batches: TrainBatches, steps: int, side: int) -> None:
        self.batches, self.steps, size = batches, steps, batches.batch_size
        self.images = torch.zeros(SLOTS, size, side, side, 3, dtype=torch.uint8).share_memory_()
        self.labels = torch.zeros(SLOTS, size, dtype=torch.int64).share_memory_()
        self.ready = torch.zeros(steps, dtype=torch.uint8).share_memory_()
        self.taken = torch.zeros(1, dtype=torch.int64).share_memory_()  # steps copied to the device
        self.waited = 0.0  # seconds without a batch
        self.workers: list[Any] = []

    def start(self, workers: int) -> None:
        """Starts the workers. Before CUDA starts: they must not inherit it."""
        context = multiprocessing.get_context("fork")
        for worker in range(workers):
            arguments = (worker, workers)
            self.workers.append(context.Process(target=self._fill, args=arguments, daemon=True))
            self.workers[-1].start()

    def _fill(self, worker: int, workers: int) -> None:
        torch.set_num_threads(1)
        use_one_thread(worker)
        images, labels, taken = self.images.numpy(), self.labels.numpy(), self.taken.numpy()
        for step in range(worker, self.steps, workers):
            batch = self.batches[divmod(step, len(self.batches))]
            while step >= taken[0] + SLOTS - 1:
                time.sleep(0.0005)
            images[step % SLOTS, : len(batch.labels)] = batch.images
            labels[step % SLOTS, : len(batch.labels)] = batch.labels
            self.ready[step] = 1

    def lock_pages(self) -> None:
        """Lets the GPU copy from the ring directly."""
        for block in (self.images, self.labels):
            size = block.numel() * block.element_size()
            assert int(torch.cuda.cudart().cudaHostRegister(block.data_ptr(), size, 0)) == 0

    def wait(self, step: int, release: Callable[[], None]) -> tuple[Tensor, Tensor]:
        """Returns images and labels of a step; calls `release` while there are none."""
        while not self.ready[step]:
            start = time.perf_counter()
            time.sleep(0.0001)
            self.waited += time.perf_counter() - start
            if any(worker.exitcode for worker in self.workers):
                raise RuntimeError("an augmentation process failed")
            release()
        return self.images[step % SLOTS], self.labels[step % SLOTS]


class Training:
    """Takes the steps of a run.

    Args:
        setup: the run.
        recipe: epochs and learning rates.
        gpu: whether to run on a GPU.
        compiled: whether to compile the network.
    """

    def __init__(self, setup: Setup, recipe: Recipe, *, gpu: bool, compiled: bool) -> None:
        self.setup, self.gpu, self.device = setup, gpu, "cuda" if gpu else "cpu"
        trainer = setup.settings.trainer
        precision = resolve_precision(trainer.precision, "gpu" if gpu else "cpu")
        self.half, adam = precision == "bf16-mixed", setup.settings.optimizer
        network = setup.network.to(self.device).to(memory_format=torch.channels_last).train()
        self.network: Callable[[Tensor], Tensor] = network
        if compiled:
            self.network = torch.compile(network, dynamic=False, backend=compiler(gpu))
        self.rate = torch.zeros((), device=self.device)
        self.optimizer = Adam(
            network.parameters(),
            lr=self.rate if gpu else recipe.lr_min,
            betas=(adam.beta1, adam.beta2),
            weight_decay=adam.weight_decay,
            decoupled_weight_decay=adam.decoupled,
            fused=gpu,
            capturable=gpu,
        )
        self.rates = learning_rates(recipe, setup.images.steps_per_epoch)
        self.table = torch.tensor(self.rates, device=self.device)
        self.step = torch.zeros(1, dtype=torch.int64, device=self.device)
        self.sums = torch.zeros(2, device=self.device)  # cross-entropy, correct predictions
        count, size = len(setup.images.train_images), setup.images.batch_size
        sizes = (size, count % size or size)  # the last step of an epoch may be smaller
        self.inputs = {n: self._inputs(n) for n in sizes}
        self.runs = self._capture() if gpu else {n: self._eager(n) for n in self.inputs}

    def _inputs(self, size: int) -> tuple[Tensor, Tensor]:
        side = self.setup.config.image_size
        shape = (size, side, side, 3)
        images = torch.zeros(shape, dtype=torch.uint8, device=self.device)
        return images, torch.zeros(size, dtype=torch.int64, device=self.device)

    def _eager(self, size: int) -> Callable[[], None]:
        def run() -> None:
            self.optimizer.zero_grad(set_to_none=True)
            self._compute(*self.inputs[size])

        return run

    def _compute(self, images: Tensor, labels: Tensor) -> None:
        """Takes one step on what the inputs hold."""
        self.rate.copy_(self.table.index_select(0, self.step).squeeze())
        self.step.add_(1)
        config, smoothing = self.setup.config, self.setup.settings.loss.label_smoothing
        with torch.autocast(self.device, torch.bfloat16, enabled=self.half, cache_enabled=False):
            logits = self.network(normalize(images, config.mean, config.std)).float()
        torch.autograd.backward(F.cross_entropy(logits, labels, label_smoothing=smoothing))
        self.optimizer.step()
        with torch.no_grad():
            loss = F.cross_entropy(logits, labels, reduction="sum")
            self.sums.add_(torch.stack([loss, (logits.argmax(1) == labels).sum().float()]))

    def _capture(self) -> dict[int, Callable[[], None]]:
        """Records a step of each size, then restores the state from before."""
        kept = {name: value.clone() for name, value in self.setup.network.state_dict().items()}
        side, replays, self.kept_alive = torch.cuda.Stream(), {}, []
        pool = torch.cuda.graph_pool_handle()
        for size in self.inputs:
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    self._eager(size)()
            torch.cuda.current_stream().wait_stream(side)
            self.optimizer.zero_grad(set_to_none=True)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=pool):
                self._compute(*self.inputs[size])
            replays[size] = graph.replay
            self.kept_alive.append(
                [parameter.grad for parameter in self.setup.network.parameters()]
            )
        self.setup.network.load_state_dict(kept)
        with torch.no_grad():
            states = [value for state in self.optimizer.state.values() for value in state.values()]
            for value in (*states, self.step, self.sums):
                value.zero_()
        return replays

    def run(self, ring: Ring) -> tuple[float, float]:
        """Trains; returns mean cross-entropy and accuracy over the last epoch."""
        events = [torch.cuda.Event() for _ in range(SLOTS)] if self.gpu else []
        taken, epoch = 0, self.setup.images.steps_per_epoch

        def release() -> None:
            """Gives slots whose copy has ended back to the workers."""
            nonlocal taken
            while taken < step and (not self.gpu or events[taken % SLOTS].query()):
                taken += 1
            ring.taken[0] = taken

        for step in range(ring.steps):
            last = step % epoch == epoch - 1
            size = list(self.inputs)[-1 if last else 0]
            for target, source in zip(self.inputs[size], ring.wait(step, release), strict=True):
                target.copy_(source[:size], non_blocking=True)
            if self.gpu:
                events[step % SLOTS].record()
            else:
                self.optimizer.param_groups[0]["lr"] = self.rates[step]
            if step % epoch == 0:
                self.sums.zero_()
            self.runs[size]()
            release()
        loss, correct = (self.sums.cpu() / len(self.setup.images.train_images)).tolist()
        return loss, correct


def learning_rates(recipe: Recipe, steps_per_epoch: int) -> list[float]:
    """Returns the learning rate of each step, from the schedule of the train stage."""
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=recipe.lr_min)
    schedule, rates = one_cycle(optimizer, recipe, steps_per_epoch), []
    optimizer.step()
    for step in range(recipe.epochs * steps_per_epoch):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        if step + 1 < recipe.epochs * steps_per_epoch:
            schedule.step()
    return rates


def main() -> None:
    parser = make_parser(__doc__, accelerator=False)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    gpu = resolve_accelerator(load_params().trainer.accelerator) == "gpu"
    workers = max(1, len(os.sched_getaffinity(0)) - 1)
    compute_missing_stats()
    begin = time.perf_counter()
    setup, recipe = load()
    images = setup.images
    batches = TrainBatches(images.train_images, images.batch_size, images.seed, 0, 1)
    ring = Ring(batches, recipe.epochs * len(batches), setup.config.image_size)
    ring.start(workers)
    torch.use_deterministic_algorithms(True)
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # the module's class has it
    if gpu:
        ring.lock_pages()
    training = Training(setup, recipe, gpu=gpu, compiled=options.compile)
    made = time_when_finished(gpu)
    loss, accuracy = training.run(ring)
    end = time_when_finished(gpu)
    save_bundle(paths.MODEL, setup.network, setup.config)
    result: dict[str, Any] = {
        "variant": "fast compile" if options.compile else "fast",
        "run": Path.cwd().name,
        "workers": workers,
        "ready_s": round(made - begin, 2),
        "training_s": round(end - made, 3),
        "mean_epoch_s": round((end - made) / recipe.epochs, 4),
        "stage_s": round(end - begin, 2),
        "waited_for_images_s": round(ring.waited, 3),
        "train_loss": round(loss, 6),
        "train_accuracy": round(accuracy, 6),
        "weights": weights_digest(),
    }
    stages.evaluate.main()
    result["test"] = {"accuracy": read_json(paths.EVALUATE_METRICS)["accuracy"]}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
