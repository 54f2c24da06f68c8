"""Reads the handwritten digits bundled with scikit-learn, in the shape of CIFAR-10 images."""

import numpy as np

from ..dataset.arrays import Dataset
from .source import DataSource

SIDE = 32  # pixels, as in CIFAR-10
TEST_IMAGES = 360  # of 1,797
SPLIT_SEED = 0  # fixed, because `seed` in params.yaml must not change the test set
MAX_LEVEL = 16  # of the bundled images, whose levels are 0 to 16


def read_digits() -> Dataset:
    """Returns 1,437 training and 360 test images of ten classes, split with equal shares per class.

    Scales the bundled 8×8 images from levels 0 to 16 to 0 to 255 and enlarges them to 32×32 with
    Pillow's bicubic filter, which uses integer arithmetic. The three channels are equal.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (UCI, 1998), the subset
    in `sklearn.datasets.load_digits`.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    labels = digits.target.astype(np.int64)
    images = np.stack([_enlarge(image) for image in digits.images])
    train, test = train_test_split(
        np.arange(len(labels)), test_size=TEST_IMAGES, random_state=SPLIT_SEED, stratify=labels
    )
    train, test = np.sort(train), np.sort(test)
    classes = tuple(str(name) for name in digits.target_names)
    return Dataset(images[train], labels[train], images[test], labels[test], classes)


def _enlarge(image: np.ndarray) -> np.ndarray:
    """Converts 8×8 levels from 0 to 16 to a 32×32×3 uint8 image."""
    from PIL import Image

    grey = np.rint(image * (255 / MAX_LEVEL)).astype(np.uint8)
    large = Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(large)[:, :, np.newaxis].repeat(3, axis=2)


DIGITS = DataSource(
    title="Handwritten digits",
    link="https://archive.ics.uci.edu/dataset/80",
    about="1,797 greyscale images of handwritten digits, 8×8 pixels, enlarged to 32×32 pixels"
    " (Alpaydin and Kaynak 1998, *Optical Recognition of Handwritten Digits*).",
    licence="The digits are under CC BY 4.0.",
    goal=None,
    load=lambda _: read_digits(),
)
