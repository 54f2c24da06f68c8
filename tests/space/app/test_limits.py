"""Cases that test_abuse.py cannot send over HTTP."""

import asyncio
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from cifarlens.space.app.limits import MAX_BODY_BYTES, MAX_UPLOAD_BYTES, BodyLimit
from cifarlens.space.app.page.handlers import MAX_FILES
from cifarlens.space.app.server import UPLOAD_LIMIT


async def count(scope: Any, receive: Any, send: Any) -> None:
    """An app that reads the whole body and answers its length."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message["body"])
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def ask(path: str, chunks: list[bytes], length: bytes | None = None) -> tuple[int, bytes]:
    """Returns status and body of the answer."""
    headers = [] if length is None else [(b"content-length", length)]
    sent: list[Any] = []
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "headers": headers}
    asyncio.run(BodyLimit(count)(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


def test_a_body_of_exactly_the_limit_passes():
    assert ask("/call/classify", [b"x" * MAX_BODY_BYTES]) == (200, str(MAX_BODY_BYTES).encode())


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/upload", MAX_UPLOAD_BYTES),
        ("/gradio_api/upload", MAX_UPLOAD_BYTES),
        ("/gradio_api/call/upload", MAX_BODY_BYTES),  # not an upload path
        ("/gradio_api/upload/", MAX_BODY_BYTES),
    ],
)
def test_a_body_that_declares_more_is_refused_unread(path, limit):
    assert ask(path, [b""], str(limit).encode())[0] == 200
    assert ask(path, [], str(limit + 1).encode())[0] == 413


@pytest.mark.parametrize("length", [b"1", b"many", b"-1"])
def test_a_body_with_a_false_length_is_counted(length):
    with pytest.raises(HTTPException) as caught:
        ask("/call/classify", [b"x" * MAX_BODY_BYTES, b"y", b"z"], length)
    assert caught.value.status_code == 413


def test_the_page_can_upload_the_maximum_number_of_files():
    assert MAX_FILES * int(UPLOAD_LIMIT.removesuffix("mb")) * 1024**2 <= MAX_UPLOAD_BYTES
