"""The report's section on Grad-CAM: pictures, and where methods differ."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ...display.heatmap import heat_colours
from ...explanation.explain import Explained, Explanations
from ...explanation.gradcam import METHODS
from ...explanation.similarity import rank_correlation
from ..pictures import heat_uri, image_uri

DIFFERENT = 6  # images shown where methods agree least


def explanation_section(explanations: Explanations) -> dict[str, Any]:
    """What explanations.html.j2 shows."""
    mistakes, correct = explanations.mistakes, explanations.correct
    layers = list(explanations.measured[0].predicted)
    ramp = heat_colours(np.linspace(0, 1, 7))
    return {
        "mistakes": [_card(item, _both_classes(item)) for item in mistakes],
        "correct": [_card(item, _both_classes(item)) for item in correct],
        "methods": _methods([*mistakes, *correct], explanations.layer),
        "layers": layers,
        "layer": layers.index(explanations.layer),
        "ramp": [f"rgb({r} {g} {b} / {a / 255:.2f})" for r, g, b, a in ramp.tolist()],
    }


def _card(item: Explained, maps: Mapping[Any, Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """A case with its picture and, for each key of the maps, those of the layers in a column."""
    return {
        "case": item.case,
        "picture": image_uri(item.image),
        "heat": {key: heat_uri(list(layers.values())) for key, layers in maps.items()},
    }


def _both_classes(item: Explained) -> dict[int, dict[str, np.ndarray]]:
    return {item.case.predicted: item.predicted, item.case.true: item.true}


def _methods(items: Sequence[Explained], layer: str) -> dict[str, Any]:
    """The images whose maps of a layer differ most from method to method, and by how much."""
    maps = {name: np.stack([item.methods[name][layer] for item in items]) for name in METHODS}
    pairs = [_alike(maps[one], maps[two]) for one, two in combinations(maps, 2)]
    alike = np.mean(pairs, axis=0)
    least = np.argsort(alike, kind="stable")[:DIFFERENT]
    return {
        "cards": [
            {**_card(items[place], items[place].methods), "alike": float(alike[place])}
            for place in least
        ],
        "alike": float(alike.mean()),
        "images": len(items),
    }


def _alike(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Rank correlation of maps N×H×W; 1 where both are flat and so the same, 0 where one is."""
    flat, other_flat = ((part.min((1, 2)) == part.max((1, 2))) for part in (maps, others))
    known = np.nan_to_num(rank_correlation(maps, others), nan=0.0)
    return np.where(flat & other_flat, 1.0, known)
