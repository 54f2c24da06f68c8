"""Sets how this process gets memory from the system."""

import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # numbers of settings, from glibc's malloc.h
LARGEST_KEPT = 120 * 2**20  # bytes; keeping larger blocks costs memory and saves little time


def keep_freed_memory() -> None:
    """Makes glibc keep freed blocks for the next step, which needs blocks of the same sizes.

    Otherwise each training step returns most of its tensors to the system and gets them back as new
    pages, which takes a seventh to a quarter of the step (docs/speed.md). Does nothing without
    glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGEST_KEPT)
        mallopt(TRIM_THRESHOLD, 2**31 - 1)  # the largest value: never
