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
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning.callbacks import ModelCheckpoint

from ...runtime.errors import truncate_for_message
from ...runtime.files import read_json, replacing, write_json

LIBRARIES = ("albumentations", "numpy", "opencv-python-headless", "pytorch-lightning", "torch")
# The code that training depends on, as in dvc.yaml.
CODE = tuple(f"cifarlens.{room}" for room in ("runtime", "dataset", "classifier", "training"))
FILE = "last.ckpt"
FINISHED = "finished"  # an empty file next to the checkpoint
DESCRIPTION = "run.json"  # all that the run depends on, and the name of its log
MAX_VALUES = 40  # characters of two values in a message; hashes are longer


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


def describe_run(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns all that a run depends on: `inputs`, the code and the versions of the libraries.

    Args:
        inputs: parameters, data and hardware, as JSON types.
    """
    code = {
        name: hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest()
        for name, module in sorted(sys.modules.items())
        if name.startswith(CODE) and module.__file__
    }
    versions = {library: version(library) for library in LIBRARIES}
    versions["python"] = platform.python_version()
    return {**inputs, "code": code, "versions": versions}


def run_key(description: Mapping[str, Any]) -> str:
    """Returns sixteen hexadecimal digits that identify the run with this description."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:16]


def open_run(root: Path, description: Mapping[str, Any], name: str) -> tuple[Path, str]:
    """Returns the folder of a run's checkpoint and the name of its log.

    The first time, creates the folder, deletes those of finished runs, and says why an unfinished
    run is not resumed.

    Args:
        root: parent of the folders.
        description: all that the run depends on.
        name: name of the log if the run is new.
    """
    folder = root / run_key(description)
    for mark in list(root.glob(f"*/{FINISHED}")):
        if mark.parent != folder:
            shutil.rmtree(mark.parent)
    path = folder / DESCRIPTION
    if path.exists():
        return folder, str(read_json(path)["name"])
    unfinished = max(root.glob(f"*/{FILE}"), key=lambda each: each.stat().st_mtime, default=None)
    if unfinished and (old := unfinished.with_name(DESCRIPTION)).exists():
        differences = _differences(read_json(old)["description"], description)
        changes = truncate_for_message(", ".join(differences))
        print(f"Not resuming the unfinished run in {old.parent}, which has other inputs: {changes}")
    write_json(path, {"name": name, "description": description})
    return folder, name


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yields the inputs that differ, with both values if they are short."""
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from (f"{key}.{each}" for each in _differences(before, after))
        elif before != after:
            values = f" ({before}, now {after})"
            yield f"{key}{values if len(values) < MAX_VALUES else ''}"


def mark_finished(folder: Path) -> None:
    """Marks the folder of a run whose last epoch is complete."""
    (folder / FINISHED).touch()


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
