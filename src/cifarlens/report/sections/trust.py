"""Prepares the section on how far to trust the maps: the verdict, then both tests."""

from typing import Any

from ...classifier.occlusion import OCCLUSION
from ...display.formats import percent
from ...explanation.explain import Explanations
from ...explanation.faithfulness import BASELINE, REMOVED_PERCENT
from ...explanation.gradcam import GRAD_CAM, METHODS, map_name
from ...explanation.removal import EXAMPLE_PERCENT, Removal
from ...explanation.sanity import MAX_SIMILARITY
from ...figures.style import render_svg
from ...figures.trust import faithfulness_figure, sanity_figure
from ..pictures import heat_picture, image_uri

# What to do with maps and why, by (pixels matter, map changes); None if all maps are empty.
VERDICTS = {
    (True, True): (
        "Read",
        "these maps point at what matters, and change when the network forgets what it learned",
    ),
    (True, False): (
        "Distrust",
        "these maps point at what matters, but hardly change when the network forgets what it"
        " learned: they may only show edges of the picture",
    ),
    (False, True): ("Distrust", "these maps point at what matters no better than chance"),
    (False, False): (
        "Distrust",
        "these maps point at what matters no better than chance, and hardly change when the network"
        " forgets what it learned",
    ),
    None: ("Skip", "these maps are empty"),
}
READ = (True, True)


def read_map(explanations: Explanations, layer: str) -> dict[str, Any]:
    """Returns whether Grad-CAM at a layer `passes` both tests, and the verdict as a sentence."""
    verdict = _verdict(explanations, layer)
    action, reason = VERDICTS[verdict]
    return {"passes": verdict == READ, "text": f"{action} {GRAD_CAM} at {layer}: {reason}."}


def trust_section(explanations: Explanations) -> dict[str, Any]:
    """Returns the values for trust.html.j2."""
    road = explanations.faithfulness
    return {
        "layer": explanations.layer,
        "layers": explanations.layers,
        "images": len(explanations.sample),
        "verdicts": _verdicts(explanations),
        "scores": _scores(explanations),
        "occlusion": (road.score(OCCLUSION), road.beats_chance(OCCLUSION)),
        "random": road.score(BASELINE),
        "limit": MAX_SIMILARITY,
        "road": _road(explanations),
        "removals": [_removal(explanations, removal) for removal in explanations.removals],
        "sanity": _sanity(explanations),
    }


def _verdict(explanations: Explanations, name: str) -> tuple[bool, bool] | None:
    """Returns the key of `VERDICTS` for a map's name."""
    return None if explanations.sanity.score(name) is None else explanations.trusted(name)


def _verdicts(explanations: Explanations) -> list[dict[str, Any]]:
    """Returns each verdict with its maps: the layers of each method, in words."""
    layers, groups = explanations.layers, []
    for verdict, (action, reason) in VERDICTS.items():
        maps = {}
        for method in METHODS:
            names = [
                layer
                for layer in layers
                if _verdict(explanations, map_name(layer, method)) == verdict
            ]
            if names:
                maps[method] = "every layer" if len(names) == len(layers) else ", ".join(names)
        if maps:
            passes = verdict == READ
            groups.append({"passes": passes, "action": action, "reason": reason, "maps": maps})
    return groups


def _scores(explanations: Explanations) -> dict[str, list[dict[str, tuple[float | None, bool]]]]:
    """Returns for each method, at each layer, the score of each test and whether it is passed."""
    road, sanity = explanations.faithfulness, explanations.sanity
    names = {
        method: [map_name(layer, method) for layer in explanations.layers] for method in METHODS
    }
    return {
        method: [
            {
                "road": (road.score(name), road.beats_chance(name)),
                "sanity": (sanity.score(name), sanity.passes(name)),
            }
            for name in row
        ]
        for method, row in names.items()
    }


def _road(explanations: Explanations) -> dict[str, Any]:
    """Returns what Grad-CAM's maps, Occlusion and a random map do to the probability."""
    road, names = explanations.faithfulness, [*explanations.layers, OCCLUSION, BASELINE]
    means = {
        name: {"most": road.most_removed[name].mean(), "least": road.least_removed[name].mean()}
        for name in names
    }
    label = "; ".join(
        f"{name} {percent(mean['most'])} and {percent(mean['least'])}"
        for name, mean in means.items()
    )
    label = f"Probability without the most and without the least important pixels: {label}"
    return {
        "chart": render_svg(faithfulness_figure(road, names), "faithfulness", label),
        "original": road.original.mean(),
        "means": means[explanations.layer],
        "random": means[BASELINE]["most"],
        "removed": REMOVED_PERCENT,
        "example": EXAMPLE_PERCENT,
    }


def _removal(explanations: Explanations, removal: Removal) -> dict[str, Any]:
    item, layer = explanations.sample[removal.row], explanations.layer
    return {
        "case": item.case,
        "picture": image_uri(item.image),
        "heat": heat_picture([item.predicted_maps[layer]], [layer]),
        "removal": removal,
        "without_most": image_uri(removal.without_most),
        "without_least": image_uri(removal.without_least),
    }


def _sanity(explanations: Explanations) -> dict[str, Any]:
    """Returns the chart, and the maps of one image after each randomisation step."""
    sanity, layer = explanations.sanity, explanations.layer
    row = explanations.removals[0].row
    item = explanations.sample[row]
    grid, means = {}, []
    for method in METHODS:
        name = map_name(layer, method)
        maps = (item.predicted_maps[name], *sanity.maps[name][:, row])
        grid[method] = [heat_picture([saliency], [layer]) for saliency in maps]
        values = ", ".join(f"{value:.2f}" for value in sanity.similarity[name])
        means.append(f"{method} {'no value' if sanity.score(name) is None else values}")
    label = f"Similarity at {layer} after each step: {'; '.join(means)}"
    return {
        "chart": render_svg(sanity_figure(sanity, layer), "sanity", label),
        "steps": sanity.steps,
        "case": item.case,
        "picture": image_uri(item.image),
        "grid": grid,
    }
