"""Makes small archives in the format of CIFAR-10 and CIFAR-100."""

import hashlib
import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from cifarlens.sources.cifar import Archive

SIZE = 20  # images per file


def to_pickle(value: Any) -> bytes:
    return pickle.dumps(value, protocol=3)


def md5_sums(members: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.md5(content).hexdigest() for name, content in members.items()}


def make_batches(archive: Archive) -> dict[str, dict[str, Any]]:
    """Makes random images and labels for each file that contains some."""
    random, classes = np.random.default_rng(0), len(class_names(archive))
    return {
        name: {
            "data": random.integers(0, 256, (SIZE, 3072), dtype=np.uint8),
            archive.labels: random.integers(0, classes, SIZE).tolist(),
            "coarse_labels": [0] * SIZE,
        }
        for name in list(archive.md5s)[:-1]
    }


def class_names(archive: Archive) -> list[str]:
    return [f"class {label}" for label in range(100 if "fine" in archive.labels else 10)]


def make_members(archive: Archive) -> dict[str, bytes]:
    """Makes the content of each file of a small dataset."""
    meta = {archive.classes: class_names(archive), "coarse_label_names": ["coarse"]}
    batches = make_batches(archive)
    return {name: to_pickle(batches.get(name, meta)) for name in archive.md5s}


def write_archive(path: Path, members: dict[str, bytes], folder: str = "folder/") -> Path:
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
