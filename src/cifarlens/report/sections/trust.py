"""Prepares the section on how far to trust the maps: two tests in charts and tables."""

from typing import Any

from ...explanation.explain import Explanations
from ...explanation.faithfulness import BASELINE, REMOVED_PERCENT
from ...explanation.gradcam import METHODS, map_name
from ...explanation.removal import EXAMPLE_PERCENT, Removal
from ...explanation.sanity import MAX_SIMILARITY
from ...figures.style import render_svg
from ...figures.trust import faithfulness_figure, sanity_figure
from ..pictures import heat_uri, image_uri

ROAD_ALT_TEXT = "Probability after removing pixels; the table next to it has the numbers"
SANITY_ALT_TEXT = (
    "Similarity of the maps after each randomisation step; the tables below have the means"
)


def trust_section(explanations: Explanations) -> dict[str, Any]:
    """Returns the values for trust.html.j2."""
    road, sanity = explanations.faithfulness, explanations.sanity
    layers = explanations.layers
    names = {layer: [map_name(layer, method) for method in METHODS] for layer in layers}
    return {
        "layer": explanations.layer,
        "methods": list(METHODS),
        "images": len(explanations.sample),
        "road": _road(explanations),
        "removals": [_removal(explanations, removal) for removal in explanations.removals],
        "sanity": _sanity(explanations),
        "grids": {
            "road": {
                layer: [(road.score(name), road.beats_chance(name)) for name in row]
                for layer, row in names.items()
            },
            "sanity": {
                layer: [(sanity.score(name), sanity.passes(name)) for name in row]
                for layer, row in names.items()
            },
        },
        "passing": {
            method: [
                layer
                for layer in layers
                if road.beats_chance(map_name(layer, method))
                and sanity.passes(map_name(layer, method))
            ]
            for method in METHODS
        },
    }


def _road(explanations: Explanations) -> dict[str, Any]:
    """Returns Grad-CAM's results at each layer, and those of the random map."""
    road, names = explanations.faithfulness, [*explanations.layers, BASELINE]
    return {
        "chart": render_svg(faithfulness_figure(road, names), "faithfulness", ROAD_ALT_TEXT),
        "original": road.original.mean(),
        "rows": {
            name: {
                "most": road.most_removed[name].mean(),
                "least": road.least_removed[name].mean(),
                "score": road.score(name),
            }
            for name in names
        },
        "baseline": BASELINE,
        "removed": REMOVED_PERCENT,
        "example": EXAMPLE_PERCENT,
        "better": road.beats_chance(explanations.layer),
    }


def _removal(explanations: Explanations, removal: Removal) -> dict[str, Any]:
    item = explanations.sample[removal.row]
    return {
        "case": item.case,
        "picture": image_uri(item.image),
        "heat": heat_uri([item.predicted_maps[explanations.layer]]),
        "removal": removal,
        "without_most": image_uri(removal.without_most),
        "without_least": image_uri(removal.without_least),
    }


def _sanity(explanations: Explanations) -> dict[str, Any]:
    """Returns the chart, and the maps of one image after each randomisation step."""
    sanity, layer = explanations.sanity, explanations.layer
    names = {method: map_name(layer, method) for method in METHODS}
    row = explanations.removals[0].row
    item = explanations.sample[row]
    return {
        "chart": render_svg(sanity_figure(sanity, layer), "sanity", SANITY_ALT_TEXT),
        "steps": sanity.steps,
        "limit": MAX_SIMILARITY,
        "scores": {method: sanity.score(name) for method, name in names.items()},
        "case": item.case,
        "picture": image_uri(item.image),
        "rows": {
            method: [
                heat_uri([heat]) for heat in (item.predicted_maps[name], *sanity.maps[name][:, row])
            ]
            for method, name in names.items()
        },
    }
