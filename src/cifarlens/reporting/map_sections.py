"""The report's sections on saliency maps: pictures, numbers and charts for their templates."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .explain import Explained, Explanations
from .faithfulness import BASELINE, REMOVED
from .pictures import heat_colours, heat_uri, image_uri
from .report_figures import faithfulness_figure
from .style import render_svg


def map_section(
    explanations: Explanations, layers: Sequence[str], layer: str, opacity: float
) -> dict[str, Any]:
    """What explanations.html.j2 shows.

    Args:
        explanations: the maps.
        layers: names, in the order of computation.
        layer: shown first; one of them.
        opacity: of the maps at first, 0 to 1.
    """
    ramp = heat_colours(np.linspace(0, 1, 7))
    return {
        "mistakes": [_card(item, layers) for item in explanations.mistakes],
        "correct": [_card(item, layers) for item in explanations.correct],
        "layers": layers,
        "layer": layers.index(layer),
        "opacity": round(opacity, 2),
        "ramp": [f"rgb({r} {g} {b} / {a / 255:.2f})" for r, g, b, a in ramp.tolist()],
    }


def _card(item: Explained, layers: Sequence[str]) -> dict[str, Any]:
    """A case with its picture and, for each class, the layers' maps one under the other."""
    labels = {item.case.predicted: item.predicted, item.case.true: item.true}
    return {
        "case": item.case,
        "picture": image_uri(item.image),
        "heat": {
            label: heat_uri([maps[name] for name in layers]) for label, maps in labels.items()
        },
    }


def trust_section(explanations: Explanations, layer: str) -> dict[str, Any] | None:
    """What trust.html.j2 shows, the layer first; None if no image was explained."""
    measured = explanations.faithfulness
    if measured is None:
        return None
    names = [name for name in measured.most if name != BASELINE]
    left = "Probability left after removing pixels; the table holds the numbers"
    return {
        "chart": render_svg(faithfulness_figure(measured), "faithfulness", left),
        "images": measured.images,
        "untouched": measured.untouched.mean(),
        "rows": {
            name: {
                "most": measured.most[name].mean(),
                "least": measured.least[name].mean(),
                "score": measured.score(name),
            }
            for name in measured.most
        },
        "baseline": BASELINE,
        "removed": REMOVED,
        "shown": layer,
        "best": max(names, key=measured.score),
        "better": [name for name in names if measured.beats_chance(name)],
        "unproven": [name for name in names if not measured.beats_chance(name)],
    }
