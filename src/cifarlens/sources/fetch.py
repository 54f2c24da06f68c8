"""Downloads one file over HTTP, with retries and resume. Independent of the file's format.

The retry loop is here because urllib3's Retry does not cover a transfer that breaks in the middle.
A partial download stays as `NAME.part`, with the server's ETag or date in `NAME.version`. The next
attempt or run resumes it.
"""

import re
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from ..runtime.errors import UserError, truncate_for_message
from .proxies import check_proxy, find_proxy

PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds before each retry
TIMEOUT = (10.0, 30.0)  # seconds to connect, and between bytes
CHUNK = 1 << 14  # bytes; a broken transfer loses at most one chunk
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)  # statuses worth a retry


def fetch(url: str, path: Path, advice: str) -> None:
    """Downloads `url` to `path`. The file appears at `path` only when it is complete.

    Args:
        url: http or https. Redirects are followed, except from https to http.
        path: an existing file is replaced.
        advice: what the user can do if the download fails; the end of the error message.

    Raises:
        UserError: another scheme, an error status, no connection, repeated broken transfers, or an
            invalid proxy.
    """
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    print(f"Downloading {public_url(url)}", file=sys.stderr)
    for pause in (*PAUSES, None):
        try:
            _receive(url, part)
            break
        except (requests.RequestException, HTTPError, ValueError) as error:  # ValueError: bad URL
            reason = _reason(error)
            if pause is None or not _is_transient(error):
                through, remedy = _describe_proxy(error, url)
                raise UserError(
                    f"Cannot download {public_url(url)}{through}: {reason}; {remedy}{advice}."
                ) from None
            print(f"{reason}; retrying in {pause:g} s", file=sys.stderr)
            time.sleep(pause)
    part.replace(path)
    part.with_suffix(".version").unlink()


def _receive(url: str, part: Path) -> None:
    """Requests the missing part of the file once."""
    version = part.with_suffix(".version")
    # Ask for the last byte again: a range that starts at the end of a complete file is an error.
    start = max(part.stat().st_size - 1, 0) if part.is_file() and version.is_file() else 0
    request = {"Accept-Encoding": "identity"}
    if start and (validator := version.read_text()):
        request |= {"Range": f"bytes={start}-", "If-Range": validator}
    session = requests.Session()
    session.mount("https://", _Adapter())
    if url.lower().startswith("https:"):
        del session.adapters["http://"]  # refuses redirects to http
    else:
        session.mount("http://", _Adapter())
    with session, session.get(url, headers=request, stream=True, timeout=TIMEOUT) as response:
        response.raise_for_status()
        headers = response.headers
        start = start if response.status_code == 206 else 0
        total = start + int(headers.get("Content-Length", 0)) or None
        try:
            with (
                part.open("ab") as file,
                tqdm(desc=part.stem, initial=start, total=total, unit="B", unit_scale=True,
                     disable=None) as bar,  # only on a terminal
            ):  # fmt: skip
                file.truncate(start)
                version.write_text(headers.get("ETag") or headers.get("Last-Modified", ""))
                for chunk in response.raw.stream(CHUNK, decode_content=False):
                    file.write(chunk)
                    bar.update(len(chunk))
        except OSError as error:
            error.filename = str(part)  # not set when writing fails
            raise


class _Adapter(HTTPAdapter):
    """Chooses and checks the proxy for each request, also after a redirect."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        proxy = find_proxy(str(request.url))
        if proxy:
            check_proxy(proxy)
        options["proxies"] = {"all": proxy.url} if proxy else {}
        return super().send(request, *args, **options)


def _is_transient(error: Exception) -> bool:
    if isinstance(error, requests.HTTPError):
        return error.response.status_code in TRANSIENT
    broken = (requests.ConnectionError, requests.Timeout, HTTPError)
    return isinstance(error, broken) and not isinstance(error, requests.exceptions.SSLError)


def _reason(error: Exception) -> str:
    """Describes the error, in the operating system's words if possible."""
    if isinstance(error, requests.HTTPError):
        phrase = truncate_for_message(error.response.reason, 60)
        return f"the server answered {error.response.status_code} {phrase}"
    cause = error.__context__
    while cause:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, TimeoutError):
            return "the server did not answer in time"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        if isinstance(cause, OSError) and not isinstance(cause, ConnectionError):
            return truncate_for_message(str(cause))  # the proxy's words
        cause = cause.__context__
    if isinstance(error, requests.exceptions.InvalidSchema):
        return "the URL or a redirect is not http or https, or a redirect leads from https to http"
    return "the connection broke" if _is_transient(error) else public_url(str(error)).rstrip(".")


def _describe_proxy(error: Exception, url: str) -> tuple[str, str]:
    """Returns the part of the message that names the proxy, and what to do; empty without one."""
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return "", ""
    request = getattr(error, "request", None)
    proxy = find_proxy(str(request.url) if request else url)
    return (f" through {proxy}", f"correct or unset {proxy.variable}, or ") if proxy else ("", "")


def public_url(text: str) -> str:
    """Removes user name and password from a URL or a text that quotes one; truncates it."""
    return truncate_for_message(re.sub(r"(?<=://)[^/?#]*@", "", text))
