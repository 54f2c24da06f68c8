from itertools import pairwise

import pytest
import torch
from contributed import OURS
from torch import nn
from torchvision.models.resnet import BasicBlock as ReferenceBlock

from cifarlens.classifier.networks import NETWORKS, BasicBlock, custom_resnet, layer_sizes


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("custom_resnet", {}, 6_573_130),
        ("custom_resnet", {"norm_first": False}, 6_573_120),
        ("custom_resnet", {"dropout": 0.1}, 6_573_130),
        ("resnet18", {}, 11_173_962),
        ("resnet34", {}, 21_282_122),
    ],
)
def test_parameter_counts(name, options, parameters):
    network = NETWORKS[name](10, **options)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_every_layer_of_the_custom_resnet():
    network = custom_resnet(10)
    assert layer_sizes(network, 32) == {
        "prep": (64, 32, 32),
        "layer1": (128, 16, 16),
        "layer2": (256, 8, 8),
        "layer3": (512, 4, 4),
    }
    features = network.forward_features(torch.zeros(2, 3, 32, 32))
    pooled = network.head[:2](features)
    assert pooled.shape == (2, 512)
    assert network.forward_head(features).shape == (2, 10)


@pytest.mark.parametrize("name", ["resnet18", "resnet34"])
def test_layers_of_the_resnets(name):
    assert list(layer_sizes(NETWORKS[name](10), 32).values()) == [
        (64, 32, 32),
        (64, 32, 32),
        (128, 16, 16),
        (256, 8, 8),
        (512, 4, 4),
    ]


def test_receptive_field():
    # Averages spread where maxima select, and no sum of positive weights cancels: a pixel has a
    # gradient if and only if it can be seen.
    network = custom_resnet(10, width=1).double().eval()
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(child.kernel_size))
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.1)
    image = torch.ones(1, 3, 192, 192, dtype=torch.float64, requires_grad=True)
    seen = network.head[0](network.forward_features(image))[0, 0, 3, 3]
    (gradient,) = torch.autograd.grad(seen, image)
    rows, columns = gradient[0, 0].nonzero(as_tuple=True)
    assert rows.max() - rows.min() + 1 == 88
    assert columns.max() - columns.min() + 1 == 88


def test_order_of_norm_and_relu():
    first = [type(layer) for layer in custom_resnet(10, norm_first=True).features.layer2]
    last = [type(layer) for layer in custom_resnet(10, norm_first=False).features.layer2]
    assert first == [nn.Conv2d, nn.MaxPool2d, nn.BatchNorm2d, nn.ReLU]
    assert last == [nn.Conv2d, nn.MaxPool2d, nn.ReLU, nn.BatchNorm2d]


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


@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(4, 4, 1), (4, 8, 2)])
def test_basic_block_agrees_with_torchvision(inputs, outputs, stride):
    torch.manual_seed(0)
    ours = BasicBlock(inputs, outputs, stride, dropout=0.0)
    shortcut = ours.shortcut if isinstance(ours.shortcut, nn.Sequential) else None
    reference = ReferenceBlock(inputs, outputs, stride, shortcut)
    weights = {name.replace("shortcut", "downsample"): t for name, t in ours.state_dict().items()}
    reference.load_state_dict(weights)
    x = torch.randn(2, inputs, 8, 8)
    torch.testing.assert_close(ours.eval()(x), reference.eval()(x))
