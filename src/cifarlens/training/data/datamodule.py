"""Feeds batches of uint8 images to training and validation, in a reproducible order."""

import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import Sampler

from ...dataset.arrays import Dataset
from ...dataset.split import split
from ...params import Augment
from ...runtime.errors import UserError
from .augmentation import Augmentation, pad
from .loader import Batch, BatchLoader

VALIDATION_BATCH = 500

Key = tuple[int, int]  # (epoch, step)


class StepSampler(Sampler[Key]):
    """Yields (epoch, step) for every step of an epoch; both count from 0."""

    def __init__(self, steps: int) -> None:
        self.steps, self.epoch = steps, 0

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch. Lightning does so before each epoch, `fit` before a resumed one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Key]:
        epoch = self.epoch
        for step in range(self.steps):
            yield epoch, step


@lru_cache(maxsize=1)  # a process loads one epoch after the other
def image_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """Returns the order of `count` training images, int64, in an epoch; see `set_epoch`."""
    generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
    return torch.randperm(count, generator=generator).numpy()


class TrainImages:
    """Holds the padded training images and augments them."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, augmentation: Augmentation) -> None:
        self.images, self.labels, self.augmentation = images, labels, augmentation

    def __len__(self) -> int:
        return len(self.images)

    def load(self, epoch: int, indices: Sequence[int]) -> Batch:
        """Returns images as an epoch sees them, with their labels, in the order of `indices`."""
        augmented = [self.augmentation(self.images[index], epoch, index) for index in indices]
        return Batch(np.stack(augmented), self.labels[indices])


class TrainBatches(TorchDataset[Batch]):
    """Holds one process's share of the images of each step, by (epoch, step).

    A worker finds the images of a step itself, so the training process sends it no indices. All
    processes take the same steps. The shares of a step are disjoint, and their sizes differ by
    at most one image.

    Args:
        images: all training images.
        batch_size: images per step, over all processes.
        seed: seed of the order.
        rank: rank of this process, from 0.
        processes: number of training processes.
    """

    def __init__(
        self, images: TrainImages, batch_size: int, seed: int, rank: int, processes: int
    ) -> None:
        self.images, self.batch_size, self.seed = images, batch_size, seed
        self.rank, self.processes = rank, processes

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, key: Key) -> Batch:
        epoch, step = key
        return self.images.load(epoch, self.indices(epoch, step))

    def indices(self, epoch: int, step: int) -> list[int]:
        """Returns the indices of the images that this process takes in a step."""
        order = image_order(len(self.images), self.seed, epoch)
        batch = order[step * self.batch_size : (step + 1) * self.batch_size]
        return batch[self.rank :: self.processes].tolist()  # type: ignore[no-any-return]  # of int64


class HeldOutImages(TorchDataset[Batch]):
    """Holds the held-out images, which are not augmented, by a list of indices."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        return Batch(self.images[indices], self.labels[indices])


class ImageDataModule(pl.LightningDataModule):
    """Provides training batches of augmented images and validation batches of held-out images.

    Args:
        dataset: all images; the test images are not used.
        mean: mean of pixel / 255 per channel, the colour that CutOut fills with.
        augment: crop padding, flip and CutOut.
        batch_size: images per step; the last step of an epoch takes the remaining images.
        val_size: number of training images to hold out, the same share of every class.
        workers: number of processes that augment; 0 augments in the main process.
        seed: seed of order and augmentation.
        processes: number of training processes, which share every batch.

    Raises:
        UserError: `val_size` or `batch_size` does not fit the number of images or processes.
    """

    def __init__(
        self,
        dataset: Dataset,
        mean: Sequence[float],
        augment: Augment,
        *,
        batch_size: int,
        val_size: int,
        workers: int,
        seed: int,
        processes: int = 1,
    ) -> None:
        super().__init__()
        train, held_out = split(dataset.train_labels, val_size)
        if batch_size > len(train):
            # About ten steps an epoch, but enough images for batch normalisation.
            fits = min(len(train), max(8, 2 ** (len(train) // 10).bit_length() // 2))
            steps = -(-len(train) // fits)
            raise UserError(
                f"params.yaml: batch_size is {batch_size}; it must be at most {len(train)}, the"
                f" number of training images ({fits} gives {steps} step{'s' * (steps != 1)} an"
                " epoch). Change it and run again."
            )
        _check_shares(len(train), batch_size, len(held_out), processes)
        images, labels = dataset.train_images, dataset.train_labels
        size = images.shape[1]
        fill = tuple(round(255 * value) for value in mean)
        augmentation = Augmentation(size, augment.flip, augment.cutout, fill, seed)
        padded = as_memmap(pad(images[train], augment.padding))
        self.train_images = TrainImages(padded, np.array(labels[train]), augmentation)
        self.held_out = HeldOutImages(images[held_out], np.array(labels[held_out]))
        self.sampler = StepSampler(-(-len(train) // batch_size))
        self.batch_size, self.workers, self.seed = batch_size, workers, seed

    @property
    def steps_per_epoch(self) -> int:
        return len(self.sampler)

    def train_dataloader(self) -> BatchLoader:
        place = self._rank_and_processes()
        return BatchLoader(
            TrainBatches(self.train_images, self.batch_size, self.seed, *place),
            self.sampler,
            workers=self.workers,
            pin_memory=self._on_gpu(),
            generator=torch.Generator().manual_seed(self.seed),
        )

    def val_dataloader(self) -> BatchLoader:
        batches = held_out_batches(len(self.held_out), *self._rank_and_processes())
        return BatchLoader(self.held_out, batches, workers=0, pin_memory=self._on_gpu())

    def _rank_and_processes(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _on_gpu(self) -> bool:
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"


def step_size(images: int, batch_size: int, step: int) -> int:
    """Returns the size of one step of an epoch, over all processes; `step` counts from 0."""
    return min(batch_size, images - step * batch_size)


def held_out_batches(count: int, rank: int, processes: int) -> list[list[int]]:
    """Returns the indices of the held-out images that one process validates on, a list per batch.

    Each image is in one batch of one process. All processes have the same number of batches, as
    distributed data parallel requires. `count` is 0 or at least `processes`.
    """
    share = -(-count // processes)  # the largest share
    batches = -(-share // VALIDATION_BATCH)
    size = VALIDATION_BATCH if processes == 1 else -(-share // max(batches, 1))
    own = range(rank, count, processes)
    return [list(own[start : start + size]) for start in range(0, share, size or 1)]


def _check_shares(train: int, batch_size: int, held_out: int, processes: int) -> None:
    """Raises UserError if a process would have no image in some step."""
    rest = train % batch_size
    if 0 < rest < processes:
        raise UserError(
            f"params.yaml: batch_size is {batch_size}, which leaves {rest} of {train} training"
            f" images for the last step; it must leave 0 or at least {processes}, one for each"
            " process. Change it and run again."
        )
    if 0 < held_out < processes:
        raise UserError(
            f"params.yaml: data.val_size is {held_out}; it must be 0 or at least {processes}, one"
            " image for each process. Change it and run again."
        )


def as_memmap(array: np.ndarray) -> np.ndarray:
    """Returns a copy as a read-only memmap, whose temporary file is deleted with the array.

    A process has only the pages that it reads in memory, and workers share them. This saves 0.24 GB
    when training on all of CIFAR-10.

    Raises:
        OSError: the copy does not fit; the error names the folder of temporary files.
    """
    try:
        with tempfile.TemporaryFile() as file:
            file.write(np.ascontiguousarray(array).data)
            file.flush()
            return np.asarray(np.memmap(file, array.dtype, mode="r", shape=array.shape))
    except OSError as error:  # the temporary file has no name
        raise OSError(error.errno, error.strerror, tempfile.gettempdir()) from None
