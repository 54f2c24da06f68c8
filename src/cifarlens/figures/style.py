"""Defines the style of all figures and saves them as PNG or SVG.

The same values give the same bytes. Figures are drawn and saved inside `figure_style()` and without
pyplot, so drawing does not change matplotlib's global settings.
"""

import io
import math
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from matplotlib import rc_context, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from ..runtime.files import write_bytes

# Colours that colour-blind people can distinguish, by Okabe and Ito
# (https://jfly.uni-koeln.de/color/).
BLUE, VERMILION, GREEN, ORANGE = "#0072b2", "#d55e00", "#009e73", "#e69f00"
INK, MUTED, GRID, PAPER = "#1c2430", "#5b6675", "#dde2e8", "#ffffff"
DASHED = (0, (4, 2))

# In an SVG inside a page, each colour follows the theme of the page through a CSS variable.
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

# Parts of a standalone SVG that an SVG inside a page must not contain: global style rules, comments
# and fonts.
STANDALONE_PARTS = (
    r"(?s)<defs>\s*<style.*?</style>\s*</defs>",
    r"(?s)<!--.*?-->\s*",
    r" font-family: [^;\"]*;",
)

FONT = "DejaVu Sans"  # ships with matplotlib: the same glyphs everywhere
DPI = 200  # sharp on high-resolution screens
THOUSANDS = "{x:,.0f}"  # axis format: 1,000
PANEL = 4.8  # inches, width of a figure in half a page; its text stays readable on a phone
RC: dict[Any, Any] = {
    "font.family": FONT,
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
    "text.parse_math": False,  # a class name may contain a dollar sign
    "image.interpolation": "nearest",
}
DEFAULTS: dict[Any, Any] = {
    key: value for key, value in rcParamsDefault.items() if key != "backend"
}


def figure_style() -> AbstractContextManager[None]:
    """Applies the style to figures drawn or saved inside the context, and no other setting."""
    return rc_context({**DEFAULTS, **RC})


def new_figure(width: float, height: float) -> Figure:
    """Returns an empty figure with automatic layout, width and height in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def save_png(path: Path, figure: Figure) -> None:
    """Writes the figure as PNG, without program name and time."""
    content = io.BytesIO()
    with figure_style():
        figure.savefig(content, format="png", metadata={"Software": None})
    write_bytes(path, content.getvalue())


def render_svg(figure: Figure, name: str, label: str) -> str:
    """Returns the figure as an `<svg>` element for a page.

    Colours become CSS variables (`THEMED`) with the light theme as fallback. Text uses the font of
    the page, and the size follows the width of the page.

    Args:
        figure: drawn in the colours of this module.
        name: unique on the page; it becomes the prefix of all ids.
        label: description for screen readers.
    """
    content = io.StringIO()
    with figure_style(), rc_context({"svg.hashsalt": name, "svg.id": None}):
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(content, format="svg", metadata=metadata, transparent=True)
    svg = content.getvalue()
    svg = svg[svg.index("<svg") :]
    for pattern in STANDALONE_PARTS:
        svg = re.sub(pattern, "", svg)
    for colour, variable in THEMED.items():
        svg = svg.replace(colour, f"var({variable}, {colour})")
    svg = re.sub(r'\b(id="|url\(#|xlink:href="#)', rf"\g<1>{name}-", svg)
    width, height = (round(72 * side, 3) for side in figure.get_size_inches())
    view = f'viewBox="0 0 {width:g} {height:g}"'
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    opening = f'<svg {names} role="img" aria-label={quoteattr(label)} {view}>'
    return re.sub(r"<svg [^>]*>", lambda _: opening, svg, count=1).strip()


def set_percent_axis(axes: Axes, which: str = "y") -> None:
    """Formats an axis of shares, 0 to 1, as percentages."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))


def write_above(axes: Axes, x: float, text: str, *, side: str = "center", lift: int = 2) -> None:
    """Writes text above the frame.

    Args:
        axes: axes to annotate.
        x: data coordinate of the text.
        text: one line.
        side: side of the text that is at `x`: left, center or right.
        lift: distance from the frame in points.
    """
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


def set_log_axis(axes: Axes) -> None:
    """Makes the x axis logarithmic, with labels 10⁻³, 10⁻² and so on."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _power(value: float) -> str:
    exponent = round(math.log10(value))
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
