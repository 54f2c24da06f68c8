"""The sections of the report. A new one is a module here, its template and a line below."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...explanation.explain import Explanations
from ..run import Run
from .data import data_section
from .errors import error_section
from .explanations import explanation_section
from .finder import finder_section
from .glance import glance_section
from .network import network_section
from .training import training_section
from .trust import trust_section


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: of its template, of its id in the page, and of its values in every template.
        link: its name in the navigation.
        values: what the template shows.
    """

    name: str
    link: str
    values: Callable[[Run, Explanations], Mapping[str, Any]]


# In the order of the page. The first one stands at its top, where the navigation's brand leads.
SECTIONS = (
    Section("glance", "cifarlens", lambda run, maps: glance_section(run)),
    Section("training", "Training", lambda run, maps: training_section(run)),
    Section("finder", "Learning rate", lambda run, maps: finder_section(run)),
    Section("data", "Data", lambda run, maps: data_section(run)),
    Section("network", "Network", lambda run, maps: network_section(run.layers)),
    Section("errors", "Errors", lambda run, maps: error_section(run)),
    Section("explanations", "Grad-CAM", lambda run, maps: explanation_section(maps)),
    Section("trust", "Trust", lambda run, maps: trust_section(maps)),
)
