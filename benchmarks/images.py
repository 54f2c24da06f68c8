"""Measures augmentation on one core: ours, the usual transforms, and slices of NumPy arrays."""

import time
from collections.abc import Callable, Iterator
from functools import partial

import albumentations as A
import numpy as np
from albumentations.pytorch import ToTensorV2

from cifarlens.training.data.augmentation import Augmentation, pad
from cifarlens.training.data.datamodule import TrainImages

from .table import Row, make_row, measure_in_turn

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
FILL = (125, 123, 114)
BATCH = 500
PADDING, CUTOUT = 4, 8  # pixels


def usual_transforms() -> A.Compose:
    """Returns the transforms that projects usually apply to CIFAR-10, one image at a time."""
    square = (CUTOUT, CUTOUT)
    return A.Compose(
        [
            A.PadIfNeeded(32 + 2 * PADDING, 32 + 2 * PADDING),
            A.RandomCrop(32, 32),
            A.HorizontalFlip(p=0.5),
            A.CoarseDropout((1, 1), square, square, fill=FILL, p=1.0),
            A.Normalize(MEAN, STD),
            ToTensorV2(),
        ]
    )


def augmentation_row(images: int = 5000, repeats: int = 5) -> Iterator[Row]:
    """Yields images per second of CPU time on one core."""
    pixels = np.random.default_rng(0).integers(0, 256, (images, 32, 32, 3), dtype=np.uint8)
    padded, labels = pad(pixels, PADDING), np.zeros(images, np.int64)
    ours = TrainImages(padded, labels, Augmentation(32, True, CUTOUT, FILL, seed=0))
    transforms = usual_transforms()

    def fetch() -> None:
        for start in range(0, images, BATCH):
            ours.load(0, range(start, start + BATCH))

    def transform() -> None:
        for image in pixels:
            transforms(image=image)

    def slice_arrays() -> None:
        generator = np.random.default_rng(0)
        for start in range(0, images, BATCH):
            crops = generator.integers(0, 2 * PADDING + 1, (BATCH, 2)).tolist()
            holes = generator.integers(0, 33 - CUTOUT, (BATCH, 2)).tolist()
            batch = np.empty((BATCH, 32, 32, 3), np.uint8)
            for i, ((y, x), (top, left)) in enumerate(zip(crops, holes, strict=True)):
                batch[i] = padded[start + i, y : y + 32, x : x + 32]
                batch[i, top : top + CUTOUT, left : left + CUTOUT] = FILL
            batch[::2] = batch[::2, :, ::-1]

    def rate(function: Callable[[], None]) -> float:
        start = time.process_time()
        function()
        return images / (time.process_time() - start)

    rates, plain, limit = measure_in_turn(
        repeats, *(partial(rate, function) for function in (fetch, transform, slice_arrays))
    )
    name = "augmentation, one core"
    yield make_row(name, "images/s", rates, plain=plain, limit=limit, goal=20_000)
