"""Fetches one file over HTTP through failures; knows nothing of what the file holds.

One loop tries again: urllib3's Retry does not see a transfer that breaks in the middle. What has
arrived stays as `NAME.part`, beside `NAME.version` with the server's name for that version of the
file, and the next attempt or run goes on from there.
"""

import re
import ssl
import sys
import time
from pathlib import Path

import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from ..runtime.errors import UserError, shown

PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds before each further attempt
TIMEOUT = (10.0, 30.0)  # seconds without a connection, and without a byte
CHUNK = 1 << 14  # bytes; a cut loses at most so many
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)  # statuses that another attempt may not meet


def fetch(url: str, path: Path, advice: str) -> None:
    """Brings the file at `url` to `path`, which appears when the file is whole.

    Args:
        url: http or https; redirects are followed, but none from https to http.
        path: the file takes the place of what was there.
        advice: what to do if the file cannot be had; the end of the sentence.

    Raises:
        UserError: another scheme, an error status, no connection, or one that keeps breaking.
    """
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    print(f"Fetching {public_url(url)}", file=sys.stderr)
    for pause in (*PAUSES, None):
        try:
            _receive(url, part)
            break
        except (requests.RequestException, HTTPError, ValueError) as error:  # ValueError: addresses
            reason = _reason(error)
            if pause is None or not _is_transient(error):
                raise UserError(f"Cannot fetch {public_url(url)}: {reason}; {advice}.") from None
            print(f"{reason}; trying again in {pause:g} s", file=sys.stderr)
            time.sleep(pause)
    part.replace(path)
    part.with_suffix(".version").unlink()


def _receive(url: str, part: Path) -> None:
    """Asks once for what the part lacks."""
    version = part.with_suffix(".version")
    # A whole part, too, has a byte to ask for: its last.
    start = max(part.stat().st_size - 1, 0) if part.is_file() and version.is_file() else 0
    asked = {"Accept-Encoding": "identity"}
    if start and (validator := version.read_text()):
        asked |= {"Range": f"bytes={start}-", "If-Range": validator}
    session = requests.Session()
    if url.lower().startswith("https:"):
        del session.adapters["http://"]  # refuses a redirect there
    with session, session.get(url, headers=asked, stream=True, timeout=TIMEOUT) as response:
        response.raise_for_status()
        headers = response.headers
        start = start if response.status_code == 206 else 0
        total = start + int(headers.get("Content-Length", 0)) or None
        try:
            with (
                part.open("ab") as file,
                tqdm(desc=part.stem, initial=start, total=total, unit="B", unit_scale=True,
                     disable=None) as bar,  # on a terminal only
            ):  # fmt: skip
                file.truncate(start)
                version.write_text(headers.get("ETag") or headers.get("Last-Modified", ""))
                for chunk in response.raw.stream(CHUNK, decode_content=False):
                    file.write(chunk)
                    bar.update(len(chunk))
        except OSError as error:
            error.filename = str(part)  # a failure to write leaves it out
            raise


def _is_transient(error: Exception) -> bool:
    if isinstance(error, requests.HTTPError):
        return error.response.status_code in TRANSIENT
    broken = (requests.ConnectionError, requests.Timeout, HTTPError)
    return isinstance(error, broken) and not isinstance(error, requests.exceptions.SSLError)


def _reason(error: Exception) -> str:
    """What went wrong, in the operating system's words where it has some."""
    if isinstance(error, requests.HTTPError):
        return f"the server answers {error.response.status_code} {shown(error.response.reason, 60)}"
    proxy = "the proxy fails: " if isinstance(error, requests.exceptions.ProxyError) else ""
    cause = error.__context__
    while cause:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, TimeoutError):
            return f"{proxy}no answer in time"
        if isinstance(cause, OSError) and cause.strerror:
            return f"{proxy}{cause.strerror.lower()}"
        cause = cause.__context__
    if isinstance(error, requests.exceptions.InvalidSchema):
        return "it leads to another scheme than http or https, or from https to http"
    words = "the connection was cut" if _is_transient(error) else public_url(str(error))
    return proxy + words.rstrip(".")


def public_url(text: str) -> str:
    """An address, or words that quote one, without its user name and password, and cut."""
    return shown(re.sub(r"(?<=://)[^/?#]*@", "", text))
