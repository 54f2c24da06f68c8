"""Prepares the section on Grad-CAM: heat maps of classes, layers and methods."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ...display.heatmap import heat_colours
from ...explanation.explain import ExplainedCase, Explanations
from ...explanation.gradcam import METHODS, map_name
from ...explanation.similarity import rank_correlation
from ..pictures import heat_uri, image_uri

MAX_DIFFERENT = 6  # images on which the methods agree least


def explanation_section(explanations: Explanations) -> dict[str, Any]:
    """Returns the values for explanations.html.j2."""
    mistakes, correct = explanations.mistakes, explanations.correct
    layers = explanations.layers
    ramp = heat_colours(np.linspace(0, 1, 7))
    return {
        "mistakes": [_classes_card(item, layers) for item in mistakes],
        "correct": [_classes_card(item, layers) for item in correct],
        "methods": _methods([*mistakes, *correct], layers, explanations.layer),
        "layers": layers,
        "layer": explanations.layer,
        "layer_index": layers.index(explanations.layer),
        "ramp": [f"rgb({r} {g} {b} / {a / 255:.2f})" for r, g, b, a in ramp.tolist()],
    }


def _classes_card(item: ExplainedCase, layers: Sequence[str]) -> dict[str, Any]:
    """Returns a case, its image and, for each class, the maps of all layers in one picture."""
    labels = {item.case.predicted: item.predicted_maps, item.case.true: item.true_maps}
    heat = {label: heat_uri([maps[name] for name in layers]) for label, maps in labels.items()}
    return {"case": item.case, "picture": image_uri(item.image), "heat": heat}


def _methods_card(item: ExplainedCase, layers: Sequence[str]) -> dict[str, Any]:
    """Returns a case, its image and, for each method, the maps of all layers in one picture."""
    heat = {
        method: heat_uri([item.predicted_maps[map_name(layer, method)] for layer in layers])
        for method in METHODS
    }
    return {"case": item.case, "picture": image_uri(item.image), "heat": heat}


def _methods(items: Sequence[ExplainedCase], layers: Sequence[str], layer: str) -> dict[str, Any]:
    """Returns the images on which the methods differ most at a layer, and the mean similarity."""
    names = [map_name(layer, method) for method in METHODS]
    maps = {name: np.stack([item.predicted_maps[name] for item in items]) for name in names}
    pairs = [_similarity(maps[one], maps[two]) for one, two in combinations(maps, 2)]
    similarity = np.mean(pairs, axis=0)
    rows = np.argsort(similarity, kind="stable")[:MAX_DIFFERENT]
    return {
        "cards": [
            {**_methods_card(items[row], layers), "similarity": float(similarity[row])}
            for row in rows
        ],
        "similarity": float(similarity.mean()),
        "images": len(items),
    }


def _similarity(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the rank correlation of maps N×H×W: 1 if both are flat, 0 if only one is flat."""
    flat, other_flat = ((part.min((1, 2)) == part.max((1, 2))) for part in (maps, others))
    correlation = np.nan_to_num(rank_correlation(maps, others), nan=0.0)
    return np.where(flat & other_flat, 1.0, correlation)
