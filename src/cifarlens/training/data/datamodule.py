"""Feeds batches of uint8 images to training and validation, in an order that can be resumed."""

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from ...dataset.arrays import Dataset
from ...params import Augment
from ...runtime.errors import UserError
from .augmentation import Augmentation, pad

SPLIT_SEED = 0  # held-out images stay the same whatever the run's seed
VALIDATION_BATCH = 500

Key = tuple[int, int]  # (epoch, index)


class EpochSampler(Sampler[Key]):
    """Yields (epoch, index) in an order that depends on (seed, epoch) alone."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed, self.epoch = count, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch, and by us before a resumed one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Key]:
        generator = torch.Generator().manual_seed(self.seed * 100_003 + self.epoch)
        epoch = self.epoch
        for index in torch.randperm(self.count, generator=generator).tolist():
            yield epoch, index


class ShareSampler(Sampler[list[Key]]):
    """The steps that all processes take together, and of each step's images one process's share.

    Shares differ by one image at most, whatever their number, and no image is in two of them.

    Args:
        sampler: the order of all images.
        batch_size: images a step, of all processes together.
        rank: of this process, from 0.
        processes: how many share.
    """

    def __init__(self, sampler: EpochSampler, batch_size: int, rank: int, processes: int) -> None:
        self.sampler, self.batch_size = sampler, batch_size  # Lightning tells sampler the epoch
        self.rank, self.processes = rank, processes

    def __len__(self) -> int:
        return -(-len(self.sampler) // self.batch_size)

    def __iter__(self) -> Iterator[list[Key]]:
        keys = list(self.sampler)
        for start in range(0, len(keys), self.batch_size):
            yield keys[start : start + self.batch_size][self.rank :: self.processes]


class TrainImages(TorchDataset[Any]):
    """Padded train images, augmented and fetched a batch at a time."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, augmentation: Augmentation) -> None:
        self.images, self.labels, self.augmentation = images, labels, augmentation

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, keys: Sequence[Key]) -> tuple[Tensor, Tensor]:
        """uint8 images n×H×W×3 and int64 labels n."""
        augmented = [self.augmentation(self.images[index], epoch, index) for epoch, index in keys]
        labels = self.labels[[index for _, index in keys]]
        return torch.from_numpy(np.stack(augmented)), torch.from_numpy(labels)


class HeldOutImages(TorchDataset[Any]):
    """Validation images as they are."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, keys: Sequence[int]) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(self.images[keys]), torch.from_numpy(self.labels[keys])


class ImageDataModule(pl.LightningDataModule):
    """Train batches of augmented images, validation batches of held-out ones.

    Args:
        dataset: all images; the test images are never touched.
        mean: of pixel / 255 per channel, the colour that CutOut fills with.
        augment: crop padding, flip and CutOut.
        batch_size: images a step; the last step of an epoch takes what is left.
        val_size: train images held out, the same share of every class.
        workers: processes that augment; 0 for the main one.
        seed: of order and augmentation.
        processes: that train, and share every batch. Which of them this is, the Trainer knows.

    Raises:
        UserError: `val_size` or `batch_size` does not fit the number of images, or of processes.
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
            raise UserError(
                f"params.yaml: batch_size is {batch_size}, but must be at most {len(train)}, the"
                " number of train images; change it and run again."
            )
        _check_shares(len(train), batch_size, len(held_out), processes)
        images, labels = dataset.train_images, dataset.train_labels
        size = images.shape[1]
        fill = tuple(round(255 * value) for value in mean)
        augmentation = Augmentation(size, augment.flip, augment.cutout, fill, seed)
        padded = as_memmap(pad(images[train], augment.padding))
        self.train_images = TrainImages(padded, np.array(labels[train]), augmentation)
        self.held_out = HeldOutImages(images[held_out], np.array(labels[held_out]))
        self.sampler = EpochSampler(len(train), seed)
        self.batch_size, self.workers, self.seed = batch_size, workers, seed

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.train_images) // self.batch_size)

    def train_dataloader(self) -> "DataLoader[Any]":
        return DataLoader(
            self.train_images,
            batch_sampler=ShareSampler(self.sampler, self.batch_size, *self._place()),
            generator=torch.Generator().manual_seed(self.seed),  # leaves torch's own untouched
            **self._options(self.workers),
        )

    def val_dataloader(self) -> "DataLoader[Any]":
        batches = held_out_batches(len(self.held_out), *self._place())
        return DataLoader(self.held_out, batch_sampler=batches, **self._options(0))

    def _place(self) -> tuple[int, int]:
        """Rank of this process and number of all."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _on_gpu(self) -> bool:
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    def _options(self, workers: int) -> dict[str, Any]:
        return {
            "num_workers": workers,
            "persistent_workers": workers > 0,
            "collate_fn": as_is,
            "pin_memory": self._on_gpu(),
            "worker_init_fn": one_thread,
        }


def step_size(images: int, batch_size: int, step: int) -> int:
    """Of `images`, those that all processes take together in a step of the epoch, from 0."""
    return min(batch_size, images - step * batch_size)


def held_out_batches(count: int, rank: int, processes: int) -> list[list[int]]:
    """Indices of the held-out images that one process validates on, a list a batch.

    Each image is in one process's batches, and all have as many batches, as distributed data
    parallel wants it. `count` is 0 or at least `processes`.
    """
    share = -(-count // processes)  # the largest
    batches = -(-share // VALIDATION_BATCH)
    size = VALIDATION_BATCH if processes == 1 else -(-share // max(batches, 1))
    own = range(rank, count, processes)
    return [list(own[start : start + size]) for start in range(0, share, size or 1)]


def _check_shares(train: int, batch_size: int, held_out: int, processes: int) -> None:
    """Raises UserError if some process would have no image in a step."""
    rest = train % batch_size
    if 0 < rest < processes:
        raise UserError(
            f"params.yaml: batch_size is {batch_size}, but must leave no fewer than {processes} of"
            f" {train} train images for the last step, one for each process; change it and run"
            " again."
        )
    if 0 < held_out < processes:
        raise UserError(
            f"params.yaml: data.val_size is {held_out}, but must be 0 or at least {processes}, one"
            " image for each process; change it and run again."
        )


def split(labels: np.ndarray, val_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted indices of train and held-out images, the same share of every class in both.

    Raises:
        UserError: some, but fewer held-out (or train) images than classes.
    """
    everything = np.arange(len(labels))
    if not val_size:
        return everything, everything[:0]
    classes = len(np.unique(labels))
    most = len(labels) - classes
    if not classes <= val_size <= most:
        raise UserError(
            f"params.yaml: data.val_size is {val_size}, but must be 0 or from {classes} to {most}"
            f" for {len(labels)} train images; change it and run again."
        )
    from sklearn.model_selection import train_test_split  # a quarter of a second, often not needed

    train, held_out = train_test_split(
        everything, test_size=val_size, stratify=labels, random_state=SPLIT_SEED
    )
    return np.sort(train), np.sort(held_out)


def as_memmap(array: np.ndarray) -> np.ndarray:
    """A read-only copy in a temporary file that goes when it does.

    Of it, a process has in memory what it reads, and workers share that: 0.24 GB less in the one
    that trains on all of CIFAR-10.

    Raises:
        OSError: it does not fit, naming the folder of temporary files.
    """
    try:
        with tempfile.TemporaryFile() as file:
            file.write(np.ascontiguousarray(array).data)
            file.flush()
            return np.asarray(np.memmap(file, array.dtype, mode="r", shape=array.shape))
    except OSError as error:  # a file without a name
        raise OSError(error.errno, error.strerror, tempfile.gettempdir()) from None


def as_is(batch: Any) -> Any:
    """The batch as the data set fetched it."""
    return batch


def one_thread(_: int) -> None:
    """A worker is one of many: OpenCV's own threads would only fight."""
    import cv2

    cv2.setNumThreads(0)
