"""Tests whether saliency maps depend on what the network learned: the randomisation test.

The test replaces the weights with random ones, layer by layer from the head to the first layer, and
computes the maps again after each step. A map that hardly changes shows edges and bright spots of
the image, not what the network learned.

Source: Adebayo et al. 2018, Sanity Checks for Saliency Maps (arXiv:1810.03292), cascading
randomisation with Spearman's rank correlation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..classifier.bundle import Bundle
from ..classifier.networks import Network
from ..classifier.operations import HEAD
from .gradcam import Maps, network_maps, prepare_network
from .similarity import rank_correlation

SEED = 0  # of the random weights; constant, so that runs are comparable
DIGITS = 3
MAX_SIMILARITY = 0.3  # absolute mean rank correlation of maps that count as changed; our choice


@dataclass(frozen=True)
class Sanity:
    """Compares the maps of a network while it is randomised with its maps before.

    Attributes:
        steps: part that each step randomises, in addition to the parts before: the head, then the
            layers from the last to the first.
        similarity: by map name, the mean rank correlation after each step, float64, -1 to 1; NaN
            if all maps of the trained network are empty.
        maps: by map name, the maps after each step, float32 steps×N×H×W.
    """

    steps: tuple[str, ...]
    similarity: dict[str, np.ndarray]
    maps: dict[str, np.ndarray]

    def score(self, name: str) -> float | None:
        """Returns the similarity averaged over the steps, rounded; None if all maps are empty.

        The nearer to 0, the better.
        """
        mean = float(self.similarity[name].mean())
        return None if np.isnan(mean) else round(mean, DIGITS) + 0.0  # never -0.0

    def passes(self, name: str) -> bool:
        """Returns whether the maps change enough to pass the test."""
        score = self.score(name)
        return score is not None and abs(score) <= MAX_SIMILARITY


def check_sanity(bundle: Bundle, images: np.ndarray, labels: Sequence[int], before: Maps) -> Sanity:
    """Randomises the network step by step and compares its maps.

    Args:
        bundle: network to test; the function works on a copy.
        images: uint8, N×H×W×3, at least one.
        labels: explained label of each image.
        before: maps of the trained network.
    """
    trained, x = prepare_network(bundle, images)
    steps, maps_of_steps = [], []
    for step, network in _randomise(trained):
        steps.append(step)
        maps_of_steps.append(network_maps(network, x, labels))
    maps = {name: np.stack([after[name] for after in maps_of_steps]) for name in before}
    similarity = {
        name: np.array([_mean(rank_correlation(first, after)) for after in maps[name]])
        for name, first in before.items()
    }
    return Sanity(tuple(steps), similarity, maps)


def _randomise(network: Network) -> Iterator[tuple[str, Network]]:
    """Randomises the network in place and yields it after each step."""
    parts = [(HEAD, network.head), *reversed(list(network.features.named_children()))]
    for index, (step, part) in enumerate(parts):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED + index)
            _reset_weights(part)
        yield step, network


def _reset_weights(part: nn.Module) -> None:
    """Initialises every layer as before training, including batch normalisation's statistics."""
    for module in part.modules():
        reset = getattr(module, "reset_parameters", None)
        if reset:
            reset()


def _mean(values: np.ndarray) -> float:
    """Returns the mean of the values that are not NaN, or NaN if there are none."""
    numbers = values[~np.isnan(values)]
    return float(numbers.mean()) if len(numbers) else float("nan")
