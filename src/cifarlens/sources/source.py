"""What the pipeline, the report and the Space need to know of a source of images."""

from collections.abc import Callable
from dataclasses import dataclass

from ..dataset.arrays import Dataset


@dataclass(frozen=True)
class DataSource:
    """A data set that `data.source` can name.

    Attributes:
        title: as the report and the Space show it.
        link: its page on the web, for the Space.
        about: what it holds and who made it, in Markdown, for the Space.
        licence: a sentence on what its authors allow, for the Space.
        goal: test accuracy to reach, 0 to 1, for the report; None without one.
        load: brings the images. It imports what it needs itself: params.py, and so every stage,
            imports all sources, but only `download` loads one.
    """

    title: str
    link: str
    about: str
    licence: str
    goal: float | None
    load: Callable[[], Dataset]
