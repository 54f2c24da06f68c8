"""Saves and loads a dataset: one `.npy` file per array, with the same bytes on every machine."""

import errno
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..runtime.files import read_json, write_array, write_json

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
CLASSES = "classes.json"


@dataclass(frozen=True)
class Dataset:
    """Holds the images and labels.

    Attributes:
        train_images: uint8, N×H×W×3, 0 to 255.
        train_labels: int64, N, indices into `classes`.
        test_images: same format as `train_images`.
        test_labels: same format as `train_labels`.
        classes: class names, indexed by label.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: tuple[str, ...]


def save_dataset(folder: Path, dataset: Dataset) -> None:
    """Writes a new folder next to `folder` and moves it into place when it is complete.

    Raises:
        OSError: no space, no permission, or a file has the folder's name. The old folder stays.
    """
    if folder.is_symlink():  # for example to a larger disk
        folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))
    new, old = (folder.with_name(f".{folder.name}.{word}.part") for word in ("new", "old"))
    for leftover in (new, old):  # of a killed run
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        for name in ARRAYS:
            write_array(new / f"{name}.npy", getattr(dataset, name))
        write_json(new / CLASSES, list(dataset.classes))
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def load_dataset(folder: Path) -> Dataset:
    """Opens a folder written by `save_dataset`; the arrays are read-only memory maps."""
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
    return Dataset(classes=tuple(read_json(folder / CLASSES)), **arrays)


def dataset_digest(folder: Path) -> str:
    """Returns the SHA-256 hash of the names and contents of the folder's files."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode())
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
