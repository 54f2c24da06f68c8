import pytest
import torch
from torch import nn

from cifarlens.classifier.networks import NETWORKS
from cifarlens.training import memory
from cifarlens.training.memory import LeanPools


def gradients(network, images):
    network.zero_grad()
    network(images).square().sum().backward()
    return [parameter.grad.clone() for parameter in network.parameters()]


def pools(network):
    return [module for module in network.modules() if isinstance(module, nn.MaxPool2d)]


@pytest.fixture
def network():
    torch.manual_seed(0)
    return NETWORKS["custom_resnet"](10, width=4).to(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_pools_inputs_are_not_needed(network, monkeypatch, dtype):
    """What stands in for them is filled with NaN here: the gradients have the same bytes."""
    network = network.to(dtype)
    images = torch.randn(8, 3, 32, 32, dtype=dtype).to(memory_format=torch.channels_last)
    expected = gradients(network, images)
    made = []

    def spoilt(*arguments, **options):
        made.append(original(*arguments, **options).fill_(torch.nan))
        return made[-1]

    original = torch.empty_strided
    monkeypatch.setattr(memory.torch, "empty_strided", spoilt)
    lean = LeanPools()
    for pool in pools(network):
        lean.watch(pool)
    found = gradients(network, images)
    assert len(made) == 4
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    lean.teardown(None, None, "fit")
    gradients(network, images)
    assert len(made) == 4  # no longer


@pytest.mark.parametrize(("side", "dtype"), [(32, torch.int16), (256, torch.int64)])
def test_what_a_pool_keeps(monkeypatch, side, dtype):
    """16 bits an output where they are enough, and nothing of its input."""
    kept = []
    original = memory._pack
    monkeypatch.setattr(memory, "_pack", lambda *given: kept.append(original(*given)) or kept[-1])
    pool, images = nn.MaxPool2d(2), torch.randn(2, 3, side, side, requires_grad=True)
    LeanPools().watch(pool)
    output = pool(images)
    (indices,) = (each for each in kept if isinstance(each, torch.Tensor))
    assert (len(kept), indices.dtype, indices.shape) == (2, dtype, output.shape)
    output.sum().backward()
    assert float(images.grad.sum()) == output.numel()


def test_after_an_error_nothing_more_is_packed(network):
    lean = LeanPools()
    (first, *_) = pools(network)
    lean.watch(first)
    with pytest.raises(RuntimeError):
        first(torch.zeros(1, 1))
    kept = torch.randn(3, requires_grad=True)
    assert torch.equal(kept.exp().grad_fn._saved_result, kept.exp())
