"""CIFAR-10: Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009).

Its files are pickles, and a pickle can run code when it is loaded. So they are read into memory,
never extracted; none is loaded before all have the MD5 sums that torchvision publishes; and then
only arrays and plain values are built.
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
from ..runtime.errors import UserError, shown
from ..runtime.paths import ARCHIVES
from .source import DataSource

SOURCE = "CIFAR10_SOURCE"  # environment variable: where CIFAR-10 comes from
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE = ARCHIVES / "cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py"
MD5S = {  # train batches in order, test batch, class names
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}
MAX_MEMBER = 64 << 20  # bytes that are read of a member; the largest has 31 MB
ADVICE = (
    f"set {SOURCE} to a mirror's URL, an archive or a folder with the extracted files, or fetch "
    f"{ARCHIVE.name} elsewhere and put it into {ARCHIVES}/, or run `make demo`, which needs no data"
)
ALLOWED = (("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype"))


def load_cifar10() -> Dataset:
    """50,000 train images (batches 1 to 5 in order) and 10,000 test images of ten classes.

    They come from where the environment variable CIFAR10_SOURCE says: a URL, an archive (.tar.gz,
    .tgz or .tar.xz) or a folder with the extracted files; without it, from the official URL. An
    archive that was fetched stays at `ARCHIVE` and is not fetched again.

    Raises:
        UserError: that place does not exist, cannot be reached, or does not hold CIFAR-10.
    """
    source = os.environ.get(SOURCE, "").strip()
    if source and "://" not in source:
        path = Path(os.path.expanduser(source))  # noqa: PTH111  # Path's own raises without a home
        if not path.exists():
            raise _error(path.absolute(), f"does not exist ({SOURCE} is {shown(source)})")
        return _load(path)
    from .fetch import fetch

    if ARCHIVE.is_file():
        try:
            return _load(ARCHIVE)
        except UserError as error:
            print(f"{error} Fetching it anew.", file=sys.stderr)
    fetch(source or URL, ARCHIVE, ADVICE)
    return _load(ARCHIVE)


def _load(place: Path) -> Dataset:
    """Reads and checks every member of an archive or folder, and only then unpickles them."""
    members = _read_folder(place) if place.is_dir() else _read_archive(place)
    for name, md5 in MD5S.items():
        if name not in members:
            raise _error(place, f"is not CIFAR-10: it has no file {name}")
        actual = hashlib.md5(members[name], usedforsecurity=False).hexdigest()
        if actual != md5:
            raise _error(place, f"is not CIFAR-10: the MD5 sum of {name} is {actual}, not {md5}")
    # Python 2 wrote these pickles: its byte strings become text, and arrays read them back.
    loaders = (_Unpickler(io.BytesIO(members[name]), encoding="latin1") for name in MD5S)
    *batches, meta = (loader.load() for loader in loaders)
    # N×3072 (red, green and blue planes, row by row) -> N×32×32×3
    images = [batch["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) for batch in batches]
    labels = [np.asarray(batch["labels"], np.int64) for batch in batches]
    train = np.concatenate(images[:-1]), np.concatenate(labels[:-1])
    return Dataset(*train, images[-1], labels[-1], tuple(meta["label_names"]))


def _read_folder(path: Path) -> dict[str, bytes]:
    """The members in the folder of the extracted files, or in its parent."""
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
    except Exception as error:  # tarfile and the decompressors raise a dozen kinds for damage
        if isinstance(error, OSError) and error.errno:
            raise
        raise _error(
            path, "is not a .tar.gz or .tar.xz archive, or is truncated or damaged"
        ) from None
    return members


class _Unpickler(pickle.Unpickler):
    """Builds NumPy arrays and plain values, and refuses to look up anything else."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core", "numpy._core")  # its name since NumPy 2
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return super().find_class(module, name)


def _error(place: Path, what: str) -> UserError:
    return UserError(f"{shown(str(place))} {what}; {ADVICE}.")


CIFAR10 = DataSource(
    title="CIFAR-10",
    link="https://www.cs.toronto.edu/~kriz/cifar.html",
    about="60,000 colour photographs of 32×32 pixels, 10,000 of them for testing"
    " (Krizhevsky 2009, *Learning Multiple Layers of Features from Tiny Images*).",
    licence="CIFAR-10 states no licence; its authors ask to be cited.",
    goal=0.90,
    load=load_cifar10,
)
