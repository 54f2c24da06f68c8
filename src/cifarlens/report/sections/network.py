"""The report's section on the network: its drawing, its layers and what they come to."""

from collections.abc import Sequence
from typing import Any

from ...classifier.operations import Layer, parts_of
from ...figures.network import network_figure, other_kinds
from ...figures.style import render_svg

OPEN = 40  # layers that the table shows without being asked


def network_section(layers: Sequence[Layer]) -> dict[str, Any]:
    """What network.html.j2 shows of the layers that `network_layers` gives."""
    parts = parts_of(layers)
    label = "Feature maps from the image to the logits; the table below holds the numbers"
    return {
        "drawing": render_svg(network_figure(layers), "network", label),
        "parts": parts,
        "parameters": sum(part.parameters for part in parts),
        "mult_adds": sum(part.mult_adds for part in parts),
        "field": layers[-1].field,
        "open": len(layers) <= OPEN,
        "others": any(other_kinds(part) for part in parts),
    }
