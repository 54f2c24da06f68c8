"""Renders the HTML templates. The same values give the same bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..display.formats import duration, millions, percent, probability, rate, shape

HERE = Path(__file__).parent
FILTERS = (percent, probability, rate, millions, shape, duration)


def render_page(
    template: str, styles: Sequence[str], folder: Path = HERE / "templates", /, **values: Any
) -> str:
    """Returns the HTML of a page.

    Args:
        template: file name of the template.
        styles: names of the style sheets, without `.css`; later ones override earlier ones.
        folder: folder of the page's own templates and style sheets, before those of the report.
        values: variables of the template, in addition to `style`.
    """
    loader = FileSystemLoader([folder, HERE / "templates", HERE / "styles"])
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update({function.__name__: function for function in FILTERS})
    style = "\n".join(loader.get_source(environment, f"{name}.css")[0] for name in styles)
    return environment.get_template(template).render(style=style, **values)


def asset(name: str) -> str:
    """Returns the content of a style sheet or script."""
    return (HERE / "styles" / name).read_text(encoding="utf-8")
