"""Fetches one file over HTTP through failures; knows nothing of what the file holds.

A broken transfer is kept as `NAME.part`, beside `NAME.part.json` that tells which version of which
address it is a part of, and is resumed from there, by this run or by the next. The file gets its
own name only when it is whole.
"""

import errno
import hashlib
import json
import os
import re
import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from tqdm import tqdm

from ..runtime.errors import UserError, shown
from ..runtime.files import read_json

CHUNK = 1 << 14  # bytes; a cut loses at most so many
RETRIED = (408, 425, 429, 500, 502, 503, 504)  # statuses that may pass
HTTP = re.compile(r"https?://[^/]", re.IGNORECASE)
BROKEN = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)


class FetchError(UserError):
    """The file could not be had: a sentence that names the address and the reason."""


class _TransientError(Exception):
    """This attempt failed; another one may do."""


class _RedirectError(ValueError):
    """A redirect that is not followed."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server.

    Attributes:
        connect: seconds for a connection.
        read: seconds without a byte.
        attempts: in a row that bring the file no further.
        pause: seconds before the second attempt, doubled before each further one.
    """

    connect: float = 10.0
    read: float = 30.0
    attempts: int = 5
    pause: float = 1.0


PATIENCE = Patience()


def fetch(
    url: str,
    path: Path,
    *,
    md5: str | None = None,
    limit: int = 1 << 30,
    patience: Patience = PATIENCE,
) -> None:
    """Brings the file at `url` to `path`, unless a file with this `md5` is there already.

    Args:
        url: http or https; redirects are followed, but none from https to http.
        path: takes the place of what was there, when the file is whole.
        md5: sum of the right file, in hex. Without it any file that arrives whole is right.
        limit: bytes at most.
        patience: time-outs, attempts and pauses.

    Raises:
        FetchError: another scheme, no connection, an error status, a connection that keeps
            breaking, more than `limit` bytes, or other bytes than `md5` tells (they are not kept).
        OSError: no space, no permission, or a folder has the file's name.
    """
    if not HTTP.match(url):
        raise FetchError(f"Cannot fetch {public_url(url)}: only http and https addresses will do.")
    if md5 and path.is_file() and file_md5(path) == md5:
        return
    if path.is_dir():  # else this would be found when the file is whole
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    transfer = _Transfer(url, path, md5, limit, patience)
    print(f"Fetching {public_url(url)}", file=sys.stderr)
    failures, furthest = 0, transfer.size()
    while True:
        try:
            transfer.attempt()
            break
        except (requests.RequestException, ValueError, _TransientError) as error:
            reason = _reason(error)
            if _is_final(error):
                raise FetchError(f"Cannot fetch {public_url(url)}: {reason}.") from None
        if transfer.size() > furthest:  # a server that cuts now and then is no hopeless one
            failures, furthest = 0, transfer.size()
        else:
            failures += 1
        if failures >= patience.attempts:
            raise FetchError(
                f"Cannot fetch {public_url(url)}: {reason} (gave up after {failures} attempts)."
            )
        pause = patience.pause * 2 ** max(failures - 1, 0)
        print(f"{reason}; trying again in {pause:g} s", file=sys.stderr)
        time.sleep(pause)
    transfer.finish(path)


def file_md5(path: Path) -> str:
    """In hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, _md5).hexdigest()


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)


class _Session(requests.Session):
    """Follows redirects, unless they give up https, or lead elsewhere than http and https."""

    def get_redirect_target(self, response: requests.Response) -> str | None:
        target: str | None = super().get_redirect_target(response)
        scheme = re.match(r"([a-z][a-z0-9+.-]*):", target or "", re.IGNORECASE)
        allowed = ("https",) if response.url.lower().startswith("https:") else ("http", "https")
        if scheme and scheme[1].lower() not in allowed:
            raise _RedirectError(
                f"it redirects to {public_url(target or '')}, "
                f"but only {' and '.join(allowed)} addresses will do there"
            )
        return target


class _Transfer:
    """The part of a file that is here so far, and attempts at the rest."""

    def __init__(
        self, url: str, path: Path, md5: str | None, limit: int, patience: Patience
    ) -> None:
        self.url, self.md5, self.limit, self.patience = url, md5, limit, patience
        self.part = path.with_name(f"{path.name}.part")
        self.note = path.with_name(f"{path.name}.part.json")

    def size(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def discard(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def finish(self, path: Path) -> None:
        self.part.replace(path)
        self.note.unlink(missing_ok=True)

    def attempt(self) -> None:
        """One request; returns when the part is the whole, right file."""
        validator = self._validator()
        if validator is None:
            self.discard()
        start = self.size()
        headers = {"Accept-Encoding": "identity"}
        if start and validator:
            headers |= {"Range": f"bytes={start}-", "If-Range": validator}
        times = (self.patience.connect, self.patience.read)
        with (
            _Session() as session,
            session.get(self.url, headers=headers, stream=True, timeout=times) as response,
        ):
            start = self._check_status(response, start)
            self._receive(response, start)
        if self.md5 and (found := file_md5(self.part)) != self.md5:
            self.discard()
            if start:  # perhaps the kept part was wrong: try once from the beginning
                raise _TransientError("the resumed transfer gave wrong bytes")
            raise FetchError(
                f"Cannot use what {public_url(self.url)} sends: "
                f"its MD5 sum is {found} instead of {self.md5}, so it is not the right file."
            )

    def _validator(self) -> str | None:
        """What the server called the version that the part belongs to."""
        try:
            note = read_json(self.note)
            validator = note["validator"] if note["url"] == self.url else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return validator if isinstance(validator, str) else None

    def _check_status(self, response: requests.Response, start: int) -> int:
        """The byte at which the response begins; raises for a status that has no file."""
        status = response.status_code
        answer = f"the server answers {status} {shown(response.reason or '', 60)}".rstrip()
        if status == 206:
            if (first := _first_byte(response)) == start:
                return start
            self.discard()
            raise _TransientError(f"the server sent bytes from {first} instead of {start}")
        if status == 416:  # the file is shorter now, or the part was whole but unchecked
            self.discard()
            raise _TransientError("the server cannot resume")
        if status in RETRIED:
            raise _TransientError(answer)
        if status != 200:
            raise FetchError(f"Cannot fetch {public_url(self.url)}: {answer}.")
        self.discard()
        note = json.dumps({"url": self.url, "validator": _read_validator(response)})
        with _named(self.note):
            self.note.write_text(note)  # half of it counts as none
        return 0

    def _receive(self, response: requests.Response, start: int) -> None:
        # Some servers declare the archive's own gzip as the transfer's: keep the bytes as sent.
        response.raw.headers.pop("Content-Encoding", None)
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        if total is not None and total > self.limit:
            raise self._too_large()
        with (
            self.part.open("ab") as stream,
            tqdm(
                desc=self.part.stem, initial=start, total=total, unit="B", unit_scale=True,
                disable=None,  # shown on a terminal only
            ) as bar,
        ):  # fmt: skip
            for chunk in response.iter_content(CHUNK):
                if stream.tell() + len(chunk) > self.limit:
                    break
                with _named(self.part):
                    stream.write(chunk)
                    stream.flush()
                bar.update(len(chunk))
            else:
                if total is not None and stream.tell() != total:
                    raise _TransientError("the connection was cut")
                return
        raise self._too_large()

    def _too_large(self) -> FetchError:
        self.discard()
        return FetchError(
            f"Cannot use what {public_url(self.url)} sends: it is larger than {self.limit} bytes."
        )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Lets a failure to write tell the file."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def _read_validator(response: requests.Response) -> str | None:
    """The strong ETag, else the date of the last change (RFC 9110, 13.1.5)."""
    etag = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    return response.headers.get("Last-Modified")


def _first_byte(response: requests.Response) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _is_final(error: Exception) -> bool:
    """Whether another attempt would fail as well: an address or a certificate that leads nowhere.

    The libraries below raise ValueError for their part of an address.
    """
    if isinstance(error, requests.exceptions.SSLError):
        return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))
    return isinstance(error, ValueError | requests.exceptions.TooManyRedirects)


def _causes(error: BaseException) -> Iterator[BaseException]:
    while error.__context__ is not None:
        error = error.__context__
        yield error


def _reason(error: BaseException) -> str:
    """What went wrong, in the operating system's words where it has some."""
    if not isinstance(error, requests.RequestException):
        return str(error) if isinstance(error, _TransientError | _RedirectError) else _said(error)
    proxy = "the proxy fails: " if isinstance(error, requests.exceptions.ProxyError) else ""
    for cause in _causes(error):
        if isinstance(cause, TimeoutError):
            return f"{proxy}no answer in time"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({_said(cause.verify_message)})"
        if isinstance(cause, OSError) and cause.strerror:
            return f"{proxy}{cause.strerror.lower()}"
    return f"{proxy}the connection was cut" if isinstance(error, BROKEN) else _said(error)


def _said(error: object) -> str:
    """A library's words, which may quote the address."""
    return public_url(str(error)).rstrip(".")


def public_url(url: str) -> str:
    """As a sentence may quote it: without the user name and password that it may hold, and cut."""
    return shown(re.sub(r"(?<=://)[^/?#]*@", "", url))
