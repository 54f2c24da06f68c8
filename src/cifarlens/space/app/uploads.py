"""Keeps uploads and answers in one folder, and deletes them by age and by size.

Gradio deletes only files that it has noted, which are not all, and stops for good after some
errors. This module does not depend on Gradio.
"""

import contextlib
import os
import shutil
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, MutableSet
from pathlib import Path

PREFIX = "cifarlens-uploads-"
MARKER = ".made-by-cifarlens"  # empty file in a server's folder
MAX_AGE = 3600  # seconds
MAX_BYTES = 1_000_000_000
GRACE = 60  # seconds in which a file may still be written or read
INTERVAL = 10  # seconds between two sweeps


@contextlib.contextmanager
def own_folder(parent: str | None) -> Iterator[Path]:
    """Gives a new folder in `parent`, or in the system's, and removes it at the end.

    First removes the folders of servers that were killed. Raises OSError if it cannot create one.
    """
    place = Path(parent or tempfile.gettempdir())
    if parent:
        place.mkdir(parents=True, exist_ok=True)
    for left in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), _lock(left):
            if _is_own(left) and time.time() - left.stat().st_mtime > GRACE:
                shutil.rmtree(left, ignore_errors=True)
    temporary = tempfile.TemporaryDirectory(prefix=PREFIX, dir=place, ignore_cleanup_errors=True)
    with temporary as name, contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # a file system without locks
            stack.enter_context(_lock(Path(name)))
        (Path(name) / MARKER).touch()
        yield Path(name).resolve()


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Locks a folder while its server lives; raises OSError if another process has locked it."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _is_own(folder: Path) -> bool:
    """Returns whether a server of this user made the folder."""
    if sys.platform == "win32":
        return False
    return (folder / MARKER).is_file() and folder.lstat().st_uid == os.getuid()


def sweep(folder: Path, keep: Iterable[str], max_age: float, max_bytes: int) -> None:
    """Deletes files older than `max_age` seconds, then the oldest until `max_bytes` remain.

    Deletes links themselves and empty folders too, but nothing in `keep` and nothing newer than
    `GRACE`. Skips what it cannot read or delete.
    """
    now, total = time.time(), 0
    kept, files = set(keep), []
    for path, status in _entries(folder):
        if stat.S_ISDIR(status.st_mode):
            if now - status.st_mtime > GRACE:
                _attempt(os.rmdir, path)  # fails if the folder is not empty
        elif path not in kept:
            total += status.st_size
            files.append((status.st_mtime, path, status.st_size))
    for modified, path, size in sorted(files):
        age = now - modified
        if age > GRACE and (age > max_age or total > max_bytes):
            _attempt(os.unlink, path)
            total -= size


def _entries(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yields everything in a folder with its status, without following links."""
    for parent, folders, files in os.walk(folder, topdown=False):
        for name in [*files, *folders]:
            path = f"{parent}/{name}"
            with contextlib.suppress(OSError):
                yield path, os.lstat(path)


def _attempt(action: Callable[[str], None], path: str) -> None:
    with contextlib.suppress(OSError):
        action(path)


def keep_swept(folder: Path, lists: Iterable[MutableSet[str]]) -> None:
    """Sweeps `folder` from now on, in a thread; keeps the files that are in it now.

    Args:
        folder: the folder.
        lists: names of files, which Gradio only ever adds to; cleared by each sweep.
    """
    keep = frozenset(path for path, _ in _entries(folder))

    def run() -> None:
        while True:
            time.sleep(INTERVAL)
            try:
                sweep(folder, keep, MAX_AGE, MAX_BYTES)
                for names in lists:
                    names.clear()
            except Exception as error:
                print(f"error: cannot clean {folder}: {error}", file=sys.stderr)

    threading.Thread(target=run, name="sweeper", daemon=True).start()
