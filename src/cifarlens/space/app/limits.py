"""Limits the size of request bodies before Gradio reads them.

Gradio limits each uploaded file, but reads any other body into memory, however large. This module
does not interpret requests.
"""

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD_PATHS = ("/upload", "/gradio_api/upload")  # Gradio serves both
MAX_UPLOAD_BYTES = 220_000_000  # as many files as the page takes at once, each at its largest
MAX_BODY_BYTES = 1_000_000  # other requests: values and names of uploaded files


class BodyLimit:
    """Answers 413, as ASGI middleware, if a body exceeds its limit, declared or not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = MAX_UPLOAD_BYTES if _path(scope) in UPLOAD_PATHS else MAX_BODY_BYTES
        refusal = (
            f"The request is larger than {limit // 10**6} MB, the limit here. Upload pictures as"
            " files, fewer or smaller ones."
        )
        if _declared_length(scope) > limit:
            await JSONResponse({"detail": refusal}, 413)(scope, receive, send)
            return
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, refusal)
            return message

        await self.app(scope, bounded, send)


def _path(scope: Scope) -> str:
    """Returns the path relative to where the app is mounted."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def _declared_length(scope: Scope) -> int:
    """Returns the request's Content-Length, or 0 if it is missing or not a number."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
