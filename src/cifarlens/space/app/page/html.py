"""Builds HTML: bars, pictures under heat maps, notices.

All text is escaped. Pictures are embedded in the page, so they need no further request. The CSS
variable `--heat-opacity` sets the opacity of heat maps. This module does not depend on Gradio.
"""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from PIL import Image

from ....display.formats import probability
from ....display.heatmap import overlay

OVERLAY_SIZE = 128  # side, pixels
UNSURE = 0.5  # the network is unsure if its highest probability is below this


def data_uri(image: np.ndarray) -> str:
    """Returns a uint8 picture H×W×3 or H×W×4 as a PNG data URI."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def hint(text: str) -> str:
    """Returns a note in a muted colour."""
    return f'<p class="hint">{escape(text)}</p>'


def placeholder(text: str) -> str:
    """Returns a sentence for the place where results will appear."""
    return f'<p class="empty">{escape(text)}</p>'


def refusal(text: str) -> str:
    """Returns an error message about a visitor's input."""
    return f'<p class="refusal" role="alert">{escape(text)}</p>'


def bars(names: Sequence[str], probabilities: Sequence[float]) -> str:
    """Returns class probabilities as bars, in the given order."""
    rows = (
        f'<li><span class="name">{escape(name)}</span>'
        f'<span class="bar"><i style="width:{100 * chance:.2f}%"></i></span>'
        f'<span class="share">{probability(chance, 1)}</span></li>'
        for name, chance in zip(names, probabilities, strict=True)
    )
    return f'<ol class="bars">{"".join(rows)}</ol>'


def prediction(names: Sequence[str], probabilities: Sequence[float], classes: int) -> str:
    """Returns the top class, bars of the top classes, and a note if the network is unsure."""
    note = ""
    if probabilities[0] < UNSURE:
        note = hint(
            f"The network is unsure. It knows only its {classes} classes"
            " and cannot answer “none of these”."
        )
    best = f"{escape(names[0])} <small>{probability(probabilities[0], 1)}</small>"
    answer = f'<p class="answer">{best}</p>'
    return f'<div class="prediction">{answer}{bars(names, probabilities)}{note}</div>'


def live_region(html: str) -> str:
    """Wraps a part of the page that a screen reader announces when it changes."""
    return f'<div role="status">{html}</div>'


def picture(
    image: np.ndarray, description: str, caption: str = "", saliency: np.ndarray | None = None
) -> str:
    """Returns a picture, with a heat map over it if `saliency` is given.

    Args:
        image: uint8, H×W×3.
        description: text for screen readers.
        caption: HTML below the picture.
        saliency: float32, h×w, 0 to 1.
    """
    layer = ""
    if saliency is not None:
        layer = f'<img class="heat" src="{data_uri(overlay(saliency, OVERLAY_SIZE))}" alt="">'
        if not saliency.any():
            caption += "<small>no evidence</small>"
    return (
        f'<figure><div class="stack"><img class="base" src="{data_uri(image)}"'
        f' alt="{escape(description)}">{layer}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def grid(items: Iterable[str], kind: str = "") -> str:
    """Returns figures or cards side by side, as many as fit."""
    return f'<div class="grid {kind}">{"".join(items)}</div>'


def card(content: Iterable[str], title: str = "", below: str = "") -> str:
    """Returns a card.

    Args:
        content: HTML parts to put side by side.
        title: HTML above them.
        below: HTML below them.
    """
    heading = f'<p class="title">{title}</p>' if title else ""
    return f'<div class="card">{heading}<div class="pair">{"".join(content)}</div>{below}</div>'


def legend(title: str) -> str:
    """Returns a title for heat maps and the meaning of their colours."""
    return (
        f'<div class="legend"><h2>{escape(title)}</h2><p><span>least evidence</span>'
        '<i aria-hidden="true"></i><span>most evidence</span></p></div>'
    )
