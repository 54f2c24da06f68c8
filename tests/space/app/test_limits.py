import asyncio
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from cifarlens.space.app.limits import BODY_BYTES, UPLOAD_BYTES, BodyLimit
from cifarlens.space.app.page.handlers import MAX_FILES
from cifarlens.space.app.server import UPLOAD_LIMIT


async def count(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads the whole body and answers its length."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message["body"])
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def ask(path: str, chunks: list[bytes], length: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of the answer."""
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


def test_what_is_within_the_limit_passes():
    assert ask("/call/classify", [b"x" * BODY_BYTES]) == (200, str(BODY_BYTES).encode())
    assert ask("/gradio_api/upload", [b"x" * BODY_BYTES] * 3) == (200, b"3000000")


def test_a_length_told_beforehand_is_refused_unread():
    refusal = (413, b'{"detail":"The request is too large."}')
    assert ask("/call/classify", [], str(BODY_BYTES + 1).encode()) == refusal
    assert ask("/upload", [], str(UPLOAD_BYTES + 1).encode()) == refusal


@pytest.mark.parametrize("path", ["/gradio_api/call/upload", "/run/upload", "/gradio_api/upload/"])
def test_what_only_ends_like_an_upload_is_none(path):
    assert ask(path, [], str(BODY_BYTES + 1).encode())[0] == 413


@pytest.mark.parametrize("length", [None, b"1", b"many", b"-1"])
def test_a_length_that_is_a_lie_is_counted(length):
    with pytest.raises(HTTPException) as caught:
        ask("/call/classify", [b"x" * BODY_BYTES, b"y", b"z"], length)
    assert caught.value.status_code == 413


def test_an_upload_may_be_of_as_many_files_as_the_page_takes():
    assert MAX_FILES * int(UPLOAD_LIMIT.removesuffix("mb")) * 1024**2 <= UPLOAD_BYTES
