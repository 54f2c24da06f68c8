from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cifarlens.classifier.bundle import Bundle, BundleConfig
from cifarlens.classifier.networks import Network
from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation.faithfulness import BASELINE, Faithfulness, measure, without


class Corner(nn.Module):
    """Says yes as far as the top left quarter of the first channel is bright."""

    def forward(self, x: Tensor) -> Tensor:
        bright = x[:, 0, :16, :16].mean((1, 2))
        return torch.stack([8 * (bright - 0.5), -8 * (bright - 0.5)], 1)


@pytest.fixture
def corner() -> Bundle:
    """A network of which is known where it looks."""
    still = nn.Conv2d(3, 3, 1, bias=False)
    still.weight.data = torch.eye(3)[:, :, None, None]
    network = Network(OrderedDict(still=still), Corner()).eval().requires_grad_(False)
    plain = BundleConfig("corner", {}, ("yes", "no"), (0,) * 3, (1,) * 3, 32, ("still",))
    return Bundle(network, plain)


@pytest.fixture
def lamps() -> np.ndarray:
    """Dark noise with a light spot in the top left quarter."""
    images = np.random.default_rng(0).integers(0, 60, (6, 32, 32, 3))
    images[:, 2:14, 2:14] = 250
    return images.astype(np.uint8)


@pytest.fixture
def measured(corner: Bundle, lamps: np.ndarray) -> Faithfulness:
    spot = np.zeros((6, 32, 32), np.float32)
    spot[:, 2:14, 2:14] = 1
    return measure(corner, lamps, [0] * 6, {"right": spot, "wrong": 1 - spot})


def test_a_map_that_is_right_beats_chance_and_one_that_is_wrong_does_not(
    measured: Faithfulness,
) -> None:
    assert measured.score("right") > 0.1 > measured.score(BASELINE) > measured.score("wrong")
    assert measured.beats_chance("right")
    assert not measured.beats_chance("wrong")
    assert not measured.beats_chance(BASELINE)


def test_removing_what_matters_hurts_and_the_rest_does_not(measured: Faithfulness) -> None:
    assert measured.most["right"].mean() < measured.untouched.mean() - 0.2
    assert measured.least["right"].mean() > measured.untouched.mean() - 0.05


def test_scores_are_short_and_the_same_again(
    measured: Faithfulness, corner: Bundle, lamps: np.ndarray
) -> None:
    assert measured.score("right") == round(measured.score("right"), 3)
    before = torch.random.get_rng_state()
    again = measure(corner, lamps, [0] * 6, {"right": measured_map()})
    assert again.score("right") == measured.score("right")
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_lead_too_small_to_be_seen_is_none() -> None:
    ones = np.ones(40)
    measured = Faithfulness(ones, {"a": 0.9999 * ones, BASELINE: ones}, {"a": ones, BASELINE: ones})
    assert measured.score("a") == 0
    assert not measured.beats_chance("a")


@pytest.mark.parametrize("most", [True, False])
def test_exactly_the_share_asked_for_is_removed(most: bool) -> None:
    x = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)
    rising = np.arange(1024, dtype=np.float32).reshape(1, 32, 32)
    changed = (without(x, rising, 10, most) != x).any(axis=(0, 1)).ravel()
    assert changed.sum() == 102
    assert changed[-102:].all() if most else changed[:102].all()


def measured_map() -> np.ndarray:
    spot = np.zeros((6, 32, 32), np.float32)
    spot[:, 2:14, 2:14] = 1
    return spot


def test_an_empty_map_is_a_random_one(bundle: Bundle, few_digits: Dataset) -> None:
    images = few_digits.test_images[:2]
    measured = measure(bundle, images, [0, 1], {"empty": np.zeros((2, 32, 32), np.float32)})
    np.testing.assert_array_equal(measured.most["empty"], measured.most[BASELINE])


def test_one_image_proves_nothing(bundle: Bundle, few_digits: Dataset) -> None:
    maps = {"any": np.random.default_rng(0).random((1, 32, 32)).astype(np.float32)}
    assert not measure(bundle, few_digits.test_images[:1], [3], maps).beats_chance("any")
