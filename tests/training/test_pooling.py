"""Max-pooling that frees its input computes what torch's does."""

import copy

import pytest
import torch
from torch import nn

from cifarlens.training.pooling import free_pooling_inputs

POOLS = (nn.MaxPool2d(2), nn.MaxPool2d((3, 2), 2, 1, ceil_mode=True), nn.MaxPool2d(2, dilation=2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("pool", POOLS)
def test_values_and_gradients_are_equal(pool, dtype):
    torch.manual_seed(0)
    images = torch.randn(4, 8, 12, 12).to(dtype, memory_format=torch.channels_last)
    images.requires_grad_()
    own = copy.deepcopy(pool)
    free_pooling_inputs(own)
    pooled, own_pooled = pool(images), own(images)
    assert torch.equal(own_pooled, pooled)
    gradient = torch.randn_like(pooled)
    (expected,) = torch.autograd.grad(pooled, images, gradient)
    (actual,) = torch.autograd.grad(own_pooled, images, gradient)
    assert torch.equal(actual, expected)


def test_only_the_indices_are_saved_for_the_backward_pass():
    def saved_shapes(pool) -> list[tuple[int, ...]]:
        shapes = []

        def save(tensor):
            shapes.append(tuple(tensor.shape))
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
            pool(torch.rand(1, 1, 4, 4, requires_grad=True))
        return shapes

    pool = nn.MaxPool2d(2)
    assert saved_shapes(pool) == [(1, 1, 4, 4), (1, 1, 2, 2)]
    free_pooling_inputs(pool)
    assert saved_shapes(pool) == [(1, 1, 2, 2)]


def test_a_copied_network_runs_its_own_layers():
    network = nn.Sequential(nn.MaxPool2d(2))
    free_pooling_inputs(network)
    twin = copy.deepcopy(network)
    twin[0].kernel_size = twin[0].stride = 4
    assert twin(torch.zeros(1, 1, 4, 4)).shape == (1, 1, 1, 1)
