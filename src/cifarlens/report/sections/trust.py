"""The report's section on how far to trust the maps: both tests, in charts and numbers."""

from typing import Any

from ...explanation.explain import Explanations
from ...explanation.faithfulness import BASELINE, REMOVED
from ...explanation.gradcam import METHODS, map_name
from ...explanation.removal import SHARE, Removal
from ...explanation.sanity import CHANGED
from ...figures.style import render_svg
from ...figures.trust import faithfulness_figure, sanity_figure
from ..pictures import heat_uri, image_uri

ROAD = "Probability left after removing pixels; the table holds the numbers"
SANITY = "How alike the maps stay while the network forgets; the tables below hold the means"


def trust_section(explanations: Explanations) -> dict[str, Any]:
    """What trust.html.j2 shows."""
    road, sanity = explanations.faithfulness, explanations.sanity
    layers = explanations.layers
    names = {layer: [map_name(layer, method) for method in METHODS] for layer in layers}
    return {
        "layer": explanations.layer,
        "methods": list(METHODS),
        "images": len(explanations.measured),
        "road": _road(explanations),
        "removals": [_removal(explanations, removal) for removal in explanations.removals],
        "sanity": _sanity(explanations),
        "grids": {
            "road": {
                layer: [(road.score(name), road.beats_chance(name)) for name in row]
                for layer, row in names.items()
            },
            "sanity": {
                layer: [(sanity.score(name), sanity.changes(name)) for name in row]
                for layer, row in names.items()
            },
        },
        "passed": {
            method: [
                layer
                for layer in layers
                if road.beats_chance(map_name(layer, method))
                and sanity.changes(map_name(layer, method))
            ]
            for method in METHODS
        },
    }


def _road(explanations: Explanations) -> dict[str, Any]:
    """Grad-CAM by layer, against chance."""
    measured, names = explanations.faithfulness, [*explanations.layers, BASELINE]
    return {
        "chart": render_svg(faithfulness_figure(measured, names), "faithfulness", ROAD),
        "untouched": measured.untouched.mean(),
        "rows": {
            name: {
                "most": measured.most[name].mean(),
                "least": measured.least[name].mean(),
                "score": measured.score(name),
            }
            for name in names
        },
        "baseline": BASELINE,
        "removed": REMOVED,
        "share": SHARE,
        "better": measured.beats_chance(explanations.layer),
    }


def _removal(explanations: Explanations, removal: Removal) -> dict[str, Any]:
    item = explanations.measured[removal.place]
    return {
        "case": item.case,
        "picture": image_uri(item.image),
        "heat": heat_uri([item.predicted[explanations.layer]]),
        "removal": removal,
        "without_most": image_uri(removal.without_most),
        "without_least": image_uri(removal.without_least),
    }


def _sanity(explanations: Explanations) -> dict[str, Any]:
    """The chart, and one image's maps while the network forgets."""
    sanity, layer = explanations.sanity, explanations.layer
    names = {method: map_name(layer, method) for method in METHODS}
    place = explanations.removals[0].place
    item = explanations.measured[place]
    return {
        "chart": render_svg(sanity_figure(sanity, layer), "sanity", SANITY),
        "steps": sanity.steps,
        "changed": CHANGED,
        "scores": {method: sanity.score(name) for method, name in names.items()},
        "case": item.case,
        "picture": image_uri(item.image),
        "rows": {
            method: [
                heat_uri([one]) for one in (item.predicted[name], *sanity.maps[name][:, place])
            ]
            for method, name in names.items()
        },
    }
