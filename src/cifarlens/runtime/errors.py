"""The one kind of failure that is the user's to mend."""


class UserError(Exception):
    """A mistake in what the user gave: parameters, files, environment or network.

    The message is one sentence for the user: it names the value, what is allowed and what to do.
    """


def shown(text: str, limit: int = 200) -> str:
    """`text` as a sentence may quote it: on one line, and cut after `limit` characters."""
    line = "".join(char if char.isprintable() else "?" for char in text[: limit + 1])
    return line if len(line) <= limit else line[:limit] + "…"
