"""Bounds what Gradio's queue keeps for visitors who do not read their answers.

Gradio keeps every answer until it is read, without a limit in bytes, and the names of all sessions.
"""

import asyncio
import sys
from collections import OrderedDict
from typing import Any

from gradio.queueing import Queue
from gradio.server_messages import EventMessage, ProcessCompletedMessage

from .gate import FAILED

MAX_SESSIONS = 1000
MAX_UNREAD_BYTES = 50_000_000  # of all answers that wait to be read
NOT_READ = "The answer was not read in time. Send the request again."


class Mailbox(asyncio.Queue[EventMessage]):
    """Holds the messages for one session. Every refusal in them has a sentence."""

    def __init__(self, unread: "Unread") -> None:
        super().__init__()
        self.unread = unread

    def _put(self, message: EventMessage) -> None:
        super()._put(message)
        if isinstance(message, ProcessCompletedMessage):
            if not message.success:
                message.output["error"] = message.output.get("error") or FAILED
            self.unread.add(message)

    def _get(self) -> EventMessage:
        message: EventMessage = super()._get()
        self.unread.remove(message)
        return message


class Unread:
    """Knows the answers that were not read yet; empties the oldest if there are too many."""

    def __init__(self) -> None:
        self.bytes = 0
        self.answers: dict[int, tuple[ProcessCompletedMessage, int]] = {}

    def add(self, answer: ProcessCompletedMessage) -> None:
        size = 1000 + sum(sys.getsizeof(value) for value in answer.output.get("data") or ())
        self.answers[id(answer)] = (answer, size)
        self.bytes += size
        while self.bytes > MAX_UNREAD_BYTES:
            oldest, _ = next(iter(self.answers.values()))
            self.remove(oldest)
            oldest.success, oldest.output = False, {"error": NOT_READ}

    def remove(self, message: EventMessage) -> None:
        _, size = self.answers.pop(id(message), (None, 0))
        self.bytes -= size


class Mailboxes(OrderedDict[str, Mailbox]):
    """Holds the mailboxes of the sessions that were used last.

    Args:
        events: the events of each session, of which this forgets the same sessions.
    """

    def __init__(self, events: dict[str, Any]) -> None:
        super().__init__()
        self.events = events
        self.unread = Unread()

    def __setitem__(self, session: str, _: object) -> None:
        super().__setitem__(session, Mailbox(self.unread))
        if len(self) > MAX_SESSIONS:
            oldest = next(iter(self))
            del self[oldest]
            self.events.pop(oldest, None)

    def __getitem__(self, session: str) -> Mailbox:
        if session not in self:  # an error here would stop Gradio's queue for good
            return Mailbox(self.unread)
        self.move_to_end(session)
        return super().__getitem__(session)


def bound(queue: Queue) -> None:
    """Replaces the mailboxes of a queue that has not started."""
    mailboxes = Mailboxes(queue.pending_event_ids_session)
    queue.pending_messages_per_session = mailboxes  # type: ignore[assignment]  # not Gradio's class
