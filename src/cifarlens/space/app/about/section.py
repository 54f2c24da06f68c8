"""Defines a section of the About tab, and writes tables as Markdown."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """Holds a section of the About tab and of the README.

    Attributes:
        text: Markdown with a heading.
        drawing: HTML below the text on the page.
        table: Markdown in the README instead of the drawing.
    """

    text: str
    drawing: str = ""
    table: str = ""

    def page(self) -> str:
        """Returns the section for the page."""
        return "\n\n".join(filter(None, [self.text, self.drawing]))

    def markdown(self) -> str:
        """Returns the section for the README."""
        return "\n\n".join(filter(None, [self.text, self.table]))


def plain(text: str) -> str:
    """Returns text, such as a class name, so that Markdown shows it unchanged.

    Escapes marks of Markdown, and characters that start formulas, emoji, mentions and links.
    """
    return re.sub(r"([\\`*_{}\[\]<>#|~&$:@.])", r"\\\1", text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
