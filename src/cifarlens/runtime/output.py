"""Keeps a program going when its output cannot be written, because its results matter more."""

import io
import os
import sys
from contextlib import suppress


class _Lenient(io.TextIOWrapper):
    """Drops its text after an error, such as a closed pipe or a full disk."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            self._drop()

    def _drop(self) -> None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())  # also for what waits in a buffer, and for other libraries
        os.close(null)


def tolerate_output_errors() -> None:
    """Makes printing safe: drops output after an error, and escapes what has no encoding.

    Replaces `sys.stdout` and `sys.stderr`, unless they are already replaced, as in a test.
    """
    if sys.stdin is None:  # closed: a file of results must not get its number, or another stream's
        os.open(os.devnull, os.O_RDONLY)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not getattr(sys, f"__{name}__"):
            continue
        if stream is None:
            number, encoding = os.open(os.devnull, os.O_WRONLY), "utf-8"
        else:
            number, encoding = stream.fileno(), stream.encoding
            with suppress(OSError):
                stream.flush()
        buffer = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
        text = _Lenient(buffer, encoding, "backslashreplace", line_buffering=True)
        setattr(sys, name, text)
