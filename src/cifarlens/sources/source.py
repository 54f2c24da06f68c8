"""Defines what the pipeline, the report and the Space need to know about a data source."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..dataset.arrays import Dataset


@dataclass(frozen=True)
class FolderOptions:
    """Holds the parameters of the section `data` that only the source `folder` reads.

    Attributes:
        folder: path of the folder.
        fit: how a picture becomes a square.
        test_share: share of the images for testing, if the folder does not divide them.
        skip_bad: whether unusable pictures are left out.
    """

    folder: str
    fit: Literal["crop", "pad"]
    test_share: float
    skip_bad: bool


@dataclass(frozen=True)
class DataSource:
    """Describes a dataset that `data.source` can name.

    Attributes:
        title: name of the dataset in the report and the Space.
        link: its web page, for the Space, or None.
        about: contents and authors, in Markdown, for the Space.
        licence: a sentence on what the authors allow, for the Space; empty if it is not known.
        goal: test accuracy to reach, 0 to 1, for the report, or None.
        load: returns the dataset. It imports its libraries itself, because every stage imports all
            sources (through params.py), but only `download` loads one.
        hub_id: USER/NAME of the same dataset on the Hugging Face Hub, or None if it is not there;
            the Space and the model card link to it.
        variable: environment variable that names another place to load it from; empty without one.
    """

    title: str
    link: str | None
    about: str
    licence: str
    goal: float | None
    load: Callable[[FolderOptions], Dataset]
    hub_id: str | None = None
    variable: str = ""
