import numpy as np
import pytest
import torch
from pytorch_grad_cam.metrics.road import NoisyLinearImputer

from cifarlens.explanation.imputation import NOISE, fill_removed_pixels

PICTURE = np.random.default_rng(0).normal(size=(3, 32, 32)).astype(np.float32)
NO_NOISE = np.zeros_like(PICTURE)
BLOCK = np.zeros((32, 32), bool)
BLOCK[:16, 10:] = True


def scattered(count: int) -> np.ndarray:
    """Returns a mask of `count` removed pixels at random positions."""
    removed = np.zeros(32 * 32, bool)
    removed[np.random.default_rng(1).permutation(32 * 32)[:count]] = True
    return removed.reshape(32, 32)


@pytest.mark.parametrize("removed", [scattered(1), scattered(102), scattered(900), BLOCK])
def test_the_result_equals_that_of_pytorch_grad_cam(removed: np.ndarray) -> None:
    remaining = torch.from_numpy((~removed).astype(np.float32))
    expected = NoisyLinearImputer(noise=0)(torch.from_numpy(PICTURE), remaining).numpy()
    actual = fill_removed_pixels(PICTURE, removed, NO_NOISE)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("removed", [BLOCK, scattered(0)])
def test_only_removed_pixels_get_noise(removed: np.ndarray) -> None:
    noisy = fill_removed_pixels(PICTURE, removed, np.ones_like(PICTURE))
    added = noisy - fill_removed_pixels(PICTURE, removed, NO_NOISE)
    np.testing.assert_allclose(added, np.where(removed, NOISE, 0)[None].repeat(3, 0), atol=1e-6)
    np.testing.assert_array_equal(noisy[:, ~removed], PICTURE[:, ~removed])
