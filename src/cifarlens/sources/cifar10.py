"""CIFAR-10 from its official Python archive, wherever that comes from.

The files inside are pickles, and a pickle can run code when it is loaded. So they are read into
memory, never extracted, and none is loaded before the published MD5 sums of all of them were found
right; and then only arrays and plain values are built.

Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009), and
https://www.cs.toronto.edu/~kriz/cifar.html; the sums of the members are those that torchvision
publishes (torchvision.datasets.CIFAR10).
"""

import gzip
import hashlib
import io
import lzma
import os
import pickle
import re
import stat
import sys
import tarfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from tarfile import ReadError
from typing import Any, BinaryIO, Self

import numpy as np

from ..dataset.arrays import Dataset
from ..runtime.errors import UserError, shown
from ..runtime.paths import ARCHIVES
from . import SOURCE
from .fetch import PATIENCE, FetchError, Patience, fetch, public_url

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
URL_MD5 = "c58f30108f718f92721af3b95e74349a"
ARCHIVE = "cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py"
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"
META = "batches.meta"
MD5S = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}
MEMBER_LIMIT = 64 << 20  # bytes; the largest member has 31 MB
UNPACKED_LIMIT = 512 << 20  # bytes; the official archive holds 186 MB
EMPTY_READS = 8  # at the end of a file; tarfile needs one or two
NESTED_HEADERS = 8  # before a member: a long name, a long link and pax headers are four
# What tarfile and what it builds on raise for damage, some of it only when that was made by hand.
DAMAGE = (gzip.BadGzipFile, zlib.error, lzma.LZMAError, tarfile.TarError, EOFError)
CRAFTED = (ValueError, ArithmeticError)


class SourceError(UserError):
    """What was given is not CIFAR-10: a sentence that names the place and what is wrong there."""


def obtain_cifar10(md5s: Mapping[str, str] = MD5S, patience: Patience = PATIENCE) -> Dataset:
    """50,000 train images (batches 1 to 5 in order) and 10,000 test images of ten classes.

    They come from where the environment variable CIFAR10_SOURCE says: a URL, an archive (.tar.gz,
    .tgz or .tar.xz) or a folder with the extracted files; without it, from the official URL. A
    leading `~` is the home folder. An archive that was fetched stays in `paths.ARCHIVES` and is not
    fetched again.

    Args:
        md5s: sums of the members.
        patience: how long to wait for a server.

    Raises:
        FetchError: the archive cannot be had.
        SourceError: it, or the folder, is damaged or is not CIFAR-10.
        UserError: what CIFAR10_SOURCE names is missing or cannot be read.
    """
    source = os.environ.get(SOURCE, "").strip()
    if not source or "://" in source:
        return _read_remote(source or URL, md5s, patience)
    path = Path(source)
    with suppress(RuntimeError):  # no such user
        path = path.expanduser()
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        there = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise _no_source(source, f"there is no such file or folder{there}") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    if stat.S_ISDIR(mode):
        return read_folder(path, md5s)
    if stat.S_ISREG(mode):
        return read_archive(path, md5s)
    raise _no_source(source, "that is neither a file nor a folder")


def _no_source(source: str, why: str) -> UserError:
    return UserError(
        f"{SOURCE} is {shown(source)}, but {why}: "
        "give a URL, or the absolute path of an archive or of a folder with the extracted files."
    )


def read_archive(path: Path, md5s: Mapping[str, str] = MD5S) -> Dataset:
    """The data set in a .tar.gz or .tar.xz archive, whose own MD5 does not matter.

    Args:
        path: the archive.
        md5s: sums of the members.

    Raises:
        SourceError: it is no such archive, is damaged, misses a member, holds one with another
            MD5, too large, or outside of its folder.
        UserError: it cannot be read.
    """
    try:
        with path.open("rb") as file, _decompress(file, path) as stream:
            members = _read_members(stream, path, md5s)
    except (*DAMAGE, *CRAFTED) as error:
        raise _wrong(path, f"is truncated or damaged ({shown(str(error))})") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    return _build(members, path, md5s)


def read_folder(path: Path, md5s: Mapping[str, str] = MD5S) -> Dataset:
    """The data set in the folder of the extracted files, or in its parent.

    Args:
        path: the folder.
        md5s: sums of the files.

    Raises:
        SourceError: a file is missing, too large or has another MD5.
        UserError: a file cannot be read.
    """
    try:
        folder = path / FOLDER if (path / FOLDER).is_dir() else path
        if not set(md5s) & {file.name for file in folder.iterdir()}:
            raise _wrong(folder, f"has none of the files {', '.join(md5s)}")
    except OSError as error:
        raise _unreadable(path, error) from None
    return _build({name: _read_file(folder, name) for name in md5s}, folder, md5s)


def _read_file(folder: Path, name: str) -> bytes:
    file = folder / name
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            raise _wrong(folder, f"has a {name} that is no file")  # reading it might never end
        if found.st_size > MEMBER_LIMIT:
            raise _wrong(folder, f"holds a {name} of {found.st_size} bytes, which is too large")
        return file.read_bytes()
    except FileNotFoundError:
        raise _wrong(folder, f"has no file {name}") from None
    except OSError as error:
        raise _unreadable(file, error) from None


def _read_remote(url: str, md5s: Mapping[str, str], patience: Patience) -> Dataset:
    # File systems allow 255 bytes, of which the `.part.json` of a transfer takes some.
    name = re.search(r"[\w.-]{1,190}\.(tar\.gz|tgz|tar\.xz)(?=[?#]|$)", url, re.ASCII)
    archive = ARCHIVES / (name[0] if name else ARCHIVE)
    if archive.is_file():
        try:
            return read_archive(archive, md5s)
        except SourceError as error:
            print(f"{error} Fetching it anew.", file=sys.stderr)
    try:
        fetch(url, archive, md5=URL_MD5 if url == URL else None, patience=patience)
    except FetchError as error:
        raise FetchError(
            f"{str(error).removesuffix('.')}; set {SOURCE} to a mirror's URL, an archive or a "
            f"folder with the extracted files, or fetch {ARCHIVE} elsewhere and put it into "
            f"{ARCHIVES}/, or run `make demo`, which needs no data."
        ) from None
    try:
        return read_archive(archive, md5s)
    except SourceError as error:
        archive.unlink(missing_ok=True)
        raise SourceError(f"From {public_url(url)}: {error}") from None


def _decompress(file: BinaryIO, path: Path) -> gzip.GzipFile | lzma.LZMAFile:
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return gzip.open(file)
    if magic == b"\xfd7zXZ\x00":
        return lzma.open(file)
    raise _wrong(path, "is no .tar.gz or .tar.xz archive")


class _Bounded(io.RawIOBase):
    """Ends a decompression that would fill the memory: a few kB can unpack to terabytes.

    It also ends tarfile's skipping of a member whose header claims 2**80 bytes, which would go on
    for years behind the end of the file.
    """

    def __init__(self, stream: io.BufferedIOBase, path: Path) -> None:
        self._stream, self._path, self._left, self._empty = stream, path, UNPACKED_LIMIT, 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self._empty += not chunk
        if self._empty > EMPTY_READS:
            raise EOFError("unexpected end of data")
        self._left -= len(chunk)
        if self._left < 0:
            raise _wrong(self._path, f"unpacks to more than {UNPACKED_LIMIT} bytes")
        return chunk


class _Header(tarfile.TarInfo):
    """Ends a chain of long names, for each of which tarfile calls itself."""

    nested = 0

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        if cls.nested > NESTED_HEADERS:
            raise ReadError("too many headers of one member")
        cls.nested += 1
        try:
            return super().fromtarfile(tarfile)
        finally:
            cls.nested -= 1


def _read_members(
    stream: io.BufferedIOBase, path: Path, md5s: Mapping[str, str]
) -> dict[str, bytes]:
    members = {}
    bounded = _Bounded(stream, path)
    with tarfile.open(fileobj=bounded, mode="r|", tarinfo=_Header) as archive:
        for member in archive:
            place = PurePosixPath(member.name)
            if place.is_absolute() or ".." in place.parts:
                name = shown(member.name, 60)
                raise _wrong(path, f"holds '{name}', a file outside of its folder")
            if place.name not in md5s or place.parent.name not in ("", FOLDER):
                continue
            if member.size > MEMBER_LIMIT:
                raise _wrong(path, f"holds a {place.name} of {member.size} bytes, too large")
            if content := archive.extractfile(member) if member.isreg() else None:
                members[place.name] = content.read()
    return members


def _build(members: Mapping[str, bytes], place: Path, md5s: Mapping[str, str]) -> Dataset:
    """Checks every member, and only then loads them."""
    for name, md5 in md5s.items():
        if name not in members:
            raise _wrong(place, f"has no file {name}")
        found = hashlib.md5(members[name], usedforsecurity=False).hexdigest()
        if found != md5:
            raise _wrong(place, f"holds a {name} whose MD5 sum is {found} instead of {md5}")
    batches = {name: _load(members[name]) for name in (*TRAIN, TEST)}
    train = [batches[name] for name in TRAIN]
    return Dataset(
        train_images=np.concatenate([_images(batch) for batch in train]),
        train_labels=np.concatenate([_labels(batch) for batch in train]),
        test_images=_images(batches[TEST]),
        test_labels=_labels(batches[TEST]),
        classes=tuple(_load(members[META])["label_names"]),
    )


def _images(batch: Mapping[str, Any]) -> np.ndarray:
    """uint8, N×3072 (red, green and blue planes, row by row) -> N×32×32×3."""
    images: np.ndarray = batch["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images


def _labels(batch: Mapping[str, Any]) -> np.ndarray:
    return np.asarray(batch["labels"], dtype=np.int64)


ALLOWED = (("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype"))


class _ArraysOnly(pickle.Unpickler):
    """Builds NumPy arrays and plain values, and refuses to look up anything else."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core", "numpy._core")  # its name since NumPy 2
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return super().find_class(module, name)


def _load(content: bytes) -> dict[str, Any]:
    # Python 2 wrote these pickles: its byte strings become text, and arrays read them back.
    batch: dict[str, Any] = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
    return batch


def _wrong(place: Path, what: str) -> SourceError:
    return SourceError(
        f"{shown(str(place))} {what}, so it is not the published CIFAR-10: "
        f"fetch it again, or set {SOURCE} to another URL, archive or folder."
    )


def _unreadable(path: Path, error: OSError) -> UserError:
    why = (error.strerror or str(error)).lower()
    return UserError(
        f"{shown(str(path))} cannot be read ({why}): change its owner or mode, or set {SOURCE} to "
        "another URL, archive or folder."
    )
