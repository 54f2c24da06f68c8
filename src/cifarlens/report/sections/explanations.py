"""Prepares the section on Grad-CAM: heat maps of classes, layers and methods."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ...classifier.occlusion import OCCLUSION
from ...display.heatmap import heat_colours
from ...explanation.explain import ExplainedCase, Explanations
from ...explanation.gradcam import GRAD_CAM, METHODS, map_name
from ...explanation.similarity import rank_correlation
from ..pictures import heat_picture, image_uri
from .trust import read_map

MAX_VISIBLE = 12  # cards of each kind that are not folded
MAX_DIFFERENT = 6  # images on which the methods agree least


def explanation_section(explanations: Explanations) -> dict[str, Any]:
    """Returns the values for explanations.html.j2."""
    layers = explanations.layers
    ramp = heat_colours(np.linspace(0, 1, 7))
    mistakes, correct = explanations.mistakes, explanations.correct
    return {
        "mistakes": [
            [_classes_card(item, layers) for item in items]
            for items in (mistakes[:MAX_VISIBLE], mistakes[MAX_VISIBLE:])
        ],
        "correct": [
            [_classes_card(item, layers) for item in items] for items in _one_of_each(correct)
        ],
        "methods": _methods(explanations),
        "layers": {name: read_map(explanations, name) for name in layers},
        "layer": explanations.layer,
        "layer_index": layers.index(explanations.layer),
        "ramp": [f"rgb({r} {g} {b} / {a / 255:.2f})" for r, g, b, a in ramp.tolist()],
    }


def _one_of_each(items: Sequence[ExplainedCase]) -> tuple[list[ExplainedCase], list[ExplainedCase]]:
    """Returns the first item of each class, at most `MAX_VISIBLE`, and the other items."""
    firsts = {item.case.true: item for item in reversed(items)}
    visible = sorted(firsts)[:MAX_VISIBLE]
    others = [item for item in items if item is not firsts[item.case.true]]
    others += [firsts[label] for label in sorted(firsts)[MAX_VISIBLE:]]
    return [firsts[label] for label in visible], others


def _classes_card(item: ExplainedCase, layers: Sequence[str]) -> dict[str, Any]:
    """Returns a case, its image and, for each class, the maps of all layers in one picture."""
    labels = {item.case.predicted: item.predicted_maps, item.case.true: item.true_maps}
    heat = {
        label: heat_picture([maps[name] for name in layers], layers)
        for label, maps in labels.items()
    }
    return {"case": item.case, "picture": image_uri(item.image), "heat": heat}


def _methods_card(item: ExplainedCase, layers: Sequence[str]) -> dict[str, Any]:
    """Returns a case, its image and, for each method, the maps of all layers in one picture."""
    maps = item.predicted_maps
    heat = {
        method: heat_picture([maps[map_name(layer, method)] for layer in layers], layers)
        for method in METHODS
    }
    heat[OCCLUSION] = heat_picture([maps[OCCLUSION]] * len(layers), layers)  # the same at each
    return {"case": item.case, "picture": image_uri(item.image), "heat": heat}


def _methods(explanations: Explanations) -> dict[str, Any]:
    """Returns the images on which the methods differ most at the layer, and mean similarities."""
    items, layer = explanations.sample, explanations.layer
    names = {method: map_name(layer, method) for method in METHODS} | {OCCLUSION: OCCLUSION}
    maps = {
        method: np.stack([item.predicted_maps[name] for item in items])
        for method, name in names.items()
    }
    pairs = {pair: _similarity(*(maps[name] for name in pair)) for pair in combinations(maps, 2)}
    similarity = np.mean(list(pairs.values()), axis=0)
    rows = np.argsort(similarity, kind="stable")[:MAX_DIFFERENT]
    return {
        "cards": [
            {**_methods_card(items[row], explanations.layers), "similarity": similarity[row]}
            for row in rows
        ],
        "gradients": np.mean([values for pair, values in pairs.items() if OCCLUSION not in pair]),
        "occlusion": pairs[GRAD_CAM, OCCLUSION].mean(),
        "images": len(items),
    }


def _similarity(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the rank correlation of maps N×H×W: 1 if both are flat, 0 if only one is flat."""
    flat, other_flat = ((part.min((1, 2)) == part.max((1, 2))) for part in (maps, others))
    correlation = np.nan_to_num(rank_correlation(maps, others), nan=0.0)
    return np.where(flat & other_flat, 1.0, correlation)
