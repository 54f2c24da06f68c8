from gradio.queueing import EventMessage
from gradio.server_messages import ProcessCompletedMessage

from cifarlens.space.app.gate import FAILED
from cifarlens.space.app.mailboxes import MAX_SESSIONS, MAX_UNREAD_BYTES, NOT_READ, Mailboxes


def answer(size: int) -> EventMessage:
    return ProcessCompletedMessage(output={"data": ["x" * size]}, success=True)


def test_the_oldest_unread_answers_are_emptied_and_say_so():
    boxes = Mailboxes({})
    for session in "abc":
        boxes[session] = None
        boxes[session].put_nowait(answer(MAX_UNREAD_BYTES // 2 - 2000))
    assert boxes["a"].get_nowait().output == {"error": NOT_READ}
    assert boxes["c"].get_nowait().success
    boxes["c"].put_nowait(answer(MAX_UNREAD_BYTES // 4))  # what was read no longer counts
    assert boxes["b"].get_nowait().success


def test_the_sessions_used_last_are_kept_and_a_forgotten_one_raises_nothing():
    events = {"first": {"x"}, "second": {"y"}}
    boxes = Mailboxes(events)
    for session in ("first", "second"):
        boxes[session] = None
    for number in range(MAX_SESSIONS - 1):
        boxes["first"].put_nowait(answer(1))
        boxes[str(number)] = None
    assert len(boxes) == MAX_SESSIONS
    assert "second" not in boxes
    assert events == {"first": {"x"}}
    boxes["second"].put_nowait(answer(1))


def test_an_error_without_words_gets_some():
    boxes = Mailboxes({})
    boxes["a"] = None
    boxes["a"].put_nowait(ProcessCompletedMessage(output={"error": None}, success=False))
    assert boxes["a"].get_nowait().output["error"] == FAILED
