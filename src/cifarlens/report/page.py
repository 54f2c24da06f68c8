"""Renders the templates: one look and the same bytes for every page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..display.formats import duration, millions, percent, probability, rate, shape

HERE = Path(__file__).parent
FILTERS = (percent, probability, rate, millions, shape, duration)


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
    environment.filters.update({show.__name__: show for show in FILTERS})
    style = "\n".join(asset(f"{name}.css") for name in styles)
    return environment.get_template(template).render(style=style, **values)


def asset(name: str) -> str:
    """A style sheet or script."""
    return (HERE / "styles" / name).read_text(encoding="utf-8")
