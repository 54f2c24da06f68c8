"""Where an unfinished run waits: a folder named by a hash of everything the run depends on.

A checkpoint is not an output of the pipeline. A run resumes from it when all of parameters, data,
code and library versions are the same. It stays after the last epoch, so that a kill before DVC has
recorded the results costs nothing; the next training of another run removes it.
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
# What training depends on, as dvc.yaml has it.
CODE = tuple(f"cifarlens.{room}" for room in ("runtime", "dataset", "classifier", "training"))
FILE = "last.ckpt"
FINISHED = "finished"  # an empty file beside it


class EpochCheckpoint(ModelCheckpoint):
    """Writes the checkpoint after an epoch, over the last one, and always after the final epoch.

    Args:
        folder: of the checkpoint.
        pause: seconds after a checkpoint in which no other is written: on a GPU an epoch may take
            less time than its checkpoint.
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
        self._written = time.monotonic()  # of the start, there is nothing to keep

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        last = trainer.current_epoch + 1 == trainer.max_epochs
        due = last or time.monotonic() - self._written >= self._pause
        if trainer.strategy.broadcast(due):  # all processes take part, or none
            super().on_train_epoch_end(trainer, pl_module)
            self._written = time.monotonic()


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and renames, so a checkpoint is whole or not there.

    The first of several processes reads it for all: other machines need not have it.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        with replacing(Path(path)) as temporary:
            torch.save(checkpoint, temporary)

    def load_checkpoint(self, path: str | Path, *arguments: Any, **options: Any) -> dict[str, Any]:
        if not dist.is_initialized():
            return super().load_checkpoint(path, *arguments, **options)
        read = None
        if dist.get_rank() == 0:
            read = super().load_checkpoint(path, *arguments, **options)
        everywhere = [read]
        dist.broadcast_object_list(everywhere)
        return cast(dict[str, Any], everywhere[0])


def run_key(inputs: Mapping[str, Any]) -> str:
    """Sixteen hexadecimal digits that name the run.

    Args:
        inputs: all that the run depends on, as JSON takes it. The source of every loaded module of
            the rooms in `CODE` and the versions of the libraries are added.
    """
    code = {
        name: hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest()
        for name, module in sorted(sys.modules.items())
        if name.startswith(CODE) and module.__file__
    }
    versions = {library: version(library) for library in LIBRARIES}
    versions["python"] = platform.python_version()
    everything = {"inputs": inputs, "code": code, "versions": versions}
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:16]


def mark_finished(folder: Path) -> None:
    """Marks a run's folder: its last epoch is done."""
    (folder / FINISHED).touch()


def prune(root: Path, current: Path) -> None:
    """Removes the folders of finished runs below `root`, except that of the current run."""
    for mark in list(root.glob(f"*/{FINISHED}")):
        if mark.parent != current:
            shutil.rmtree(mark.parent)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The last whole checkpoint of our own making, or None.

    One that cannot be read (a failing disk, a power cut) is removed: the run starts anew.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        # Lightning's own state holds more than tensors; the file is ours and git-ignored.
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        print(f"The checkpoint {path} is damaged ({error}); starting anew.", flush=True)
        path.unlink()
        return None
    return checkpoint
