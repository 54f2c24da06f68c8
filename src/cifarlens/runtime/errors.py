"""Defines the error that the user can fix, and quotes text in its message."""


class UserError(Exception):
    """Reports a problem with the user's parameters, files, environment or network.

    The message is one line for the user. It names the value, what is allowed and what to do.
    """


def truncate_for_message(text: str, limit: int = 200) -> str:
    """Returns `text` on one line and truncated to `limit` characters, for use in a message."""
    line = "".join(char if char.isprintable() else "?" for char in text[: limit + 1])
    return line if len(line) <= limit else line[:limit] + "…"
