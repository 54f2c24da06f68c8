"""Makes small archives in CIFAR-10's format."""

import hashlib
import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from cifarlens.sources.cifar10 import FOLDER, MD5S

SIZE = 20  # images per batch


def to_pickle(value: Any) -> bytes:
    return pickle.dumps(value, protocol=3)


def md5_sums(members: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.md5(content).hexdigest() for name, content in members.items()}


def make_batches() -> dict[str, dict[str, Any]]:
    """Makes random images and labels for each file that contains some."""
    random = np.random.default_rng(0)
    return {
        name: {
            "data": random.integers(0, 256, (SIZE, 3072), dtype=np.uint8),
            "labels": random.integers(0, 10, SIZE).tolist(),
        }
        for name in MD5S
        if name != "batches.meta"
    }


def write_archive(path: Path, members: dict[str, bytes], folder: str = f"{FOLDER}/") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:xz" if path.suffix == ".xz" else "w:gz") as archive:
        for name, content in members.items():
            add_member(archive, folder + name, content)
    return path


def add_member(archive: tarfile.TarFile, name: str, content: bytes, **fields: Any) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for key, value in fields.items():
        setattr(member, key, value)
    archive.addfile(member, io.BytesIO(content))


def write_folder(folder: Path, members: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in members.items():
        (folder / name).write_bytes(content)
    return folder


class MaliciousPickle:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)
