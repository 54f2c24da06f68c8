"""Prepares the first section: the result, the findings, some images, the goal and the settings."""

from typing import Any

import numpy as np

from ...display.formats import rate
from ...evaluation.metrics import balanced, confused_pairs, wilson_interval
from ...explanation.explain import ExplainedCase, Explanations, pick_evenly
from ...explanation.faithfulness import BASELINE, Faithfulness
from ...sources import SOURCES
from ...training.recipe import describe_recipe
from ..pictures import heat_picture, image_uri
from ..run import Run

SWITCHES = {"norm_first": "normalisation before ReLU"}  # options of a network that are on or off
SHOWN = 4  # images of each kind, correct and misclassified


def glance_section(run: Run, explanations: Explanations) -> dict[str, Any]:
    """Returns the values for glance.html.j2."""
    result = run.result
    goal = SOURCES[run.source].goal
    low, high = wilson_interval(result.correct, result.images)
    names, layer = run.dataset.classes, explanations.layer
    pairs = confused_pairs(result.confusion, 1)
    images, lowest = result.class_images, np.nanmin(result.class_accuracy)
    faithful, changes = explanations.trusted(layer)
    return {
        "low": low,
        "high": high,
        "unbalanced": not balanced(images),
        "largest": names[int(images.argmax())],
        "guess": images.max() / images.sum(),
        "sizes": (int(images.min()), int(images.max())),
        "weakest": names[int(np.nanargmin(result.class_accuracy))],
        "weakest_accuracy": lowest,
        "as_weak": int((result.class_accuracy == lowest).sum()) - 1,
        "strongest": names[int(np.nanargmax(result.class_accuracy))],
        "strongest_accuracy": np.nanmax(result.class_accuracy),
        "pair": [(names[i], names[j], n, int(images[i])) for i, j, n in pairs],
        "layer": layer,
        "middle": _share_in_the_middle(
            np.stack([item.predicted_maps[layer] for item in explanations.sample])
        ),
        "faithful": faithful,
        "changes": changes,
        "empty": explanations.sanity.score(layer) is None,
        "drop": _drop(explanations.faithfulness, layer),
        "random_drop": _drop(explanations.faithfulness, BASELINE),
        "cards": [
            _card(item, layer)
            for items in (explanations.correct, explanations.mistakes)
            for item in pick_evenly(items, SHOWN)
        ],
        "goal": goal,
        "met": goal is not None and result.accuracy >= goal,
        "gap": run.train["train_accuracy"] - result.accuracy,
        "recipe": _recipe(run),
    }


def _card(item: ExplainedCase, layer: str) -> dict[str, Any]:
    heat = heat_picture([item.predicted_maps[layer]], [layer])
    return {"case": item.case, "picture": image_uri(item.image), "heat": heat}


def _drop(road: Faithfulness, name: str) -> int:
    """Returns how far the probability falls without the pixels that a map marks, in points."""
    return round(100 * float(road.original.mean() - road.most_removed[name].mean()))


def _share_in_the_middle(maps: np.ndarray) -> float:
    """Returns the share of the evidence of maps, N×H×W, in the middle quarter of the area."""
    height, width = maps.shape[1:]
    middle = maps[:, height // 4 : height - height // 4, width // 4 : width - width // 4]
    return float(middle.sum() / max(maps.sum(), 1e-12))


def _origin(parameter: float | str, used: float, suggested: float) -> str:
    """Returns where a learning rate comes from, given its value in params.yaml."""
    if parameter != "auto":
        return "set in params.yaml"
    return "auto: suggested by lr_find" if used == suggested else "auto: lowered to lr_max"


def _recipe(run: Run) -> dict[str, str]:
    params, train = run.params, run.train
    options = sorted(run.config.arguments.items(), reverse=True)  # width first
    described = (_describe_option(name, value) for name, value in options)
    return {
        "Network": ", ".join([run.config.architecture, *described]),
        **describe_recipe(
            epochs=params.epochs,
            batch_size=params.batch_size,
            ema_decay=params.ema_decay,
            peak_epoch=params.peak_epoch,
            augment=params.augment,
            optimizer=params.optimizer,
            loss=params.loss,
            train=train,
        ),
        "lr_max": f"{rate(train['lr_max'])}, "
        + _origin(params.lr_max, train["lr_max"], run.finder["lr_max"]),
        "lr_min": f"{rate(train['lr_min'])}, "
        + _origin(params.lr_min, train["lr_min"], run.finder["lr_min"]),
        "Held out": f"{params.val_size:,} training images" if params.val_size else "no images",
        "Seed": f"{params.seed}",
    }


def _describe_option(name: str, value: float) -> str:
    """Returns an option of the network and its value in words."""
    if isinstance(value, bool):
        return f"{SWITCHES.get(name, name)}: {'yes' if value else 'no'}"
    return f"{name} {value:g}"
