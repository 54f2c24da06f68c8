"""The networks beside published ones: every layer's shape and parameters, and the same outputs.

Tables: the layers of David Page's cifar10-fast, and those of ResNet-18 and -34 as torchsummary
prints them for 32×32 images (He et al. 2015, table 1, with a 3×3 stem and no max-pool).
"""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet as torchvision_resnet

from cifarlens.classifier.networks import NETWORKS, Network, custom_resnet

Row = tuple[str, tuple[int, ...], int]  # kind, output without the batch, parameters


def conv(channels: int, size: int, parameters: int) -> list[Row]:
    """A convolution without bias and its norm, with two parameters a channel."""
    shape = (channels, size, size)
    return [("Conv2d", shape, parameters), ("BatchNorm2d", shape, 2 * channels)]


def pooled(channels: int, size: int, parameters: int) -> list[Row]:
    """The same with a max-pool in between that halves the convolution's `size`."""
    half = (channels, size // 2, size // 2)
    return [
        ("Conv2d", (channels, size, size), parameters),
        ("MaxPool2d", half, 0),
        ("BatchNorm2d", half, 2 * channels),
    ]


CUSTOM = [
    *conv(64, 32, 1_728),
    *pooled(128, 32, 73_728),
    *conv(128, 16, 147_456),
    *conv(128, 16, 147_456),
    *pooled(256, 16, 294_912),
    *pooled(512, 8, 1_179_648),
    *conv(512, 4, 2_359_296),
    *conv(512, 4, 2_359_296),
    ("MaxPool2d", (512, 1, 1), 0),
    ("Linear", (10,), 5_130),
]


def residual(channels: int, size: int, blocks: int) -> list[Row]:
    """A layer of basic blocks; the first halves the size and projects, except at 64 channels."""
    square = conv(channels, size, channels * channels * 9)
    if channels == 64:
        return 2 * blocks * square
    first = conv(channels, size, channels * channels * 9 // 2)
    projection = conv(channels, size, channels * channels // 2)
    return [*first, *square, *projection, *(2 * (blocks - 1) * square)]


def resnet(*blocks: int) -> list[Row]:
    layers = zip((64, 128, 256, 512), (32, 16, 8, 4), blocks, strict=True)
    rows = [row for channels, size, count in layers for row in residual(channels, size, count)]
    return [*conv(64, 32, 1_728), *rows, ("AvgPool2d", (512, 1, 1), 0), ("Linear", (10,), 5_130)]


def rows(network: Network) -> Iterator[Row]:
    """What really runs for one image, in order, of the kinds that the tables list."""
    found: list[Row] = []

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        count = sum(parameter.numel() for parameter in module.parameters())
        found.append((type(module).__name__, tuple(output.shape[1:]), count))

    kinds = (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d, nn.Linear)
    for module in network.modules():
        if isinstance(module, kinds):
            module.register_forward_hook(note)
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, 32, 32))
    yield from found


@pytest.mark.parametrize(
    ("name", "table", "total"),
    [
        ("custom_resnet", CUSTOM, 6_573_130),
        ("resnet18", resnet(2, 2, 2, 2), 11_173_962),
        ("resnet34", resnet(3, 4, 6, 3), 21_282_122),
    ],
)
def test_every_layer_is_the_published_one(name, table, total):
    assert list(rows(NETWORKS[name](10))) == table
    assert sum(parameters for _, _, parameters in table) == total


def randomized(network: nn.Module) -> nn.Module:
    """Every weight and statistic drawn at random, so that none is neutral."""
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
    """David Page's network written out with functions, the weights by their names."""

    def block(x: Tensor, name: str, *, pool: bool = False) -> Tensor:
        x = functional.conv2d(x, state[f"{name}.0.weight"], padding=1)
        if pool:
            x = functional.max_pool2d(x, 2)
        if not norm_first:
            x = functional.relu(x)
        at = (1 if norm_first else 2) + pool
        norm = [state[f"{name}.{at}.{key}"] for key in ("running_mean", "running_var")]
        x = functional.batch_norm(
            x, *norm, state[f"{name}.{at}.weight"], state[f"{name}.{at}.bias"]
        )
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
    """A tensor's name in torchvision's ResNet."""
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
