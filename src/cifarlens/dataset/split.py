"""Chooses the training images that a run holds out."""

import numpy as np

from ..runtime.errors import UserError

SPLIT_SEED = 0  # the held-out images do not depend on the seed of the run


def split(labels: np.ndarray, val_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the sorted indices of training and held-out images; both have the same class shares.

    Raises:
        UserError: `val_size` is not 0 and gives fewer held-out or training images than classes, or
            a class has a single image.
    """
    indices = np.arange(len(labels))
    if not val_size:
        return indices, indices[:0]
    counts = np.unique_counts(labels).counts
    classes, single = len(counts), int((counts == 1).sum())
    max_size = len(labels) - classes
    if not classes <= val_size <= max_size:
        raise UserError(
            f"params.yaml: data.val_size is {val_size}; it must be 0 or from {classes} to"
            f" {max_size} for {len(labels)} training images. Change it and run again."
        )
    if single:
        raise UserError(
            f"params.yaml: data.val_size is {val_size}; it must be 0 while classes have a single"
            f" training image ({single} of {classes} classes). Add images or change it, and run"
            " again."
        )
    from sklearn.model_selection import train_test_split  # a slow import, often not needed

    train, held_out = train_test_split(
        indices, test_size=val_size, stratify=labels, random_state=SPLIT_SEED
    )
    return np.sort(train), np.sort(held_out)
