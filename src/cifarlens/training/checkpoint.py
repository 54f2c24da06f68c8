"""Where an unfinished run waits: a folder named by a hash of everything the run depends on.

A checkpoint is no output of the pipeline. It is resumed from when all of parameters, data, code
and library versions are the same, and removed when training succeeds.
"""

import hashlib
import json
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from lightning_fabric.plugins import TorchCheckpointIO
from pydantic import BaseModel

from ..errors import UserError
from ..files import replacing

LIBRARIES = ("albumentations", "numpy", "opencv-python-headless", "pytorch-lightning", "torch")
FILE = "last.ckpt"


class WholeCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and renames, so a checkpoint is whole or not there."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        with replacing(Path(path)) as temporary:
            torch.save(checkpoint, temporary)


def run_key(inputs: Sequence[Any]) -> str:
    """Sixteen hexadecimal digits that name the run.

    Args:
        inputs: parameters and digests of the data, as JSON takes them or sections of params.yaml.
            The source of every loaded module of this package and the versions of the libraries
            are added.
    """
    code = {}
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] == __package__.partition(".")[0] and module.__file__:
            code[name] = hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest()
    versions = {library: version(library) for library in LIBRARIES}
    versions["python"] = platform.python_version()
    plain = [value.model_dump() if isinstance(value, BaseModel) else value for value in inputs]
    everything = {"inputs": plain, "code": code, "versions": versions}
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def checkpoint_folder(root: Path, key: str) -> Iterator[Path]:
    """Holds the run's folder for this process alone; removes it when the block succeeds.

    Raises:
        UserError: another process is training the same run.
    """
    folder = root / key
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / f"{key}.lock")
    try:
        with lock.acquire(blocking=False):
            yield folder
            shutil.rmtree(folder)
            Path(lock.lock_file).unlink(missing_ok=True)
    except Timeout:
        raise UserError(
            f"Another process is training this very run (checkpoints in {folder}): wait for it,"
            " or stop it and run again."
        ) from None


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The last whole checkpoint of our own making, or None."""
    path = folder / FILE
    if not path.exists():
        return None
    # Lightning's own state holds more than tensors; the file is ours and git-ignored.
    checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False)
    return checkpoint
