"""What most tests share: a small real data set, quiet libraries and one thread each."""

import os  # its settings come before what reads them
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side, a core each
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"  # all tests' servers

import properties  # noqa: F401  # keeps hypothesis' own files out of the checkout
import pytest

from cifarlens.data.dataset import Dataset
from cifarlens.data.digits import read_digits


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """All 1,797 digits."""
    return read_digits()


@pytest.fixture(scope="session")
def few_digits(digits: Dataset) -> Dataset:
    """The first 200 train and 100 test digits."""
    return replace(
        digits,
        train_images=digits.train_images[:200],
        train_labels=digits.train_labels[:200],
        test_images=digits.test_images[:100],
        test_labels=digits.test_labels[:100],
    )
