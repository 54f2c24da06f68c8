"""Cases that test_abuse.py cannot send over HTTP."""

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from cifarlens.space.app.choices import MAX_FILES
from cifarlens.space.app.limits import MAX_BODY_BYTES, MAX_UPLOAD_BYTES, RefusedError, limit_body
from cifarlens.space.app.server import UPLOAD_LIMIT


async def count(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        body = await Request(scope, limit_body(scope["path"], scope, receive)).body()
        answer = Response(str(len(body)))
    except RefusedError as error:
        answer = Response(str(error), error.status)
    await answer(scope, receive, send)


CLIENT = TestClient(count)


def post(path: str, content: bytes, length: bytes) -> tuple[int, str]:
    """Returns status and body of the answer to a request that declares a length."""
    answer = CLIENT.post(path, content=content, headers={b"content-length": length})
    return answer.status_code, answer.text


@pytest.mark.parametrize("length", [b"1", b"many", b"-1"])
def test_a_body_with_a_false_length_is_counted(length):
    limit = b"x" * MAX_BODY_BYTES
    assert post("/call/classify", limit, length) == (200, str(MAX_BODY_BYTES))
    assert post("/call/classify", limit + b"y", length)[0] == 413


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/gradio_api/upload", MAX_UPLOAD_BYTES),
        ("/gradio_api/call/upload", MAX_BODY_BYTES),  # not an upload path
        ("/gradio_api/upload/", MAX_BODY_BYTES),
    ],
)
def test_a_body_that_declares_more_is_refused_unread(path, limit):
    assert post(path, b"", str(limit).encode()) == (200, "0")
    assert post(path, b"", str(limit + 1).encode())[0] == 413


def test_the_page_can_upload_the_maximum_number_of_files():
    assert MAX_FILES * int(UPLOAD_LIMIT.removesuffix("mb")) * 1024**2 <= MAX_UPLOAD_BYTES
