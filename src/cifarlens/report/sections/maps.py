"""The report's sections on saliency maps: pictures, numbers and charts for their templates."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ...explanation.explain import Explained, Explanations
from ...explanation.faithfulness import BASELINE, REMOVED, Faithfulness
from ...explanation.gradcam import METHODS, map_name
from ...explanation.removal import SHARE, Removal
from ...explanation.sanity import CHANGED, Sanity
from ...explanation.similarity import rank_correlation
from ...figures.classes import faithfulness_figure
from ...figures.style import render_svg
from ...figures.trust import sanity_figure
from ..pictures import heat_colours, heat_uri, image_uri

DIFFERENT = 6  # images shown where methods agree least


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
        "methods": _methods([*explanations.mistakes, *explanations.correct], layers, layer),
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


def _methods(items: Sequence[Explained], layers: Sequence[str], layer: str) -> dict[str, Any]:
    """The images whose maps of a layer differ most from method to method, and by how much."""
    items = [item for item in items if item.others]
    if not items:
        return {"cards": []}
    maps = {name: np.stack([item.methods[name][layer] for item in items]) for name in METHODS}
    pairs = [_alike(maps[one], maps[two]) for one, two in combinations(maps, 2)]
    alike = np.mean(pairs, axis=0)
    least = np.argsort(alike, kind="stable")[:DIFFERENT]
    return {
        "cards": [
            {
                "case": items[place].case,
                "picture": image_uri(items[place].image),
                "heat": {
                    method: heat_uri([found[name] for name in layers])
                    for method, found in items[place].methods.items()
                },
                "alike": float(alike[place]),
            }
            for place in least
        ],
        "alike": float(alike.mean()),
        "images": len(items),
    }


def _alike(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Rank correlation of maps N×H×W; 1 where both are flat and so the same, 0 where one is."""
    flat, other_flat = ((found.min((1, 2)) == found.max((1, 2))) for found in (maps, others))
    known = np.nan_to_num(rank_correlation(maps, others), nan=0.0)
    return np.where(flat & other_flat, 1.0, known)


def trust_section(explanations: Explanations, layer: str) -> dict[str, Any] | None:
    """What trust.html.j2 shows, the layer first; None if no image was explained."""
    measured, sanity = explanations.faithfulness, explanations.sanity
    if measured is None or sanity is None:
        return None
    items = explanations.measured
    layers, methods = list(items[0].predicted), list(items[0].methods)
    names = {name: [map_name(name, method) for method in methods] for name in layers}
    return {
        "layer": layer,
        "last": layers[-1],
        "methods": methods,
        "images": measured.images,
        "road": _road(measured, layers, layer),
        "removals": [_removal(items, removal, layer) for removal in explanations.removals],
        "sanity": _sanity(explanations, sanity, layer),
        "grids": {
            "road": {
                name: [(measured.score(one), measured.beats_chance(one)) for one in row]
                for name, row in names.items()
            },
            "sanity": {
                name: [(sanity.score(one), sanity.changes(one)) for one in row]
                for name, row in names.items()
            },
        },
        "passed": {
            method: [
                name
                for name in layers
                if measured.beats_chance(map_name(name, method))
                and sanity.changes(map_name(name, method))
            ]
            for method in methods
        },
    }


def _road(measured: Faithfulness, layers: Sequence[str], layer: str) -> dict[str, Any]:
    """Grad-CAM by layer, against chance."""
    names = [*layers, BASELINE]
    left = "Probability left after removing pixels; the table holds the numbers"
    return {
        "chart": render_svg(faithfulness_figure(measured, names), "faithfulness", left),
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
        "better": measured.beats_chance(layer),
    }


def _removal(items: Sequence[Explained], removal: Removal, layer: str) -> dict[str, Any]:
    item = items[removal.place]
    return {
        "case": item.case,
        "picture": image_uri(item.image),
        "heat": heat_uri([item.predicted[layer]]),
        "without_most": image_uri(removal.without_most),
        "without_least": image_uri(removal.without_least),
        "untouched": removal.untouched,
        "most": removal.most,
        "least": removal.least,
    }


def _sanity(explanations: Explanations, sanity: Sanity, layer: str) -> dict[str, Any]:
    """The chart, and one image's maps while the network forgets."""
    place = explanations.removals[0].place if explanations.removals else 0
    item = explanations.measured[place]
    label = "How alike the maps stay while the network forgets; the tables below hold the means"
    return {
        "chart": render_svg(sanity_figure(sanity, layer), "sanity", label),
        "steps": sanity.steps,
        "changed": CHANGED,
        "scores": {method: sanity.score(map_name(layer, method)) for method in item.methods},
        "case": item.case,
        "picture": image_uri(item.image),
        "rows": {
            method: [
                heat_uri([found])
                for found in (maps[layer], *sanity.maps[map_name(layer, method)][:, place])
            ]
            for method, maps in item.methods.items()
        },
    }
