import numpy as np
import pytest
import torch
from pytorch_grad_cam.metrics.road import NoisyLinearImputer

from cifarlens.explanation.imputation import NOISE, paint_over

PICTURE = np.random.default_rng(0).normal(size=(3, 32, 32)).astype(np.float32)
SILENT = np.zeros_like(PICTURE)


def scattered(count: int) -> np.ndarray:
    """That many removed pixels, anywhere."""
    removed = np.zeros(32 * 32, bool)
    removed[np.random.default_rng(1).permutation(32 * 32)[:count]] = True
    return removed.reshape(32, 32)


def block() -> np.ndarray:
    removed = np.zeros((32, 32), bool)
    removed[:16, 10:] = True
    return removed


@pytest.mark.parametrize("removed", [scattered(1), scattered(102), scattered(900), block()])
def test_equals_the_reference(removed: np.ndarray) -> None:
    left = torch.from_numpy((~removed).astype(np.float32))
    reference = NoisyLinearImputer(noise=0)(torch.from_numpy(PICTURE), left).numpy()
    np.testing.assert_allclose(paint_over(PICTURE, removed, SILENT), reference, atol=1e-5)


def test_noise_comes_only_where_pixels_were_removed() -> None:
    removed, noise = block(), np.ones_like(PICTURE)
    added = paint_over(PICTURE, removed, noise) - paint_over(PICTURE, removed, SILENT)
    np.testing.assert_allclose(added, np.where(removed, NOISE, 0)[None].repeat(3, 0), atol=1e-6)


def test_without_removed_pixels_nothing_changes() -> None:
    same = paint_over(PICTURE, np.zeros((32, 32), bool), PICTURE)
    np.testing.assert_array_equal(same, PICTURE)
