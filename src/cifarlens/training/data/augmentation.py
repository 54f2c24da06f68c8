"""Train-time augmentation by albumentations: a pure function of (seed, epoch, index).

Whoever augments an image, in whatever order or process, gets the same pixels.
"""

import os
import random
from typing import Any

import numpy as np

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # its import asks the network otherwise

import albumentations as A


class CutOut(A.ImageOnlyTransform):
    """Fills one square, wholly inside the image, with a constant colour.

    DeVries and Taylor 2017, placed as cifar10-fast does. Three times as fast as CoarseDropout.
    """

    def __init__(self, size: int, fill: tuple[int, ...]) -> None:
        super().__init__(p=1.0)
        self.size = size
        self.fill = fill

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, int]:
        """The square's top left corner, uniform over all that fit."""
        height, width = data["image"].shape[:2]
        return {
            "top": self.py_random.randint(0, height - self.size),
            "left": self.py_random.randint(0, width - self.size),
        }

    def apply(self, img: np.ndarray, top: int, left: int, **_: Any) -> np.ndarray:
        """A copy of `img`, uint8 H×W×3, with the square filled."""
        img = img.copy()
        img[top : top + self.size, left : left + self.size] = self.fill
        return img


def pad(images: np.ndarray, padding: int) -> np.ndarray:
    """Images N×H×W×3 with `padding` pixels reflected on each side, as in cifar10-fast."""
    return np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)), mode="reflect")


class Augmentation:
    """Random crop of a padded image, flip, CutOut.

    Args:
        size: side of the crop, pixels.
        flip: mirror half of the images.
        cutout: side of the filled square, pixels; 0 for none.
        fill: its colour, 0 to 255 a channel.
        seed: of the whole run.
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
        # albumentations wants one too; ours draw from the other, which is quicker to make.
        self._unused = np.random.default_rng(0)

    def __call__(self, image: np.ndarray, epoch: int, index: int) -> np.ndarray:
        """Augments one padded image.

        Args:
            image: uint8, (H + 2·padding)×(W + 2·padding)×3.
            epoch: from 0.
            index: of the image in the train images, from 0.

        Returns:
            uint8, size×size×3.
        """
        # One stream shared by all transforms: a seed each would make them choose alike.
        place = epoch << 32 | index
        self.compose.set_random_state(self._unused, random.Random(self.seed << 64 | place))
        augmented: np.ndarray = self.compose(image=image)["image"]
        return augmented
