"""When a finished training's checkpoint may go: once DVC has recorded the results.

A run killed between its last step and that moment loses nothing then, however long it took.
"""

import os
import shutil
from pathlib import Path

MARK = "finished"  # an empty file in the folder of a finished run's checkpoint


def finish(folder: Path) -> None:
    """Marks a run's folder as finished; removes it if no DVC is about to record the results."""
    if "DVC_STAGE" in os.environ:
        (folder / MARK).touch()
    else:
        shutil.rmtree(folder)


def forget_recorded(root: Path, lock: Path) -> None:
    """Removes the folders of finished runs that DVC has recorded.

    Args:
        root: holds a folder a run.
        lock: dvc.lock, which DVC rewrites after a stage has succeeded and at no other time.
    """
    if lock.exists():
        recorded = lock.stat().st_mtime_ns
        for mark in list(root.glob(f"*/{MARK}")):
            if mark.stat().st_mtime_ns < recorded:
                shutil.rmtree(mark.parent)
