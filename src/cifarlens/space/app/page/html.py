"""HTML for what the demo shows: bars, pictures under heat maps, notices.

All text is escaped; pictures travel inside the page, so nothing is fetched for them. The opacity
of heat maps is the CSS variable `--heat-opacity`. Knows nothing of Gradio.
"""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from PIL import Image

from ....display.formats import probability
from ....display.heatmap import overlay

OVERLAY_SIZE = 128  # pixels a side
UNSURE = 0.5  # a highest probability below this is called unsure


def data_uri(image: np.ndarray) -> str:
    """A uint8 picture H×W×3 or ×4 as a PNG inside an address."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def hint(text: str) -> str:
    """A quiet sentence."""
    return f'<p class="hint">{escape(text)}</p>'


def empty(text: str) -> str:
    """A sentence where results will stand."""
    return f'<p class="empty">{escape(text)}</p>'


def refusal(text: str) -> str:
    """A sentence about what was wrong with what the visitor gave."""
    return f'<p class="refusal" role="alert">{escape(text)}</p>'


def bars(names: Sequence[str], probabilities: Sequence[float]) -> str:
    """Classes as bars, in the order given."""
    rows = (
        f'<li><span class="name">{escape(name)}</span>'
        f'<span class="bar"><i style="width:{100 * chance:.2f}%"></i></span>'
        f'<span class="share">{probability(chance, 1)}</span></li>'
        for name, chance in zip(names, probabilities, strict=True)
    )
    return f'<ol class="bars">{"".join(rows)}</ol>'


def prediction(names: Sequence[str], probabilities: Sequence[float], classes: int) -> str:
    """The answer in large letters, the top classes as bars, and a note if the network is unsure."""
    note = ""
    if probabilities[0] < UNSURE:
        note = hint(
            f"The network is unsure here. It knows only its {classes} classes"
            " and cannot say “none of these”."
        )
    best = f"{escape(names[0])} <small>{probability(probabilities[0], 1)}</small>"
    answer = f'<p class="answer">{best}</p>'
    return f'<div class="prediction">{answer}{bars(names, probabilities)}{note}</div>'


def live(html: str) -> str:
    """A part of the page that a screen reader says when it changes."""
    return f'<div role="status">{html}</div>'


def picture(
    image: np.ndarray, description: str, caption: str = "", saliency: np.ndarray | None = None
) -> str:
    """A picture, under a heat map if there is one.

    Args:
        image: uint8, H×W×3.
        description: what a screen reader says.
        caption: HTML below it.
        saliency: float32, h×w, 0 to 1.
    """
    layer = ""
    if saliency is not None:
        layer = f'<img class="heat" src="{data_uri(overlay(saliency, OVERLAY_SIZE))}" alt="">'
        if not saliency.any():
            caption += "<small>nothing here speaks for it</small>"
    return (
        f'<figure><div class="stack"><img class="base" src="{data_uri(image)}"'
        f' alt="{escape(description)}">{layer}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def grid(items: Iterable[str], kind: str = "") -> str:
    """Figures or cards side by side, as many as fit."""
    return f'<div class="grid {kind}">{"".join(items)}</div>'


def card(content: Iterable[str], title: str = "", below: str = "") -> str:
    """Things that belong together.

    Args:
        content: HTML of what stands side by side.
        title: HTML above it.
        below: HTML below it.
    """
    heading = f'<p class="title">{title}</p>' if title else ""
    return f'<div class="card">{heading}<div class="pair">{"".join(content)}</div>{below}</div>'


def legend(title: str) -> str:
    """What heat maps show, in words, and what their colours mean."""
    return (
        f'<div class="legend"><h2>{escape(title)}</h2><p><span>no evidence</span>'
        '<i aria-hidden="true"></i><span>most evidence</span></p></div>'
    )
