"""Finds test images that also train the network."""

from collections import Counter

from .arrays import Dataset


def shared_images(dataset: Dataset) -> int:
    """Returns the number of test images whose pixels equal those of a training image."""
    tests = Counter(image.tobytes() for image in dataset.test_images)
    shared = tests.keys() & (image.tobytes() for image in dataset.train_images)
    return sum(tests[image] for image in shared)
