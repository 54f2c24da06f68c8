"""Prepares the section on the network: its drawing, its operations and their totals."""

from collections.abc import Sequence
from typing import Any

from ...classifier.operations import Layer, parts_of
from ...figures.network import network_figure, other_kinds
from ...figures.style import render_svg

ALT_TEXT = "Feature maps from the image to the logits; the table below has the numbers"


def network_section(layers: Sequence[Layer]) -> dict[str, Any]:
    """Returns the values for network.html.j2 from the result of `network_layers`."""
    parts = parts_of(layers)
    return {
        "drawing": render_svg(network_figure(layers), "network", ALT_TEXT),
        "parts": parts,
        "parameters": sum(part.parameters for part in parts),
        "mult_adds": sum(part.mult_adds for part in parts),
        "field": layers[-1].field,
        "others": any(other_kinds(part) for part in parts),
    }
