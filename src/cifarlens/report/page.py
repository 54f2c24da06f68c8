"""Renders the templates: one look and the same bytes for every page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..figures.style import rate
from .sections.network import millions, shape_words

HERE = Path(__file__).parent


def render_page(template: str, styles: Sequence[str], **values: Any) -> str:
    """A page's HTML.

    Args:
        template: name of its file.
        styles: of its style sheets, without `.css`; later ones win.
        values: what the template shows beside `style`.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        percent=percent,
        chance=chance,
        rate=rate,
        millions=millions,
        shape=shape_words,
        duration=duration,
    )
    style = "\n".join(asset(f"{name}.css") for name in styles)
    return environment.get_template(template).render(style=style, **values)


def asset(name: str) -> str:
    """A style sheet or script."""
    return (HERE / "styles" / name).read_text(encoding="utf-8")


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}%"


def chance(probability: float) -> str:
    """A probability in whole percent; never 0% or 100% for what is not."""
    if 0 < probability < 0.005:
        return "< 1%"
    if 0.995 <= probability < 1:
        return "> 99%"
    return f"{probability:.0%}"


def duration(seconds: float) -> str:
    """A time for people: 3.9 s, 22 min 5 s, 3 h 20 min."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
