"""Lists the sections of the report.

A new section needs a module in this folder, a template and an entry in `SECTIONS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...explanation.explain import Explanations
from ..run import Run
from .calibration import calibration_section
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
    """Describes a section of the page.

    Attributes:
        name: name of the template, id in the page, and name of the values in every template.
        link: text of the link in the navigation.
        values: function that returns the variables of the template.
    """

    name: str
    link: str
    values: Callable[[Run, Explanations], Mapping[str, Any]]


# In the order of the page.
SECTIONS = (
    Section("glance", "cifarlens", glance_section),
    Section("errors", "Errors", lambda run, maps: error_section(run)),
    Section("calibration", "Calibration", lambda run, maps: calibration_section(run)),
    Section("explanations", "Grad-CAM", lambda run, maps: explanation_section(maps)),
    Section("trust", "Trust", lambda run, maps: trust_section(maps)),
    Section("training", "Training", lambda run, maps: training_section(run)),
    Section("finder", "Learning rate", lambda run, maps: finder_section(run)),
    Section("data", "Data", lambda run, maps: data_section(run)),
    Section("network", "Network", lambda run, maps: network_section(run.layers)),
)
