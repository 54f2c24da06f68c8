"""Loads batches in worker processes, and reports workers that cannot start or deliver."""

import multiprocessing
import signal
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ...runtime.errors import UserError

TIMEOUT = 40  # seconds for a batch, which takes less than one; includes the start of the workers


class Batch(NamedTuple):
    """Holds a batch as arrays, which a worker sends through a pipe.

    Tensors would need shared memory and file descriptors, which containers often limit.

    Attributes:
        images: uint8, n×H×W×3.
        labels: int64, n.
    """

    images: np.ndarray
    labels: np.ndarray

    def tensors(self) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.images), torch.from_numpy(self.labels)

    def pin_memory(self) -> tuple[Tensor, ...]:
        """Returns tensors in memory that a GPU copies from directly; DataLoader calls this."""
        return tuple(tensor.pin_memory() for tensor in self.tensors())


class BatchLoader(DataLoader[Any]):
    """Loads batches.

    Args:
        dataset: its `__getitem__` returns a `Batch`.
        keys: the key of each batch in `dataset`.
        workers: number of processes that load batches; 0 loads them in this process.
        pin_memory: whether the batches are for a GPU.
        generator: seeds the workers, so that torch's own generator does not change.
    """

    def __init__(
        self,
        dataset: Dataset[Batch],
        keys: Sampler[Any] | list[Any],
        *,
        workers: int,
        pin_memory: bool,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            dataset,
            batch_size=None,  # the dataset makes the batches
            sampler=keys,
            num_workers=workers,
            persistent_workers=workers > 0,
            collate_fn=return_batch,
            pin_memory=pin_memory,
            timeout=TIMEOUT if workers else 0,
            worker_init_fn=use_one_thread,
            generator=generator,
        )

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # Lightning takes any iterator
        """Yields images and labels as tensors.

        Raises:
            UserError: the workers cannot start, or send no batch in time.
        """
        try:
            batches = super().__iter__()
        except (OSError, RuntimeError) as error:  # RuntimeError: no further thread
            sys.unraisablehook = lambda _: None  # DataLoader cannot delete a half-made iterator
            raise UserError(
                f"The {self.num_workers} augmentation processes cannot start ({error}). Set"
                " trainer.workers to 0, or allow more processes (`ulimit -u`) and files (`ulimit"
                " -n`) and a writable /dev/shm (Docker: --shm-size), and run again."
            ) from None
        try:
            for batch in batches:
                yield batch.tensors() if isinstance(batch, Batch) else batch  # pinned
        except RuntimeError as error:
            if "DataLoader timed out" not in str(error):
                raise
            # DataLoader's handler of this signal would report the killed workers instead.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for worker in multiprocessing.active_children():
                worker.kill()  # a stopped process would not end otherwise
            raise UserError(
                f"The augmentation processes sent no batch for {self.timeout:g} s. Set"
                " trainer.workers to 0, which augments in the training process, and run again."
            ) from None


def return_batch(batch: Any) -> Any:
    """Returns the batch as the dataset created it."""
    return batch


def use_one_thread(_: int) -> None:
    """Limits OpenCV to one thread, as workers already run in parallel."""
    import cv2

    cv2.setNumThreads(0)
