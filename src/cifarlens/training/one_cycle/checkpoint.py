"""Saves and loads the checkpoint of a run, in a folder named by a hash of all the run depends on.

A checkpoint is not an output of the pipeline. A run resumes from it if parameters, data, code and
library versions are the same. It stays after the last epoch, so that a kill before DVC records the
results costs nothing. The next training with a different hash deletes it.
"""

import hashlib
import json
import pickle
import platform
import shutil
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import ModelCheckpoint

from ...runtime.files import replacing

LIBRARIES = ("albumentations", "numpy", "opencv-python-headless", "pytorch-lightning", "torch")
# The code that training depends on, as in dvc.yaml.
CODE = tuple(f"cifarlens.{room}" for room in ("runtime", "dataset", "classifier", "training"))
FILE = "last.ckpt"
FINISHED = "finished"  # an empty file next to the checkpoint


class EpochCheckpoint(ModelCheckpoint):
    """Writes a checkpoint after an epoch, over the previous one, and always after the last epoch.

    Args:
        folder: folder of the checkpoint.
        pause: minimum time between two checkpoints, in seconds; on a GPU an epoch may take less
            time than its checkpoint.
    """

    def __init__(self, folder: Path, pause: float) -> None:
        super().__init__(
            dirpath=folder,
            filename=Path(FILE).stem,
            save_top_k=1,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        self._pause = pause
        self._written = time.monotonic()  # the initial state needs no checkpoint

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        last = trainer.current_epoch + 1 == trainer.max_epochs
        due = last or time.monotonic() - self._written >= self._pause
        if trainer.strategy.broadcast(due):  # all processes must agree
            super().on_train_epoch_end(trainer, pl_module)
            self._written = time.monotonic()


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes to a temporary file and renames it, so that no checkpoint is incomplete.

    With several processes the first one reads the checkpoint and sends it to the others, whose
    machines may not have it.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        with replacing(Path(path)) as temporary:
            torch.save(checkpoint, temporary)

    def load_checkpoint(self, path: str | Path, *arguments: Any, **options: Any) -> dict[str, Any]:
        if not dist.is_initialized():
            return super().load_checkpoint(path, *arguments, **options)
        checkpoints: list[Any] = [None]
        if dist.get_rank() == 0:
            checkpoints = [super().load_checkpoint(path, *arguments, **options)]
        dist.broadcast_object_list(checkpoints)
        return cast(dict[str, Any], checkpoints[0])


def run_key(inputs: Mapping[str, Any]) -> str:
    """Returns sixteen hexadecimal digits that identify the run.

    Args:
        inputs: all that the run depends on, as JSON types, except for code and libraries: the
            source of every loaded module of `CODE` and the library versions are added here.
    """
    code = {
        name: hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest()
        for name, module in sorted(sys.modules.items())
        if name.startswith(CODE) and module.__file__
    }
    versions = {library: version(library) for library in LIBRARIES}
    versions["python"] = platform.python_version()
    key = {"inputs": inputs, "code": code, "versions": versions}
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]


def mark_finished(folder: Path) -> None:
    """Marks the folder of a run whose last epoch is complete."""
    (folder / FINISHED).touch()


def prune(root: Path, current: Path) -> None:
    """Removes the folders of finished runs below `root`, except that of the current run."""
    for mark in list(root.glob(f"*/{FINISHED}")):
        if mark.parent != current:
            shutil.rmtree(mark.parent)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Returns the checkpoint in `folder`, or None if there is none.

    Deletes a checkpoint that cannot be read (after a disk failure or a power cut).
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        # Lightning's state holds more than tensors; unpickling is safe, as we wrote the file.
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        print(f"The checkpoint {path} is damaged ({error}); starting with epoch 1.", flush=True)
        path.unlink()
        return None
    return checkpoint
