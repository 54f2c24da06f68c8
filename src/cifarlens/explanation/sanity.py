"""Whether saliency maps depend on what the network learned: the model-randomisation test.

The weights are drawn anew, layer after layer from the head down, and the maps made again. A map
that hardly changes shows the picture, edges and bright spots, not what was learned.

Source: Adebayo et al. 2018, Sanity Checks for Saliency Maps (arXiv:1810.03292): the cascading
randomisation, judged by Spearman's rank correlation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..classifier.bundle import Bundle
from ..classifier.networks import Network
from ..classifier.operations import HEAD
from .gradcam import Maps, network_maps, prepare
from .similarity import rank_correlation

SEED = 0  # of the new weights: no knob, so that runs compare
DIGITS = 3
CHANGED = 0.3  # mean rank correlation, either sign, up to which maps count as changed: our choice


@dataclass(frozen=True)
class Sanity:
    """Maps of a network that forgets layer by layer, against its own before.

    Attributes:
        steps: what is drawn anew in each step, beside what was before: the head, then the layers
            from the last to the first.
        similarity: by map name the mean rank correlation after each step, float64, -1 to 1; NaN
            if the trained network's maps are all empty.
        maps: by map name float32 maps, steps×N×H×W.
    """

    steps: tuple[str, ...]
    similarity: dict[str, np.ndarray]
    maps: dict[str, np.ndarray]

    def score(self, name: str) -> float | None:
        """The mean over the steps, rounded: near 0 is right. None without any map."""
        mean = float(self.similarity[name].mean())
        return None if np.isnan(mean) else round(mean, DIGITS) + 0.0  # never -0.0

    def changes(self, name: str) -> bool:
        """Whether the maps change as they should."""
        score = self.score(name)
        return score is not None and abs(score) <= CHANGED


def check_sanity(bundle: Bundle, images: np.ndarray, labels: Sequence[int], before: Maps) -> Sanity:
    """Draws the weights anew in steps and makes the maps again.

    Args:
        bundle: its network is copied, not touched.
        images: uint8, N×H×W×3, at least one.
        labels: the label explained in each image.
        before: the trained network's maps.
    """
    trained, x = prepare(bundle, images)
    steps, again = [], []
    for step, network in _forgetting(trained):
        steps.append(step)
        again.append(network_maps(network, x, labels))
    maps = {name: np.stack([after[name] for after in again]) for name in before}
    similarity = {
        name: np.array([_mean(rank_correlation(first, after)) for after in maps[name]])
        for name, first in before.items()
    }
    return Sanity(tuple(steps), similarity, maps)


def _forgetting(network: Network) -> Iterator[tuple[str, Network]]:
    """The same network after each step, in place."""
    parts = [(HEAD, network.head), *reversed(list(network.features.named_children()))]
    for place, (step, part) in enumerate(parts):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED + place)
            _draw_anew(part)
        yield step, network


def _draw_anew(part: nn.Module) -> None:
    """Every layer as before training, the batch normalisation's statistics too."""
    for module in part.modules():
        reset = getattr(module, "reset_parameters", None)
        if reset:
            reset()


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
