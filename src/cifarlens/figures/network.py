"""The network as a drawing: a block for each convolution's feature map, an arc for each sum."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon

from ..classifier.operations import HEAD, Layer, Part, parts_of
from .style import BLUE, GREEN, GRID, INK, MUTED, ORANGE, PAPER, VERMILION, new_figure, styled

Point = tuple[float, float]

WIDTH, HEIGHT = 11.0, 4.0  # inches
TALL = 2.0  # of the largest feature map, in units of the drawing
SLANT = 0.32  # of a block's height, how far its back lies to the right and up
LENGTH = 16.0  # of the whole drawing, units
FLOOR = -0.95  # where the lines of names begin
NEAR = 0.06  # between arrows and blocks
LOOSE, TIGHT = 0.4, 0.09  # between two blocks


@dataclass
class _Block:
    """A feature map: channels, height and width after its convolution, pooling, norm and ReLU."""

    part: str
    shape: tuple[int, ...]
    left: float = 0.0
    thick: float = 0.0
    tall: float = 0.0
    skips: list[int] = field(default_factory=list)  # blocks that are added to it

    @property
    def back(self) -> float:
        """How far its back lies to the right of its front, and above."""
        return SLANT * self.tall if len(self.shape) == 3 else 0.0

    @property
    def low(self) -> float:
        return (TALL - self.tall) / 2

    @property
    def right(self) -> float:
        return self.left + self.thick + self.back

    @property
    def top(self) -> tuple[float, float]:
        """The middle of its upper face, a little above."""
        return (self.left + self.right) / 2, self.low + self.tall + self.back + NEAR


def network_figure(layers: Sequence[Layer]) -> Figure:
    """Feature maps from the image to the logits, as `network_layers` gives them.

    A block's height is its map's side, its thickness grows with the logarithm of its channels.
    """
    blocks = _blocks(layers)
    _place(blocks)
    with styled():
        figure = new_figure(WIDTH, HEIGHT)
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_aspect("equal")
        for block in blocks:
            _draw(axes, block)
            for start in block.skips:
                _arc(axes, blocks[start], block)
        for one, other in pairwise(blocks):
            _arrow(axes, one, other)
        for (_, shape), same in groupby(blocks, lambda block: (block.part, block.shape)):
            alike = list(same)
            middle = (alike[0].left + alike[-1].right) / 2
            _write(axes, middle, 0, "×".join(map(str, shape)), color=INK)
        for part in parts_of(layers):
            _name(axes, part, [block for block in blocks if block.part == part.name])
        _write(axes, 0, 3, "parameters", ha="left")
        _write(axes, 0, 4, "sees, pixels", ha="left")
        axes.set_xlim(-0.3, LENGTH + 0.3)
        axes.set_ylim(FLOOR - 1.4, TALL + 1.5)
    return figure


def _blocks(layers: Sequence[Layer]) -> list[_Block]:
    """The image, a block for each convolution wider than a pixel, and the head's two vectors.

    A 1×1 convolution lies on a shortcut: it and its norm belong to the arc.
    """
    blocks = [_Block("", layers[0].inputs)]
    drawn: list[int | None] = []  # the block of each row, None on a shortcut
    for layer in layers:
        before = [drawn[source] for source in layer.sources]
        last = max((block for block in before if block is not None), default=0)
        if layer.kernel == (1, 1) or (before and set(before) == {None}):
            drawn.append(None)
            continue
        enters_head = layer.part == HEAD and blocks[last].part != HEAD
        if layer.kind in ("Conv2d", "Linear") or enters_head:
            blocks.append(_Block(layer.part, layer.outputs))
            last = len(blocks) - 1
        elif layer.kind == "Add":
            blocks[last].skips.append(_start(layers, layer.sources, drawn, last))
        blocks[last].shape = layer.outputs
        drawn.append(last)
    return blocks


def _start(
    layers: Sequence[Layer], sources: Sequence[int], drawn: Sequence[int | None], end: int
) -> int:
    """The block where the shortcut into a sum begins, back over what lies on it."""
    for source in sources:
        row = source
        while drawn[row] is None:
            row = layers[row].sources[0]
        if (block := drawn[row]) is not None and block != end:
            return block
    return 0


def _place(blocks: Sequence[_Block]) -> None:
    """Sizes, and places from left to right that fill the drawing's length.

    Where many blocks leave no room, those of a part become thin and stand one before the other.
    """
    largest = max(block.shape[-1] for block in blocks if len(block.shape) == 3)
    for block in blocks:
        block.thick, block.tall = 0.05 + 0.055 * math.log2(1 + block.shape[0]), TALL
        if len(block.shape) == 3:
            block.tall = max(0.16, TALL * (block.shape[-1] / largest) ** 0.75)
        else:
            block.tall, block.thick = 0.3 + 0.1 * math.log2(1 + block.shape[0]), 0.16
    pairs = list(pairwise(blocks))
    room = LENGTH - sum(block.thick for block in blocks) - sum(one.back for one, _ in pairs)
    if room / len(pairs) >= LOOSE:
        gaps = [one.back + room / len(pairs) for one, _ in pairs]
    else:
        apart = [one.part != other.part or one.part == HEAD for one, other in pairs]
        gaps = [
            one.back + LOOSE if far else TIGHT for (one, _), far in zip(pairs, apart, strict=True)
        ]
        squeeze = (LENGTH - sum(gaps)) / sum(block.thick for block in blocks)
        for block in blocks:
            block.thick *= squeeze
    for (one, other), gap in zip(pairs, gaps, strict=True):
        other.left = one.left + one.thick + gap


def _draw(axes: Axes, block: _Block) -> None:
    """Front, top and side of a block, its middle at half the height of all."""
    colour = ORANGE if not block.part else GREEN if block.part == HEAD else BLUE
    left, right, low, back = block.left, block.left + block.thick, block.low, block.back
    high = low + block.tall
    faces = {
        0.95: [(left, low), (right, low), (right, high), (left, high)],
        0.35: [
            (left, high),
            (right, high),
            (right + back, high + back),
            (left + back, high + back),
        ],
        0.6: [(right, low), (right + back, low + back), (right + back, high + back), (right, high)],
    }
    for alpha, corners in faces.items():
        axes.add_patch(Polygon(corners, facecolor=PAPER, edgecolor=PAPER, linewidth=1))
        axes.add_patch(Polygon(corners, facecolor=colour, alpha=alpha, linewidth=0))


def _arrow(axes: Axes, one: _Block, other: _Block) -> None:
    if other.left - one.right > 4 * NEAR:
        ends = (one.right + NEAR, TALL / 2), (other.left - NEAR, TALL / 2)
        axes.add_patch(_curve(ends, 0, MUTED, 1.0))


def _arc(axes: Axes, one: _Block, other: _Block) -> None:
    """From one block over those between to the other, to which it is added."""
    axes.add_patch(_curve((one.top, other.top), -0.5, VERMILION, 1.6))


def _curve(ends: tuple[Point, Point], bend: float, colour: str, width: float) -> FancyArrowPatch:
    return FancyArrowPatch(
        *ends,
        arrowstyle="-|>",
        connectionstyle=f"arc3,rad={bend}",
        mutation_scale=6 + 2 * width,
        color=colour,
        linewidth=width,
        shrinkA=0,
        shrinkB=0,
    )


def _name(axes: Axes, part: Part, blocks: Sequence[_Block]) -> None:
    """Name, parameters and receptive field of a part, under a line as long as its blocks."""
    left, right = blocks[0].left, blocks[-1].right
    axes.plot([left, right], [FLOOR, FLOOR], color=GRID, linewidth=3, solid_capstyle="butt")
    middle = (left + right) / 2
    _write(axes, middle, 2, part.name, color=INK, fontsize=11, fontweight="bold")
    _write(axes, middle, 3, f"{part.parameters:,}")
    _write(axes, middle, 4, f"{part.field}×{part.field}")


def _write(axes: Axes, x: float, line: int, text: str, **look: Any) -> None:
    y = FLOOR + 0.4 - 0.38 * line
    axes.text(x, y, text, **{"ha": "center", "va": "center", "color": MUTED, "fontsize": 9, **look})
