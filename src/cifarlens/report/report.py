"""Writes the report: one HTML page that loads no other file.

The same inputs give the same bytes.
"""

from pathlib import Path

from ..explanation.explain import Explanations
from ..runtime.files import write_text
from ..sources import SOURCES
from .page import asset, render_page
from .run import Run
from .sections import SECTIONS
from .sections.errors import MANY

# Later style sheets override earlier ones.
STYLES = ("theme", "frame", "overview", "errors", "explanations", "trust", "media")


def write_report(path: Path, run: Run, explanations: Explanations, opacity: float) -> None:
    """Writes the page.

    Args:
        path: HTML file to write.
        run: metrics, curves and images of the run.
        explanations: Grad-CAM maps and their tests.
        opacity: initial opacity of the heat maps, 0 to 1.
    """
    page = render_page(
        "report.html.j2",
        STYLES,
        script=asset("report.js"),
        sections=SECTIONS,
        run=run,
        classes=run.dataset.classes,
        title=SOURCES[run.source].title,
        many=MANY,
        opacity=round(opacity, 2),
        **{section.name: section.values(run, explanations) for section in SECTIONS},
    )
    write_text(path, page)
