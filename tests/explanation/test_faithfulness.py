from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cifarlens.classifier.bundle import Bundle, BundleConfig
from cifarlens.classifier.networks import Network
from cifarlens.explanation.faithfulness import (
    BASELINE,
    Faithfulness,
    measure_faithfulness,
    remove_pixels,
)


class Corner(nn.Module):
    """Predicts yes if the top left quarter of the first channel is bright."""

    def forward(self, x: Tensor) -> Tensor:
        bright = x[:, 0, :16, :16].mean((1, 2))
        return torch.stack([8 * (bright - 0.5), -8 * (bright - 0.5)], 1)


@pytest.fixture
def faithfulness() -> Faithfulness:
    """Tests a right and a wrong map of a network that uses only the top left quarter.

    The images are dark noise with a light spot in that quarter.
    """
    still = nn.Conv2d(3, 3, 1, bias=False)
    still.weight.data = torch.eye(3)[:, :, None, None]
    network = Network(OrderedDict(still=still), Corner()).eval().requires_grad_(False)
    config = BundleConfig("corner", {}, ("yes", "no"), (0,) * 3, (1,) * 3, 32, ("still",))
    images = np.random.default_rng(0).integers(0, 60, (6, 32, 32, 3)).astype(np.uint8)
    images[:, 2:14, 2:14] = 250
    spot = np.zeros((6, 32, 32), np.float32)
    spot[:, 2:14, 2:14] = 1
    maps = {"right": spot, "wrong": 1 - spot}
    return measure_faithfulness(Bundle(network, config), images, [0] * 6, maps)


def test_a_right_map_beats_chance_and_a_wrong_one_does_not(faithfulness: Faithfulness) -> None:
    right, chance, wrong = (faithfulness.score(name) for name in ("right", BASELINE, "wrong"))
    assert right > 0.1 > chance > wrong
    assert faithfulness.beats_chance("right")
    assert not faithfulness.beats_chance("wrong")
    assert not faithfulness.beats_chance(BASELINE)
    original = faithfulness.original.mean()
    assert faithfulness.most_removed["right"].mean() < original - 0.2
    assert faithfulness.least_removed["right"].mean() > original - 0.05


@pytest.mark.parametrize(("images", "most"), [(40, 0.9999), (1, 0.0)])
def test_an_invisible_difference_or_one_image_proves_nothing(images: int, most: float) -> None:
    ones = np.ones(images)
    most_removed, least_removed = {"a": most * ones, BASELINE: ones}, {"a": ones, BASELINE: ones}
    assert not Faithfulness(ones, most_removed, least_removed).beats_chance("a")


@pytest.mark.parametrize("most", [True, False])
def test_exactly_the_given_share_is_removed(most: bool) -> None:
    x = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)
    rising = np.arange(1024, dtype=np.float32).reshape(1, 32, 32)
    changed = (remove_pixels(x, rising, 10, most) != x).any(axis=(0, 1)).ravel()
    assert changed.sum() == 102
    assert changed[-102:].all() if most else changed[:102].all()
    changed = (remove_pixels(x, 0 * rising, 10, most) != x).any(axis=(0, 1)).ravel()
    assert 0 < changed[:512].sum() < 102  # ties in random order
