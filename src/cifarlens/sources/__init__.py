"""Where images may come from, by the name that `data.source` gives."""

import os
import sys
from collections.abc import Callable

from ..dataset.arrays import Dataset

SOURCE = "CIFAR10_SOURCE"  # environment variable: where CIFAR-10 comes from


def _cifar10() -> Dataset:
    from .cifar10 import obtain_cifar10

    return obtain_cifar10()


def _digits() -> Dataset:
    from .digits import read_digits

    if os.environ.get(SOURCE, "").strip():
        print(f"note: {SOURCE} is set, but not used: data.source is digits.", file=sys.stderr)
    return read_digits()


# Imports wait for the call: the digits need no network library, CIFAR-10 no scikit-learn.
SOURCES: dict[str, Callable[[], Dataset]] = {"cifar10": _cifar10, "digits": _digits}
