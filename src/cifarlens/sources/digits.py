"""The handwritten digits bundled with scikit-learn, in the shape of CIFAR; needs no network."""

import numpy as np

from ..dataset.arrays import Dataset
from .source import DataSource

SIDE = 32  # pixels, as CIFAR's images
TEST_IMAGES = 360  # of 1,797
SPLIT_SEED = 0  # fixed: `seed` in params.yaml must not change what the test images are
INK = 16  # the darkest of the bundled levels, 0 to 16


def read_digits() -> Dataset:
    """1,437 train and 360 test images of ten classes, each class with the same share in both.

    The bundled 8×8 images of levels 0 to 16 are scaled to 0 to 255 and enlarged to 32×32 with
    Pillow's bicubic filter, which computes in integers; the three channels are equal.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (UCI, 1998), the part
    that `sklearn.datasets.load_digits` holds.
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
    """Levels 0 to 16, 8×8 -> uint8, 32×32×3."""
    from PIL import Image

    grey = np.rint(image * (255 / INK)).astype(np.uint8)
    large = Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(large)[:, :, np.newaxis].repeat(3, axis=2)


DIGITS = DataSource(
    title="Handwritten digits",
    link="https://archive.ics.uci.edu/dataset/80",
    about="1,797 handwritten digits of 8×8 grey pixels, enlarged (Alpaydin and Kaynak 1998,"
    " *Optical Recognition of Handwritten Digits*).",
    licence="The digits are under CC BY 4.0.",
    goal=None,
    load=read_digits,
)
