"""Loads CIFAR-10 or CIFAR-100, whose files have the same format.

The files are pickles, and a pickle can run code when it is loaded. The loader therefore reads them
into memory without extracting them, checks all MD5 sums (those that torchvision publishes) before
it loads any, and then builds only arrays and plain values.

Source: Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
"""

import hashlib
import io
import os
import pickle
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset.arrays import Dataset
from ..runtime.errors import UserError, truncate_for_message
from ..runtime.paths import ARCHIVES

MAX_MEMBER = 192 << 20  # bytes to read of a member; the largest, of CIFAR-100, has 155 MB
ALLOWED = (("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype"))


@dataclass(frozen=True)
class Archive:
    """Describes the archive of one dataset, and loads it.

    Attributes:
        title: name of the dataset.
        variable: environment variable that names another source: a URL, an archive (.tar.gz, .tgz
            or .tar.xz) or a folder with the extracted files.
        url: official address.
        folder: folder of the files in the archive.
        md5s: MD5 sums by file name: training images in order, test images, class names.
        labels: key of the labels in a file of images.
        classes: key of the names in the file of class names.
    """

    title: str
    variable: str
    url: str
    folder: str
    md5s: dict[str, str]
    labels: str
    classes: str

    @property
    def path(self) -> Path:
        """Returns where a downloaded archive stays, and is used again."""
        return ARCHIVES / self.url.rpartition("/")[2]

    @property
    def advice(self) -> str:
        return (
            f"set {self.variable} to a mirror's URL, an archive or a folder with the extracted"
            f" files, or download {self.path.name} yourself to {ARCHIVES}/, or run `make demo`,"
            " which needs no download"
        )

    def load(self) -> Dataset:
        """Returns the 50,000 training and 10,000 test images, in the order of the files.

        Raises:
            UserError: the source does not exist, cannot be reached or lacks the dataset.
        """
        source = os.environ.get(self.variable, "").strip()
        if source and "://" not in source:
            path = Path(os.path.expanduser(source))  # noqa: PTH111  # Path.expanduser raises for an unknown user
            if not path.exists():
                setting = f"{self.variable} is {truncate_for_message(source)}"
                raise self._error(path.absolute(), f"does not exist ({setting})")
            return self._load(path)
        from .fetch import fetch

        if self.path.is_file():
            try:
                return self._load(self.path)
            except UserError as error:
                problem = str(error).removesuffix(f"; {self.advice}.")
                print(f"{problem}; downloading it again.", file=sys.stderr)
        fetch(source or self.url, self.path, self.advice)
        return self._load(self.path)

    def _load(self, path: Path) -> Dataset:
        """Reads and checks all members of an archive or folder before it unpickles them."""
        members = self._read_folder(path) if path.is_dir() else self._read_archive(path)
        for name, md5 in self.md5s.items():
            if name not in members:
                raise self._error(path, f"is not {self.title}: it has no file {name}")
            actual = hashlib.md5(members[name], usedforsecurity=False).hexdigest()
            if actual != md5:
                problem = f"the MD5 sum of {name} is {actual}, not {md5}"
                raise self._error(path, f"is not {self.title}: {problem}")
        # Python 2 wrote these pickles; latin1 decodes its byte strings without loss.
        loaders = (_Unpickler(io.BytesIO(members[name]), encoding="latin1") for name in self.md5s)
        *batches, meta = (loader.load() for loader in loaders)
        # From N×3072 (red, green and blue planes, row by row) to N×32×32×3.
        images = [batch["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for batch in batches]
        labels = [np.asarray(batch[self.labels], np.int64) for batch in batches]
        train = np.concatenate(images[:-1]), np.concatenate(labels[:-1])
        return Dataset(*train, images[-1], labels[-1], tuple(meta[self.classes]))

    def _read_folder(self, path: Path) -> dict[str, bytes]:
        """Reads the members from the folder with the extracted files or from its parent."""
        files = (folder / name for folder in (path, path / self.folder) for name in self.md5s)
        return {file.name: file.read_bytes() for file in files if file.is_file()}

    def _read_archive(self, path: Path) -> dict[str, bytes]:
        members = {}
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    name = member.name.rpartition("/")[2]
                    file = archive.extractfile(member) if member.isreg() else None
                    if file and name in self.md5s:
                        members[name] = file.read(MAX_MEMBER)
        except Exception as error:  # a damaged file raises one of a dozen types
            if isinstance(error, OSError) and error.errno:
                raise
            raise self._error(
                path, "is not a .tar.gz or .tar.xz archive, or is truncated or damaged"
            ) from None
        return members

    def _error(self, path: Path, problem: str) -> UserError:
        return UserError(f"{truncate_for_message(str(path))} {problem}; {self.advice}.")


class _Unpickler(pickle.Unpickler):
    """Unpickles NumPy arrays and plain values; refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core", "numpy._core")  # renamed in NumPy 2
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return super().find_class(module, name)
