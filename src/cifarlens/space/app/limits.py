"""Limits the size of request bodies before Gradio reads them.

Gradio limits each uploaded file, but reads any other body into memory, however large. This module
does not interpret requests.
"""

from starlette.types import Message, Receive, Scope

UPLOAD = "/gradio_api/upload"
MAX_UPLOAD_BYTES = 220_000_000  # as many files as the page takes at once, each at its largest
MAX_BODY_BYTES = 200_000  # other requests: values and names of uploaded files


class RefusedError(Exception):
    """Reports a refused request: the HTTP status and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def limit_body(path: str, scope: Scope, receive: Receive) -> Receive:
    """Returns a `receive` that raises RefusedError if a body exceeds its limit, declared or not."""
    limit = MAX_UPLOAD_BYTES if path == UPLOAD else MAX_BODY_BYTES
    refusal = RefusedError(
        413,
        f"The request is larger than {limit / 10**6:g} MB, the limit here. Upload pictures as"
        " files, fewer or smaller ones.",
    )
    if _declared_length(scope) > limit:
        raise refusal
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise refusal
        return message

    return bounded


def route_path(scope: Scope) -> str:
    """Returns the path relative to where the app is mounted."""
    path, root = str(scope["path"]), scope.get("root_path", "").rstrip("/")
    return path.removeprefix(root) if path.startswith(f"{root}/") or path == root else path


def _declared_length(scope: Scope) -> int:
    """Returns the request's Content-Length, or 0 if it is missing or not a number."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
