"""Draws a network: a block for each convolution's feature map and an arc for each shortcut.

It works for any network. Operations without a shape of their own are named below their part.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Polygon

from ..classifier.operations import HEAD, Layer, Part, parts_of
from .style import BLUE, GREEN, GRID, INK, MUTED, ORANGE, PAPER, VERMILION, figure_style, new_figure

Point = tuple[float, float]

WIDTH, HEIGHT = 11.0, 4.0  # inches
MAX_PARTS = 12  # parts that fit into that width
TALL = 2.0  # height of the largest feature map, in units of the drawing
SLANT = 0.32  # offset of a block's back to the right and up, relative to its height
LENGTH = 16.0  # of the drawing, units
CEILING = TALL + 1.5  # no arc is higher, units
FLOOR = -0.95  # height of the line above the names, units
NEAR = 0.06  # distance between arrows and blocks, units
LINE = 0.38  # distance between lines of text, units
LETTER = 0.14  # width of a letter, units
LOOSE, TIGHT = 0.4, 0.09  # wide and narrow gap between two blocks, units
MAX_GAPS = 0.75 * LENGTH  # sum of all gaps, units
SIZED = ("Conv2d", "Linear")  # operations that get a block each
UNNAMED = (*SIZED, "MaxPool2d", "AvgPool2d", "BatchNorm2d", "ReLU", "Flatten", "Add")


@dataclass
class _Block:
    """Represents a feature map after its convolution, pooling, normalisation and ReLU.

    Values that do not have the shape channels×height×width are drawn without a back.
    """

    part: str
    shape: tuple[int, ...]
    left: float = 0.0
    thick: float = 0.0
    tall: float = 0.0
    skips: list[int] = field(default_factory=list)  # indices of blocks with an arc to this one

    @property
    def back(self) -> float:
        """Returns the offset of the back from the front, to the right and up."""
        return SLANT * self.tall if len(self.shape) == 3 else 0.0

    @property
    def low(self) -> float:
        """Returns the y coordinate of the lower edge."""
        return (TALL - self.tall) / 2

    @property
    def right(self) -> float:
        """Returns the x coordinate of the right edge, back included."""
        return self.left + self.thick + self.back

    @property
    def top(self) -> Point:
        """Returns the point just above the middle of the upper face."""
        return (self.left + self.right) / 2, self.low + self.tall + self.back + NEAR


def network_figure(layers: Sequence[Layer]) -> Figure:
    """Draws the feature maps from the image to the logits.

    The height of a block grows with the side of its feature map, the thickness with the logarithm
    of its channels.

    Args:
        layers: result of `network_layers`.
    """
    blocks = _blocks(layers)
    _place(blocks)
    parts = parts_of(layers)
    room = LINE * max(len(other_kinds(part)) for part in parts)
    inches = WIDTH * max(1, len(parts) / MAX_PARTS)
    with figure_style():
        figure = new_figure(inches, HEIGHT / WIDTH * inches + room * inches / (LENGTH + 0.6))
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_aspect("equal")
        for block in blocks:
            _draw(axes, block)
            for start in block.skips:
                _arc(axes, blocks[start], block)
        for one, other in pairwise(blocks):
            _arrow(axes, one, other)
        _name_shapes(axes, blocks)
        for part in parts:
            _name_part(axes, part, [block for block in blocks if block.part == part.name])
        _write(axes, 0, 3, "parameters", ha="left")
        _write(axes, 0, 4, "receptive field", ha="left")
        if room:
            _write(axes, 0, 5, "operations", ha="left")
        axes.set_xlim(-0.3, LENGTH + 0.3)
        axes.set_ylim(FLOOR - 1.4 - room, CEILING)
    return figure


def other_kinds(part: Part) -> list[str]:
    """Returns the operations of a part that the drawing names, as it has no shape for them."""
    kinds = dict.fromkeys(layer.kind for layer in part.layers)
    return [kind for kind in kinds if kind not in UNNAMED]


def _blocks(layers: Sequence[Layer]) -> list[_Block]:
    """Returns the image, then a block for each convolution, change of size and start of a part.

    Layers outside the main path have no block; they belong to the arc that joins the main path.
    """
    blocks, main = [_Block("", layers[0].inputs)], _main_path(layers)
    # The block of each layer; outside the main path, the block where its branch starts.
    block_of_row: list[int] = []
    for row, layer in enumerate(layers):
        starts = [block_of_row[source] for source in layer.sources] or [0]
        if row not in main:
            block_of_row.append(starts[0])
            continue
        last, last_index = blocks[-1], len(blocks) - 1
        resized = layer.kernel is None and math.prod(layer.outputs) != math.prod(last.shape)
        if layer.kind in SIZED or layer.part != last.part or resized:
            blocks.append(_Block(layer.part, layer.outputs))
        block_of_row.append(len(blocks) - 1)
        blocks[-1].shape = layer.outputs
        blocks[-1].skips += sorted({*starts} - {last_index, block_of_row[row]})
    return blocks


def _main_path(layers: Sequence[Layer]) -> set[int]:
    """Returns the indices of the layers on the path with the most multiply-adds."""
    costs: list[tuple[int, int]] = []  # multiply-adds and length of the best path to each layer
    for layer in layers:
        cost, rows = max((costs[source] for source in layer.sources), default=(0, 0))
        costs.append((cost + layer.mult_adds, rows + 1))
    row = len(layers) - 1
    path = {row}
    while sources := layers[row].sources:
        row = max(sources, key=costs.__getitem__)
        path.add(row)
    return path


def _place(blocks: Sequence[_Block]) -> None:
    """Sets the size and the horizontal position of each block, so that they fill the drawing.

    If there are too many blocks, those of a part become thin and overlap.
    """
    largest = max(block.shape[1] for block in blocks if len(block.shape) == 3)
    for block in blocks:
        if len(block.shape) == 3:
            block.thick = 0.05 + 0.055 * math.log2(1 + block.shape[0])
            block.tall = max(0.16, TALL * (block.shape[1] / largest) ** 0.75)
        else:
            block.thick = 0.16
            block.tall = 0.3 + 0.1 * math.log2(1 + math.prod(block.shape))
    pairs = list(pairwise(blocks))
    room = LENGTH - sum(block.thick for block in blocks) - sum(one.back for one, _ in pairs)
    if room / len(pairs) >= LOOSE:
        gaps = [one.back + room / len(pairs) for one, _ in pairs]
    else:
        loose = [one.part != other.part or one.part == HEAD for one, other in pairs]
        gaps = [
            one.back + LOOSE if wide else TIGHT for (one, _), wide in zip(pairs, loose, strict=True)
        ]
        shrink = min(1, MAX_GAPS / sum(gaps))
        gaps = [gap * shrink for gap in gaps]
        squeeze = (LENGTH - sum(gaps)) / sum(block.thick for block in blocks)
        for block in blocks:
            block.thick *= squeeze
    for (one, other), gap in zip(pairs, gaps, strict=True):
        other.left = one.left + one.thick + gap


def _draw(axes: Axes, block: _Block) -> None:
    """Draws front, top and side of a block."""
    colour = ORANGE if not block.part else GREEN if block.part == HEAD else BLUE
    left, right, low, back = block.left, block.left + block.thick, block.low, block.back
    high = low + block.tall
    front = [(left, low), (right, low), (right, high), (left, high)]
    rear = [(x + back, y + back) for x, y in front]
    faces = {
        0.95: front,
        0.35: [front[3], front[2], rear[2], rear[3]],
        0.6: [front[1], rear[1], rear[2], front[2]],
    }
    for alpha, corners in faces.items():
        axes.add_patch(Polygon(corners, facecolor=PAPER, edgecolor=PAPER, linewidth=1))
        axes.add_patch(Polygon(corners, facecolor=colour, alpha=alpha, linewidth=0))


def _arrow(axes: Axes, one: _Block, other: _Block) -> None:
    if other.left - one.right > 4 * NEAR:
        start, end = (one.right + NEAR, TALL / 2), (other.left - NEAR, TALL / 2)
        axes.add_patch(_curve(start, end, 0, MUTED, 1.0))


def _arc(axes: Axes, one: _Block, other: _Block) -> None:
    """Draws an arc from one block to another, above the blocks between them."""
    (left, low), (right, high) = one.top, other.top
    bend = min(0.5, 2 * (CEILING - NEAR - max(low, high)) / (right - left))  # twice its height
    axes.add_patch(_curve(one.top, other.top, -bend, VERMILION, 1.6))


def _curve(start: Point, end: Point, bend: float, colour: str, width: float) -> FancyArrowPatch:
    return FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>",
        connectionstyle=f"arc3,rad={bend}",
        mutation_scale=6 + 2 * width,
        color=colour,
        linewidth=width,
        shrinkA=0,
        shrinkB=0,
    )


def _name_shapes(axes: Axes, blocks: Sequence[_Block]) -> None:
    """Writes the shapes below the blocks and omits those that would overlap."""
    free = -math.inf
    for (_, shape), group in groupby(blocks, lambda block: (block.part, block.shape)):
        alike = list(group)
        text, middle = "×".join(map(str, shape)), (alike[0].left + alike[-1].right) / 2
        half = LETTER * (len(text) + 1) / 2  # half a letter of space on each side
        if middle - half > free:
            _write(axes, middle, 0, text, color=INK)
            free = middle + half


def _name_part(axes: Axes, part: Part, blocks: Sequence[_Block]) -> None:
    """Writes name, numbers and other operations of a part below a line as long as its blocks."""
    if not blocks:  # the whole part is outside the main path
        return
    left, right = blocks[0].left, blocks[-1].right
    axes.plot([left, right], [FLOOR, FLOOR], color=GRID, linewidth=3, solid_capstyle="butt")
    middle = (left + right) / 2
    _write(axes, middle, 2, part.name, color=INK, fontsize=11, fontweight="bold")
    _write(axes, middle, 3, f"{part.parameters:,}")
    _write(axes, middle, 4, f"{part.field}×{part.field}")
    for line, kind in enumerate(other_kinds(part), 5):
        _write(axes, min(middle, LENGTH + 0.3 - LETTER * len(kind) / 2), line, kind)


def _write(axes: Axes, x: float, line: int, text: str, **look: Any) -> None:
    y = FLOOR + 0.4 - LINE * line
    axes.text(x, y, text, **{"ha": "center", "va": "center", "color": MUTED, "fontsize": 9, **look})
