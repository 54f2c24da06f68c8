"""The report's section on Grad-CAM: pictures, and where methods differ."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ...display.heatmap import heat_colours
from ...explanation.explain import Explained, Explanations
from ...explanation.gradcam import METHODS, map_name
from ...explanation.similarity import rank_correlation
from ..pictures import heat_uri, image_uri

DIFFERENT = 6  # images shown where methods agree least


def explanation_section(explanations: Explanations) -> dict[str, Any]:
    """What explanations.html.j2 shows."""
    mistakes, correct = explanations.mistakes, explanations.correct
    layers = explanations.layers
    ramp = heat_colours(np.linspace(0, 1, 7))
    return {
        "mistakes": [_classes_card(item, layers) for item in mistakes],
        "correct": [_classes_card(item, layers) for item in correct],
        "methods": _methods([*mistakes, *correct], layers, explanations.layer),
        "layers": layers,
        "layer": layers.index(explanations.layer),
        "ramp": [f"rgb({r} {g} {b} / {a / 255:.2f})" for r, g, b, a in ramp.tolist()],
    }


def _classes_card(item: Explained, layers: Sequence[str]) -> dict[str, Any]:
    """A case with its picture and, for each class, the layers' maps one under the other."""
    labels = {item.case.predicted: item.predicted, item.case.true: item.true}
    heat = {label: heat_uri([maps[name] for name in layers]) for label, maps in labels.items()}
    return {"case": item.case, "picture": image_uri(item.image), "heat": heat}


def _methods_card(item: Explained, layers: Sequence[str]) -> dict[str, Any]:
    """As above, for each method instead."""
    heat = {
        method: heat_uri([item.predicted[map_name(layer, method)] for layer in layers])
        for method in METHODS
    }
    return {"case": item.case, "picture": image_uri(item.image), "heat": heat}


def _methods(items: Sequence[Explained], layers: Sequence[str], layer: str) -> dict[str, Any]:
    """The images whose maps of a layer differ most from method to method, and by how much."""
    names = [map_name(layer, method) for method in METHODS]
    maps = {name: np.stack([item.predicted[name] for item in items]) for name in names}
    pairs = [_alike(maps[one], maps[two]) for one, two in combinations(maps, 2)]
    alike = np.mean(pairs, axis=0)
    least = np.argsort(alike, kind="stable")[:DIFFERENT]
    return {
        "cards": [
            {**_methods_card(items[place], layers), "alike": float(alike[place])} for place in least
        ],
        "alike": float(alike.mean()),
        "images": len(items),
    }


def _alike(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Rank correlation of maps N×H×W; 1 where both are flat and so the same, 0 where one is."""
    flat, other_flat = ((part.min((1, 2)) == part.max((1, 2))) for part in (maps, others))
    known = np.nan_to_num(rank_correlation(maps, others), nan=0.0)
    return np.where(flat & other_flat, 1.0, known)
