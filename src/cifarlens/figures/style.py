"""One look for every figure, and the same bytes for the same values.

Knows nothing of what a figure shows. No pyplot: figures are made and saved inside `styled()`, so
importing or drawing changes no global setting of matplotlib.
"""

import io
import math
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from ..runtime.files import write_bytes

# Okabe and Ito's colours, apart for colour-blind eyes (https://jfly.uni-koeln.de/color/).
BLUE, VERMILION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#e69f00"
INK, MUTED, GRID, PAPER = "#1c2430", "#5b6675", "#dde2e8", "#ffffff"
DASHED = (0, (4, 2))

# In an SVG inside a page each colour follows the page's theme through a CSS variable.
THEMED = {
    BLUE: "--blue",
    VERMILION: "--vermilion",
    GREEN: "--green",
    ORANGE: "--orange",
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--paper",
}

# What an SVG of its own needs and a part of a page must not have: rules for every element of the
# page, comments, and a font of its own.
PAGE_RULES = (
    r"(?s)<defs>\s*<style.*?</style>\s*</defs>",
    r"(?s)<!--.*?-->\s*",
    r" font-family: [^;\"]*;",
)

DPI = 200  # crisp on dense screens
THOUSANDS = "{x:,.0f}"  # an axis whose numbers read 1,000
PANEL = 4.8  # inches, the width of a figure in half a page: its letters fit a phone too
RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same glyphs everywhere
    "font.size": 10,
    "text.color": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.facecolor": PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "figure.dpi": 100,
    "savefig.dpi": DPI,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar in a class name is a dollar
    "image.interpolation": "nearest",
}


def styled() -> AbstractContextManager[None]:
    """matplotlib's settings for making and saving one of our figures."""
    return rc_context(RC)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, sides in inches, that lays itself out."""
    return Figure(figsize=(width, height), layout="constrained")


def save_png(path: Path, figure: Figure) -> None:
    """Writes the figure without a trace of program or time."""
    content = io.BytesIO()
    with styled():
        figure.savefig(content, format="png", metadata={"Software": None})
    write_bytes(path, content.getvalue())


def render_svg(figure: Figure, name: str, label: str) -> str:
    """The figure as an `<svg>` element for a page.

    Args:
        figure: drawn in this module's colours.
        name: unlike any other on the page; it keeps the elements' ids apart.
        label: what a screen reader says in place of the picture.

    Returns:
        Text without XML declaration. Colours are CSS variables (`THEMED`) with the light theme
        as fallback, letters inherit the page's font, and the size follows the page's width.
    """
    content = io.StringIO()
    with styled(), rc_context({"svg.hashsalt": name, "svg.id": None}):
        keep_out = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(content, format="svg", metadata=keep_out, transparent=True)
    svg = content.getvalue()
    svg = svg[svg.index("<svg") :]
    for pattern in PAGE_RULES:
        svg = re.sub(pattern, "", svg)
    for colour, variable in THEMED.items():
        svg = svg.replace(colour, f"var({variable}, {colour})")
    svg = re.sub(r'\b(id="|url\(#|xlink:href="#)', rf"\g<1>{name}-", svg)
    width, height = (round(72 * side, 3) for side in figure.get_size_inches())
    view = f'viewBox="0 0 {width:g} {height:g}"'
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    opening = f'<svg {names} role="img" aria-label={quoteattr(label)} {view}>'
    return re.sub(r"<svg [^>]*>", lambda _: opening, svg, count=1).strip()


def percent_axis(axes: Axes, which: str = "y") -> None:
    """Shows shares from 0 to 1 as percent."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))


def write_above(axes: Axes, x: float, text: str, *, side: str = "center", lift: int = 2) -> None:
    """Writes a word `lift` points above the axes' frame, its left, center or right side at `x`."""
    axes.annotate(
        text,
        (x, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, lift),
        textcoords="offset points",
        ha=side,
        va="bottom",
        color=INK,
        fontsize=9,
    )


def log_axis(axes: Axes) -> None:
    """A logarithmic x axis, its decades labelled 10⁻³, 10⁻² and so on."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _power(value: float) -> str:
    exponent = round(math.log10(value))
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
