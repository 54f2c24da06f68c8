"""Augments training images with albumentations, as a pure function of (seed, epoch, index).

The same three numbers give the same pixels in any order and in any process.
"""

import os
import random
from typing import Any

import numpy as np

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # the import queries the network otherwise

import albumentations as A


class CutOut(A.ImageOnlyTransform):
    """Fills one square inside the image with a constant colour.

    Source: DeVries and Taylor 2017, placed as in cifar10-fast. 3 times as fast as CoarseDropout.
    """

    def __init__(self, size: int, fill: tuple[int, ...]) -> None:
        super().__init__(p=1.0)
        self.size = size
        self.fill = fill

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, int]:
        """Draws the top left corner of the square, uniform over all positions that fit."""
        height, width = data["image"].shape[:2]
        return {
            "top": self.py_random.randint(0, height - self.size),
            "left": self.py_random.randint(0, width - self.size),
        }

    def apply(self, img: np.ndarray, top: int, left: int, **_: Any) -> np.ndarray:
        """Returns a copy of `img`, uint8 H×W×3, with the square filled."""
        img = img.copy()
        img[top : top + self.size, left : left + self.size] = self.fill
        return img


def pad(images: np.ndarray, padding: int) -> np.ndarray:
    """Pads images N×H×W×3 with `padding` reflected pixels on each side, as in cifar10-fast."""
    return np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)), mode="reflect")


class Augmentation:
    """Crops a padded image at random, flips it and applies CutOut.

    Args:
        size: side of the crop, in pixels.
        flip: whether to flip half of the images horizontally.
        cutout: side of the filled square, in pixels; 0 disables CutOut.
        fill: colour of the square, 0 to 255 per channel.
        seed: seed of the run.
    """

    def __init__(
        self, size: int, flip: bool, cutout: int, fill: tuple[int, ...], seed: int
    ) -> None:
        transforms: list[A.BasicTransform] = [A.RandomCrop(size, size)]
        if flip:
            transforms.append(A.HorizontalFlip(p=0.5))
        if cutout:
            transforms.append(CutOut(cutout, fill))
        self.compose = A.Compose(transforms)
        self.seed = seed
        # albumentations requires it; our transforms use the other generator, which is faster.
        self._unused = np.random.default_rng(0)

    def __call__(self, image: np.ndarray, epoch: int, index: int) -> np.ndarray:
        """Augments one padded image.

        Args:
            image: uint8, (H + 2·padding)×(W + 2·padding)×3.
            epoch: epoch, from 0.
            index: index of the image in the training images, from 0.

        Returns:
            uint8, size×size×3.
        """
        # All transforms share one stream; with a stream each they would draw the same values.
        number = epoch << 32 | index
        self.compose.set_random_state(self._unused, random.Random(self.seed << 64 | number))
        augmented: np.ndarray = self.compose(image=image)["image"]
        return augmented
