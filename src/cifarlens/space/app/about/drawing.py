"""Draws a network: a box for each step from the picture to the classes.

A box is as wide as the step's output, and higher the more channels the output has.
"""

from dataclasses import dataclass
from math import log2

from torch import nn

from ....classifier.bundle import Bundle
from ....classifier.networks import BasicBlock, PooledResidual, layer_sizes
from ....display.formats import shape
from ..page.html import escape
from .section import plain, table

CHANNEL_HEIGHT = 4  # pixels for each doubling of the channels


@dataclass(frozen=True)
class Step:
    """Describes a step of the network.

    Attributes:
        name: name of the layer, or of what goes in or comes out.
        output: size of the output in words.
        parameters: number of parameters.
        residual: whether the step adds its input to its output, around some of its layers.
        width: width of the output compared with the picture, 0 to 1.
        channels: number of channels of the output.
    """

    name: str
    output: str
    parameters: int
    residual: bool
    width: float
    channels: int

    @property
    def note(self) -> str:
        """Returns the number of parameters in words, and whether the step is residual."""
        residual = ", residual" if self.residual else ""
        return f"{self.parameters:,} parameters{residual}" if self.parameters else "no parameters"


def draw_network(bundle: Bundle) -> str:
    """Returns the network as an HTML list of boxes."""
    items = (
        f'<li class="{"residual" if step.residual else ""}"><i style="--width: {step.width:.3f};'
        f' --height: {CHANNEL_HEIGHT * log2(step.channels):.0f}px"></i>'
        f"<p><b>{escape(step.name)}</b> {step.output}<small>{step.note}</small></p></li>"
        for step in _steps(bundle)
    )
    return f'<ol class="network" aria-label="The steps of the network">{"".join(items)}</ol>'


def tabulate_network(bundle: Bundle) -> str:
    """Returns the network as a Markdown table."""
    rows = [[plain(step.name), step.output, step.note] for step in _steps(bundle)]
    return table(["step", "output", "contains"], rows)


def _steps(bundle: Bundle) -> list[Step]:
    network, side = bundle.network, bundle.config.image_size
    classes = len(bundle.config.classes)
    steps = [Step("picture", shape((3, side, side)), 0, False, 1.0, 3)]
    for name, size in layer_sizes(network, side).items():
        layer = network.features.get_submodule(name)
        residual = any(isinstance(part, BasicBlock | PooledResidual) for part in layer.modules())
        width = size[2] / side
        steps.append(Step(name, shape(size), _parameters(layer), residual, width, size[0]))
    head = Step("head", f"{classes} classes", _parameters(network.head), False, 1 / side, classes)
    return [*steps, head]


def _parameters(part: nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())
