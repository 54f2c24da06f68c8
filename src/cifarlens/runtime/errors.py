"""Defines the error that the user can fix, and describes errors of the file system for the user."""

import errno
import os
from pathlib import Path


class UserError(Exception):
    """Reports a problem with the user's parameters, files, environment or network.

    The message is one line for the user. It names the value, what is allowed and what to do.
    """


def truncate_for_message(text: str, limit: int = 200) -> str:
    """Returns `text` on one line and truncated to `limit` characters, for use in a message."""
    line = "".join(char if char.isprintable() else "?" for char in text[: limit + 1])
    return line if len(line) <= limit else line[:limit] + "…"


def describe_file_error(error: OSError) -> str | None:
    """Returns the message for an error of the file system, None for any other error."""
    where = os.fsdecode(error.filename) if error.filename else "the output folder"
    reason = os.strerror(error.errno or 0).lower()
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"The disk is full while writing {where}; free some space and run again."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return (
                f"{where} cannot be read or written ({reason}); change its owner or mode and run"
                " again."
            )
        case errno.EFBIG:
            return (
                f"{where} is larger than the file system or `ulimit -f` allows; "
                "use another disk or raise the limit, and run again."
            )
        case errno.EIO | errno.EBUSY | errno.ELOOP | errno.ENAMETOOLONG | errno.ESTALE:
            return f"Cannot use {where} ({reason}); fix or move it and run again."
        case errno.EEXIST | errno.ENOTDIR | errno.EISDIR:
            path = Path(where)
            existing = next((p for p in (path, *path.parents) if os.path.lexists(p)), path)
            kinds = ("folder", "file") if existing.is_dir() else ("file", "folder")
            return f"{existing} is a {kinds[0]} instead of a {kinds[1]}; move it and run again."
        case errno.ENOENT if error.filename is None:  # from tempfile
            return f"{error.strerror}; set TMPDIR to a folder that you can write, and run again."
        case errno.ENOENT:
            return (
                f"{where} is missing; run `dvc checkout` to restore it or `dvc repro` to create it."
            )
        case _:
            return None
