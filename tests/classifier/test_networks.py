"""The networks compute the same outputs as the published ones, and follow their arguments.

The references are David Page's cifar10-fast and torchvision's ResNet-18 and ResNet-34 with a 3×3
stem and no max-pool.
"""

from itertools import pairwise

import pytest
import torch
from contributed import OURS
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet as torchvision_resnet

from cifarlens.classifier.networks import NETWORKS, custom_resnet, layer_sizes


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("custom_resnet", {}, 6_573_130),
        ("custom_resnet", {"norm_first": False}, 6_573_120),
        ("resnet18", {}, 11_173_962),
        ("resnet34", {}, 21_282_122),
    ],
)
def test_parameter_counts_are_the_published_ones(name, options, parameters):
    network = NETWORKS[name](10, **options)
    assert sum(p.numel() for p in network.parameters()) == parameters


def randomized(network: nn.Module) -> nn.Module:
    """Draws every weight and statistic at random, so that none is neutral."""
    torch.manual_seed(0)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(
                torch.rand_like(tensor) * 0.5 + 0.5
                if "bn" in name or "var" in name
                else torch.randn_like(tensor) * 0.05
            )
    return network


def reference_custom(state: dict[str, Tensor], x: Tensor, *, norm_first: bool) -> Tensor:
    """Computes David Page's network with functions; the weights are found by their names."""

    def block(x: Tensor, name: str, *, pool: bool = False) -> Tensor:
        x = functional.conv2d(x, state[f"{name}.0.weight"], padding=1)
        if pool:
            x = functional.max_pool2d(x, 2)
        if not norm_first:
            x = functional.relu(x)
        index = (1 if norm_first else 2) + pool
        keys = ("running_mean", "running_var", "weight", "bias")
        x = functional.batch_norm(x, *(state[f"{name}.{index}.{key}"] for key in keys))
        return functional.relu(x) if norm_first else x

    def pooled_residual(x: Tensor, name: str) -> Tensor:
        x = block(x, f"{name}.pooled", pool=True)
        return x + block(block(x, f"{name}.residual.0"), f"{name}.residual.1")

    x = block(x, "features.prep")
    x = pooled_residual(x, "features.layer1")
    x = block(x, "features.layer2", pool=True)
    x = pooled_residual(x, "features.layer3")
    x = functional.max_pool2d(x, 4).flatten(1)
    return functional.linear(x, state["head.2.weight"], state.get("head.2.bias"))


@pytest.mark.parametrize("norm_first", [True, False])
def test_the_custom_resnet_agrees_with_its_layers_written_out(norm_first):
    network = randomized(custom_resnet(10, width=8, norm_first=norm_first)).eval()
    x = torch.randn(4, 3, 32, 32)
    expected = reference_custom(network.state_dict(), x, norm_first=norm_first)
    assert expected.std() > 0.01
    torch.testing.assert_close(network(x), expected)


def as_torchvision(name: str) -> str:
    """Returns a tensor's name in torchvision's ResNet."""
    name = name.removeprefix("features.").replace("shortcut", "downsample")
    name = name.replace("stem.0", "conv1").replace("stem.1", "bn1")
    return name.replace("head.2", "fc")


@pytest.mark.parametrize(
    ("name", "training"), [("resnet18", False), ("resnet18", True), ("resnet34", False)]
)
def test_the_resnets_agree_with_torchvision(name, training):
    network = randomized(NETWORKS[name](10).double())
    reference = getattr(torchvision_resnet, name)(num_classes=10)
    reference.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    reference.maxpool = nn.Identity()
    reference.double()
    reference.load_state_dict({as_torchvision(k): t for k, t in network.state_dict().items()})
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        ours, theirs = (model.train(training)(x) for model in (network, reference))
    assert theirs.std() > 0.01
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("name", "count"), [("custom_resnet", 8), ("resnet18", 17), ("resnet34", 33)]
)
def test_dropout_follows_each_relu(name, count):
    network = NETWORKS[name](10, width=2, dropout=0.3)
    called: list[nn.Module] = []
    for module in network.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda module, *_: called.append(module))
    network(torch.zeros(2, 3, 32, 32))
    followers = [after for before, after in pairwise(called) if isinstance(before, nn.ReLU)]
    assert len(followers) == count
    assert all(isinstance(layer, nn.Dropout) and layer.p == 0.3 for layer in followers)


@pytest.mark.parametrize("name", OURS)
def test_width_scales_every_layer(name):
    narrow, wider = (layer_sizes(NETWORKS[name](10, width=w), 32) for w in (1, 16))
    assert wider == {layer: (16 * c, h, w) for layer, (c, h, w) in narrow.items()}
