"""The report: one page that asks nothing of any other place, and the same bytes every time."""

from pathlib import Path

from ..explanation.explain import Explanations
from ..runtime.files import write_text
from ..sources import SOURCES
from .page import asset, render_page
from .run import Run
from .sections import SECTIONS

# Later ones win.
STYLES = ("theme", "frame", "overview", "errors", "explanations", "trust", "media")


def write_report(path: Path, run: Run, explanations: Explanations, opacity: float) -> None:
    """Writes the page.

    Args:
        path: of the HTML file.
        run: numbers, curves and images.
        explanations: the Grad-CAM maps and how far to trust them.
        opacity: of the heat maps at first, 0 to 1.
    """
    page = render_page(
        "report.html.j2",
        STYLES,
        script=asset("report.js"),
        sections=SECTIONS,
        run=run,
        classes=run.dataset.classes,
        title=SOURCES[run.source].title,
        opacity=round(opacity, 2),
        **{section.name: section.values(run, explanations) for section in SECTIONS},
    )
    write_text(path, page)
