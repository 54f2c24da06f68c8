"""The weight gradient by matrix products is that of torch's convolution."""

import copy

import pytest
import torch
from torch import nn

from cifarlens.classifier.networks import NETWORKS
from cifarlens.training.weight_gradient import use_matrix_products, weight_gradient


@pytest.fixture
def amx(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})


@pytest.mark.parametrize("shape", [(3, 5, 4, 4), (2, 4, 6, 3), (1, 1, 1, 1)])
def test_products_give_the_gradient_of_the_convolution(shape):
    torch.manual_seed(0)
    images = torch.randn(*shape, dtype=torch.float64)
    weight = torch.randn(7, shape[1], 3, 3, dtype=torch.float64, requires_grad=True)
    output = nn.functional.conv2d(images, weight, padding=1)
    gradient = torch.randn_like(output)
    (expected,) = torch.autograd.grad(output, weight, gradient)
    torch.testing.assert_close(weight_gradient(images, gradient), expected)


def gradients(network, images, *, half):
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = network(images).float().square().mean()
    return torch.autograd.grad(loss, [images, *network.parameters()])


@pytest.mark.parametrize("side", [4, 8, 16])  # 16: a map for which torch's kernel stays
def test_a_wide_convolution_gives_the_same_gradients(side, amx):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(256, 16, 3, padding=1, bias=False))
    network.to(memory_format=torch.channels_last)
    own = copy.deepcopy(network)
    use_matrix_products(own)
    images = torch.randn(4, 256, side, side, requires_grad=True)
    for half in (True, False):
        expected, actual = (gradients(each, images, half=half) for each in (network, own))
        assert torch.equal(actual[0], expected[0])
        torch.testing.assert_close(actual[1], expected[1], rtol=0.02, atol=1e-6)
        if side == 16 or not half:
            assert torch.equal(actual[1], expected[1])


def changed(network):
    use_matrix_products(network)
    return [name for name, module in network.named_modules() if "forward" in vars(module)]


def test_only_wide_convolutions_change(amx):
    names = changed(NETWORKS["custom_resnet"](10))
    assert names == [
        "features.layer3.pooled.0",
        "features.layer3.residual.0.0",
        "features.layer3.residual.1.0",
    ]
    usual = {"kernel_size": 3, "padding": 1, "bias": False}
    others = (
        {"stride": 2},
        {"padding": 0},
        {"bias": True},
        {"kernel_size": 1},
        {"dilation": 2},
        {"groups": 2},
        {"padding_mode": "reflect"},
    )
    for options in others:
        assert not changed(nn.Sequential(nn.Conv2d(256, 8, **{**usual, **options})))
    assert not changed(nn.Sequential(nn.Conv2d(255, 8, **usual)))


def test_nothing_changes_without_amx(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": False})
    assert not changed(NETWORKS["custom_resnet"](10))
