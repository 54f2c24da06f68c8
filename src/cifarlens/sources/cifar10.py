"""Loads CIFAR-10 (Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images).

Its files are pickles, and a pickle can run code when it is loaded. The loader therefore reads them
into memory without extracting them, checks all MD5 sums (those that torchvision publishes) before
it loads any, and then builds only arrays and plain values.
"""

import hashlib
import io
import os
import pickle
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset.arrays import Dataset
from ..runtime.errors import UserError, truncate_for_message
from ..runtime.paths import ARCHIVES
from .source import DataSource

SOURCE_VARIABLE = "CIFAR10_SOURCE"  # environment variable: URL or path of CIFAR-10
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE = ARCHIVES / "cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py"
MD5S = {  # training batches in order, test batch, class names
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}
MAX_MEMBER = 64 << 20  # bytes to read of a member; the largest has 31 MB
ADVICE = (
    f"set {SOURCE_VARIABLE} to a mirror's URL, an archive or a folder with the extracted files, or"
    f" download {ARCHIVE.name} yourself to {ARCHIVES}/, or run `make demo`, which needs no download"
)
ALLOWED = (("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype"))


def load_cifar10() -> Dataset:
    """Returns 50,000 training images (batches 1 to 5 in order) and 10,000 test images, ten classes.

    The environment variable CIFAR10_SOURCE names the source: a URL, an archive (.tar.gz, .tgz or
    .tar.xz) or a folder with the extracted files. The default is the official URL. A downloaded
    archive stays at `ARCHIVE` and is used again.

    Raises:
        UserError: the source does not exist, cannot be reached or does not contain CIFAR-10.
    """
    source = os.environ.get(SOURCE_VARIABLE, "").strip()
    if source and "://" not in source:
        path = Path(os.path.expanduser(source))  # noqa: PTH111  # Path.expanduser raises for an unknown user
        if not path.exists():
            setting = f"{SOURCE_VARIABLE} is {truncate_for_message(source)}"
            raise _error(path.absolute(), f"does not exist ({setting})")
        return _load(path)
    from .fetch import fetch

    if ARCHIVE.is_file():
        try:
            return _load(ARCHIVE)
        except UserError as error:
            problem = str(error).removesuffix(f"; {ADVICE}.")
            print(f"{problem}; downloading it again.", file=sys.stderr)
    fetch(source or URL, ARCHIVE, ADVICE)
    return _load(ARCHIVE)


def _load(path: Path) -> Dataset:
    """Reads and checks all members of an archive or folder before it unpickles them."""
    members = _read_folder(path) if path.is_dir() else _read_archive(path)
    for name, md5 in MD5S.items():
        if name not in members:
            raise _error(path, f"is not CIFAR-10: it has no file {name}")
        actual = hashlib.md5(members[name], usedforsecurity=False).hexdigest()
        if actual != md5:
            raise _error(path, f"is not CIFAR-10: the MD5 sum of {name} is {actual}, not {md5}")
    # Python 2 wrote these pickles; latin1 decodes its byte strings without loss.
    loaders = (_Unpickler(io.BytesIO(members[name]), encoding="latin1") for name in MD5S)
    *batches, meta = (loader.load() for loader in loaders)
    # From N×3072 (red, green and blue planes, row by row) to N×32×32×3.
    images = [batch["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for batch in batches]
    labels = [np.asarray(batch["labels"], np.int64) for batch in batches]
    train = np.concatenate(images[:-1]), np.concatenate(labels[:-1])
    return Dataset(*train, images[-1], labels[-1], tuple(meta["label_names"]))


def _read_folder(path: Path) -> dict[str, bytes]:
    """Reads the members from the folder with the extracted files or from its parent."""
    files = (folder / name for folder in (path, path / FOLDER) for name in MD5S)
    return {file.name: file.read_bytes() for file in files if file.exists()}


def _read_archive(path: Path) -> dict[str, bytes]:
    members = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.rpartition("/")[2]
                if name in MD5S and member.isreg() and (file := archive.extractfile(member)):
                    members[name] = file.read(MAX_MEMBER)
    except Exception as error:  # a damaged file raises one of a dozen types
        if isinstance(error, OSError) and error.errno:
            raise
        raise _error(
            path, "is not a .tar.gz or .tar.xz archive, or is truncated or damaged"
        ) from None
    return members


class _Unpickler(pickle.Unpickler):
    """Unpickles NumPy arrays and plain values; refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core", "numpy._core")  # renamed in NumPy 2
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return super().find_class(module, name)


def _error(path: Path, problem: str) -> UserError:
    return UserError(f"{truncate_for_message(str(path))} {problem}; {ADVICE}.")


CIFAR10 = DataSource(
    title="CIFAR-10",
    link="https://www.cs.toronto.edu/~kriz/cifar.html",
    about="60,000 colour photographs of 32×32 pixels, 10,000 of them for testing"
    " (Krizhevsky 2009, *Learning Multiple Layers of Features from Tiny Images*).",
    licence="CIFAR-10 comes without a stated licence; its authors ask to be cited.",
    goal=0.90,
    load=lambda _: load_cifar10(),
    hub_id="uoft-cs/cifar10",
)
