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
from ....display.heatmap import heat_colours, overlay
from ..choices import most_likely

OVERLAY_SIZE = 32  # side, pixels; the browser enlarges it smoothly, and an answer stays small
UNSURE = 0.5  # the network is unsure if its highest probability is below this


def data_uri(image: np.ndarray) -> str:
    """Returns a uint8 picture H×W×3 or H×W×4 as a PNG data URI."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def hint(text: str, link: str = "") -> str:
    """Returns a note in a muted colour, followed by the HTML of a link."""
    return f'<p class="hint">{escape(text)} {link}</p>'


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


def prediction(classes: Sequence[str], probabilities: np.ndarray, count: int) -> str:
    """Returns the top class, bars of the `count` top classes, and a note if the network is unsure.

    Args:
        classes: names of all classes.
        probabilities: probability of each class, 0 to 1.
        count: number of bars.
    """
    labels = most_likely(probabilities, count)
    names, chances = [classes[label] for label in labels], probabilities[labels].tolist()
    note = ""
    if chances[0] < UNSURE:
        note = hint(
            f"The network is unsure. It knows only its {len(classes)} classes"
            " and cannot answer “none of these”."
        )
    best = f"{escape(names[0])} <small>{probability(chances[0], 1)}</small>"
    return f'<div class="prediction"><p class="answer">{best}</p>{bars(names, chances)}{note}</div>'


def live_region(html: str) -> str:
    """Wraps a part of the page that a screen reader announces when it changes."""
    return f'<div role="status">{html}</div>'


def network_input(image: np.ndarray, content: str) -> str:
    """Wraps figures that show `image`, uint8 H×W×3, so that they share one copy of it."""
    return f'<div class="maps" style="--input: url({data_uri(image)})">{content}</div>'


def figure(description: str, caption: str = "") -> str:
    """Returns the picture of the surrounding `network_input`.

    Args:
        description: text for screen readers.
        caption: HTML below the picture.
    """
    return _figure(_stack(description), caption)


def heat_figure(saliency: np.ndarray, description: str, caption: str, raw: bool = False) -> str:
    """Returns the picture of the surrounding `network_input` under a heat map, with a save button.

    Args:
        saliency: float32, h×w, 0 to 1.
        description: text for screen readers, which also names the saved file.
        caption: HTML below the picture.
        raw: whether to show the map at its own resolution beside it.
    """
    heat = data_uri(overlay(saliency, OVERLAY_SIZE))
    name = escape(description)
    save = f'<button type="button" class="save" title="Save as PNG" aria-label="Save {name}">'
    pictures = _stack(description, f'<img class="heat" src="{heat}" alt="">', f"{save}⤓</button>")
    if raw:
        values = data_uri(heat_colours(saliency))
        image = f'<img class="raw" src="{values}" alt="{name}, map alone">'
        pictures += f'<div class="frame"><div class="stack">{image}</div></div>'
    if not saliency.any():
        caption += "<small>no evidence</small>"
    return _figure(pictures, caption)


def _stack(description: str, heat: str = "", button: str = "") -> str:
    picture = f'<div class="stack" role="img" aria-label="{escape(description)}">{heat}</div>'
    return f'<div class="frame">{picture}{button}</div>'


def _figure(pictures: str, caption: str) -> str:
    return (
        f'<figure><div class="pictures">{pictures}</div><figcaption>{caption}</figcaption></figure>'
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


def about_link(text: str, section: str = "maps") -> str:
    """Returns a link to a section of the About tab, by default that on heat maps."""
    return f'<a href="#about-{section}" data-tab="about">{escape(text)}</a>'


def open_button(source: str, name: str) -> str:
    """Returns a button that opens a stored picture in the Classify tab."""
    return (
        f'<button type="button" class="open" data-source="{source}"'
        f' aria-label="Open {escape(name)} in Classify">Classify</button>'
    )


def example_buttons(examples: Sequence[tuple[str, str, np.ndarray]]) -> str:
    """Returns a row of buttons from source, class name and picture, uint8 H×W×3."""
    buttons = (
        f'<button type="button" data-source="{source}" title="{escape(name)}"'
        f' aria-label="Example: {escape(name)}"><img src="{data_uri(image)}" alt=""></button>'
        for source, name, image in examples
    )
    return f'<div class="examples">{"".join(buttons)}</div>'
