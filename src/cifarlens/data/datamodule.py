"""Feeds batches of uint8 images to training and validation, in an order that can be resumed."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from ..errors import UserError
from ..params import Augment
from .augmentation import Augmentation, pad
from .dataset import Dataset

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

    Raises:
        UserError: `val_size` or `batch_size` does not fit the number of images.
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
    ) -> None:
        super().__init__()
        train, held_out = split(dataset.train_labels, val_size)
        if batch_size > len(train):
            raise UserError(
                f"params.yaml: batch_size is {batch_size}, but must be at most {len(train)}, the"
                " number of train images; change it and run again."
            )
        images, labels = dataset.train_images, dataset.train_labels
        size = images.shape[1]
        fill = tuple(round(255 * value) for value in mean)
        augmentation = Augmentation(size, augment.flip, augment.cutout, fill, seed)
        padded = pad(images[train], augment.padding)
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
            self.batch_size,
            sampler=self.sampler,
            generator=torch.Generator().manual_seed(self.seed),  # leaves torch's own untouched
            **self._options(self.workers),
        )

    def val_dataloader(self) -> "DataLoader[Any]":
        return DataLoader(self.held_out, VALIDATION_BATCH, **self._options(0))

    def _options(self, workers: int) -> dict[str, Any]:
        return {
            "num_workers": workers,
            "persistent_workers": workers > 0,
            "collate_fn": as_is,
            "pin_memory": torch.cuda.is_available(),
            "worker_init_fn": one_thread,
        }


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
    train, held_out = train_test_split(
        everything, test_size=val_size, stratify=labels, random_state=SPLIT_SEED
    )
    return np.sort(train), np.sort(held_out)


def as_is(batch: Any) -> Any:
    """The batch as the data set fetched it."""
    return batch


def one_thread(_: int) -> None:
    """A worker is one of many: OpenCV's own threads would only fight."""
    import cv2

    cv2.setNumThreads(0)
