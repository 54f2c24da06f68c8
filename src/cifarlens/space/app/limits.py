"""Bounds what a request may carry, before Gradio reads it.

Gradio limits each uploaded file, but reads any other body whole, whatever its size. Knows nothing
of what a request asks for.
"""

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOADS = ("/upload", "/gradio_api/upload")  # Gradio has it under both
UPLOAD_BYTES = 220_000_000  # as many files as the page takes at once, each of its largest
BODY_BYTES = 1_000_000  # of all else: values, and names of uploaded files
TOO_LARGE = "The request is too large."


class BodyLimit:
    """ASGI middleware: answers 413 to a body above the limit, told beforehand or not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = UPLOAD_BYTES if _path(scope) in UPLOADS else BODY_BYTES
        if _told(scope) > most:
            await JSONResponse({"detail": TOO_LARGE}, 413)(scope, receive, send)
            return
        counted = 0

        async def bounded() -> Message:
            nonlocal counted
            message = await receive()
            counted += len(message.get("body", b""))
            if counted > most:
                raise HTTPException(413, TOO_LARGE)
            return message

        await self.app(scope, bounded, send)


def _path(scope: Scope) -> str:
    """Below where the app is mounted."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def _told(scope: Scope) -> int:
    """The length that the request's header tells, 0 for none or nonsense."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
