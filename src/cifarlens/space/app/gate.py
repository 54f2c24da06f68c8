"""Refuses requests before Gradio sees them, and gives every refusal a sentence.

Gradio serves many addresses that this page does not use: a proxy, an editor, a login, a converter
of recordings. Only those in `ROUTES` are passed on. Values are checked in page/components.py, where
all endpoints meet.
"""

import json
import re
import traceback
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import route_utils, routes
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .limits import MAX_UPLOAD_BYTES, UPLOAD, RefusedError, limit_body, route_path

API = "/gradio_api"
FILE, STREAM = f"{API}/file=", f"{API}/queue/data"
ROUTES = {
    "GET": re.compile(
        r"/?|/config/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json"
        r"|/(?:static|assets|svelte)/.+"
        rf"|{API}/(?:info/?|app_id/?|theme\.css|startup-events|upload_progress"
        r"|file=(?!http).+"  # Gradio fetches an address
        r"|queue/(?:data|status)|heartbeat/[^/]+|call/(?:v2/)?[^/]+/(?P<event>[^/]+))"
    ),
    "POST": re.compile(
        rf"{API}/(?:upload|cancel|reset/?"
        r"|(?P<call>queue/join|(?:call|(?P<named>call/v2)|run)/(?P<name>[^/]+)/?))"
    ),
}
MAX_ADDRESS = 2000  # bytes of a path or a query
MAX_SESSION = 100  # characters of a session's name, which Gradio keeps
MAX_UNREAD = 100  # answers of one session
MAX_MESSAGES = 2000  # of one session that wait to be read: answers, and the steps to them
MAX_UPLOADS = 1000  # whose progress Gradio remembers; it forgets none by itself
MAX_DEPTH = 10  # levels of lists and dictionaries in a body
MAX_FILES = 100  # in one upload; Gradio holds all of them open

BODY = 'Send JSON like {"data": [value, ...]} with the content type application/json.'
FORM = f"Send at most {MAX_FILES} files as multipart/form-data, in fields named “files” alone."
WORDS = {
    400: f"The request could not be understood. {BODY}",
    403: "Nothing at this address may be read.",
    404: "There is nothing at this address. The page is at /, and About on it lists the endpoints.",
    405: "This address does not accept this method.",
    413: f"A file is larger than 10 MB, or all files together are larger than"
    f" {MAX_UPLOAD_BYTES // 10**6} MB. Upload smaller or fewer ones.",
    503: "The queue is full. Try again in a minute.",
}
NO_FILE = "This file does not exist or has expired (files are kept for about an hour)."
FAILED = "The server could not process this request. Compare its values with About on the page."


class Gate:
    """Checks requests and words refusals, as ASGI middleware; answers /healthz itself."""

    def __init__(self, app: ASGIApp, blocks: gr.Blocks) -> None:
        self.app = app
        self.blocks = blocks
        route_utils.GradioMultiPartParser = PictureForm  # type: ignore[misc]  # mypy forbids to replace a class

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = route_path(scope)
        if path == "/healthz":
            await JSONResponse({"status": "ok"})(scope, receive, send)
            return
        answer = _Answer(path, scope, receive, send)
        try:
            receive = await self._check(path, Request(scope, limit_body(path, scope, receive)))
            await self.app(scope, receive, answer.send)
        except ClientDisconnect:
            pass
        except RefusedError as error:
            await answer.refuse(error.status, str(error))
        except Exception as error:
            if "/call/v2/" in path and isinstance(error, TypeError | KeyError):  # names of values
                await answer.refuse(400, FAILED)
                return
            traceback.print_exc()
            await answer.refuse(500, FAILED)

    async def _check(self, path: str, request: Request) -> Receive:
        """Returns the `receive` to pass on; raises RefusedError."""
        if len(request.url.path) > MAX_ADDRESS or len(request.scope["query_string"]) > MAX_ADDRESS:
            raise RefusedError(414, f"The address is longer than {MAX_ADDRESS} characters.")
        found = {name: match for name, r in ROUTES.items() if (match := r.fullmatch(path))}
        method = "GET" if request.method == "HEAD" else request.method
        if not found:
            raise RefusedError(404, WORDS[404])
        if method not in found:
            raise RefusedError(405, f"{WORDS[405][:-1]}; use {' or '.join(found)}.")
        groups = found[method].groupdict()
        if (event := groups.get("event")) and not self._awaits(event):
            raise RefusedError(404, "No request has this event_id, or its answer was already read.")
        session = request.query_params.get("session_hash", "")
        if path == STREAM and session not in self.blocks._queue.pending_messages_per_session:
            raise RefusedError(404, "No answers wait for this session_hash.")
        if len(request.query_params.get("upload_id", "")) > MAX_SESSION:
            raise RefusedError(400, f"The upload_id has more than {MAX_SESSION} characters.")
        if method == "GET" or path == UPLOAD:
            _forget_uploads()
            return request.receive
        content = await request.body()
        self._check_body(content, groups)
        return _replay(content, request.receive)

    def _awaits(self, event: str) -> bool:
        queue = self.blocks._queue
        return event in queue.event_ids_to_events or any(
            event in events for events in queue.pending_event_ids_session.values()
        )

    def _check_body(self, content: bytes, groups: dict[str, str | None]) -> None:
        try:
            body = json.loads(content)
            json.dumps(body, ensure_ascii=False).encode()  # fails for half a surrogate pair
        except (ValueError, RecursionError):
            raise RefusedError(400, f"The body is not JSON. {BODY}") from None
        if not isinstance(body, dict) or _depth_exceeds(body, MAX_DEPTH):
            raise RefusedError(400, WORDS[400])
        session = body.get("session_hash")
        if session is not None and not (isinstance(session, str) and len(session) <= MAX_SESSION):
            raise RefusedError(400, f"session_hash must be text of at most {MAX_SESSION} letters.")
        mailbox = self.blocks._queue.pending_messages_per_session.get(session or "")
        if mailbox and mailbox.qsize() >= MAX_MESSAGES:
            raise RefusedError(429, "Read the answers to your last requests first.")
        if not groups["call"]:
            return
        name = groups["name"]
        if name is None and not session:
            raise RefusedError(400, "session_hash is missing. Send any text of your own.")
        if not groups["named"] and not isinstance(body.get("data"), list):
            raise RefusedError(400, f"The list “data” is missing. {BODY}")
        functions = self.blocks.fns
        names = {function.api_name for function in functions.values()}
        index = body.get("fn_index")
        known = name in names if index is None else isinstance(index, int) and index in functions
        if not known:
            public = [fn.api_name for fn in functions.values() if fn.api_visibility == "public"]
            raise RefusedError(
                404,
                f"This endpoint does not exist. The endpoints are {', '.join(map(str, public))}.",
            )
        unread = self.blocks._queue.pending_event_ids_session.get(session or "", ())
        if len(unread) >= MAX_UNREAD:
            raise RefusedError(429, f"Read the answers to your {MAX_UNREAD} last requests first.")


class _Answer:
    """Passes an answer on, unless it is an error, which gets a sentence instead."""

    def __init__(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        self.path, self.scope, self.receive, self._send = path, scope, receive, send
        self.status = 0
        self.body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        if self.status < 400:
            await self._send(message)
            return
        self.body += message.get("body", b"")
        if message["type"] == "http.response.body" and not message.get("more_body"):
            status, self.status = self.status, 0
            await self.refuse(*self._reword(status))

    def _reword(self, status: int) -> tuple[int, str]:
        if status == 500 and self.path.startswith(f"{API}/run/"):  # Gradio's answer to bad input
            return 400, _error_of(self.body) or FAILED
        if status in (403, 404) and self.path.startswith(FILE):
            return 404, NO_FILE
        if status in (400, 422):  # gradio_client takes 422 for a list
            return 400, FORM if self.path == UPLOAD else WORDS[400]
        return status, WORDS.get(status, FAILED)

    async def refuse(self, status: int, text: str) -> None:
        if self.status:  # part of the answer is sent
            return
        response: Response
        if self.path == UPLOAD:  # the page shows the text as it is
            response = PlainTextResponse(text, status)
        else:
            response = JSONResponse({"detail": text, "error": text}, status)
        await response(self.scope, self.receive, self._send)


def _forget_uploads() -> None:
    progress = routes.file_upload_statuses
    while len(progress._signals) > MAX_UPLOADS:
        oldest = next(iter(progress._signals))
        del progress._signals[oldest]
        progress.stop_tracking(oldest)


def _replay(content: bytes, receive: Receive) -> Receive:
    """Returns a `receive` that gives `content` first."""
    messages: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        containers = (item for item in level if isinstance(item, list | dict))
        level = [
            inner
            for item in containers
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return bool(level)


def _error_of(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"] or "")
    except (ValueError, LookupError, TypeError):
        return ""


class PictureForm(route_utils.GradioMultiPartParser):
    """Reads nothing but files, and leaves none of them behind if it fails.

    Gradio reads other fields into memory, and leaves the files of an upload that breaks off.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "max_files": MAX_FILES, "max_fields": 0})

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        if self._current_part.field_name != "files":
            raise MultiPartException(FORM)

    async def parse(self) -> Any:
        try:
            return await super().parse()
        except BaseException:
            for file in self._files_to_close_on_error:
                file.close()
                Path(file.name).unlink(missing_ok=True)
            raise
