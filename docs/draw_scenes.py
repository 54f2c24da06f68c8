"""Draws docs/scenes.png, the picture in the README: `python docs/draw_scenes.py`.

It shows the scenes of the Space above their Grad-CAM maps by the network in models/, for instance
after `make pretrained`.
"""

from pathlib import Path

import numpy as np

from cifarlens.classifier.bundle import load_bundle
from cifarlens.classifier.predict import predict_logits, softmax
from cifarlens.classifier.saliency import saliency_maps
from cifarlens.display.formats import probability
from cifarlens.display.heatmap import blend
from cifarlens.figures.style import figure_style, new_figure, save_png
from cifarlens.space.packaging.scenes import draw_scenes

ROOT = Path(__file__).parents[1]
COLUMNS, SIDE, OPACITY = 5, 128, 0.6  # SIDE: pixels of a scene and of its map
GAP = 6  # pixels between both


def main() -> None:
    bundle, scenes = load_bundle(ROOT / "models"), draw_scenes()
    probabilities = softmax(predict_logits(bundle, scenes))
    answers = probabilities.argmax(axis=1)
    layer = bundle.config.layers[-1]
    maps = saliency_maps(bundle, scenes, [[answer] for answer in answers], layer)
    with figure_style():
        figure = new_figure(8.4, 7.4)
        grid = figure.subplots(-(-len(scenes) // COLUMNS), COLUMNS)
        for axes, scene, answer, shares, (saliency,) in zip(
            grid.flat, scenes, answers, probabilities, maps, strict=True
        ):
            pictures = [blend(scene, saliency, opacity, SIDE) for opacity in (0, OPACITY)]
            gap = np.full((GAP, SIDE, 3), 255, np.uint8)
            axes.imshow(np.concatenate([pictures[0], gap, pictures[1]]))
            axes.set_axis_off()
            name = f"{bundle.config.classes[answer]} {probability(shares[answer])}"
            axes.set_title(name, fontweight="normal", pad=4, loc="center")
        save_png(ROOT / "docs/scenes.png", figure)


if __name__ == "__main__":
    main()
