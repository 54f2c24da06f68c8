"""Provides two networks as contributors write them, for tests that must pass for any network."""

from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn

from cifarlens.classifier.networks import Network

OURS = ("custom_resnet", "resnet18", "resnet34")  # a network added later does not need tests
MARK = "# The code below is what a contributor appends to networks.py.\n"


def append_to(networks: Path) -> None:
    """Appends them to a copy of networks.py, which already imports everything they need."""
    source = Path(__file__).read_text().rpartition(MARK)[2]
    with networks.open("a") as stream:
        stream.write(f"{source}\n\nNETWORKS |= CONTRIBUTED\n")


# The code below is what a contributor appends to networks.py.


class Fork(nn.Module):
    """Concatenates two branches, scales them by a weight and a buffer, and adds a buffer."""

    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.wide = nn.Conv2d(inputs, outputs // 2, 3, padding=1, groups=groups)
        self.narrow = nn.Conv2d(inputs, outputs // 2, 1)
        self.norm = nn.BatchNorm2d(outputs)
        self.scale = nn.Parameter(torch.ones(outputs, 1, 1))
        self.register_buffer("factor", torch.full((outputs, 1, 1), 0.9))
        offset = torch.arange(outputs)[:, None, None] / outputs
        self.register_buffer("offset", offset, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(torch.cat([self.wide(x), self.narrow(x)], 1)))
        return x * (self.scale * self.factor) + self.offset


class Forked(Network):
    """A network class with an additional argument, `groups`."""

    def __init__(self, num_classes: int, width: int = 64, dropout: float = 0.0, groups: int = 4):
        if groups < 1 or width % groups:
            raise ValueError(f"width is {width}; it must be a multiple of groups, {groups}")
        features = OrderedDict[str, nn.Module](
            stem=nn.Conv2d(3, width, 3, padding=1),
            act=nn.ReLU(inplace=True),
            fork1=Fork(width, 2 * width, groups),
            pool=nn.MaxPool2d(4),
            fork2=Fork(2 * width, 4 * width, groups),
        )
        head = nn.Sequential(
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, num_classes),
        )
        super().__init__(features, head)


class Pyramid(nn.Module):
    """Applies one convolution repeatedly to smaller and smaller maps and adds up the results."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        total, side = torch.zeros_like(x), x.shape[-1]
        for norm in self.norms:
            if x.shape[-1] > 8:
                x = nn.functional.interpolate(x, scale_factor=0.5, mode="bilinear")
            x = nn.functional.relu(norm(self.conv(x)), inplace=True)
            total = total + nn.functional.interpolate(x, size=(side, side))
        return total


class FlatHead(nn.Module):
    """Pools with a function and flattens with a view, as many networks for CIFAR-10 do."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.avg_pool2d(x, x.shape[-1])
        return self.linear(x.view(x.size(0), -1))


def pyramid(num_classes: int, width: int = 64) -> Network:
    features = OrderedDict[str, nn.Module](stem=nn.Conv2d(3, width, 3, padding=1))
    for level in range(2):
        features[f"pyramid{level + 1}"] = Pyramid(width)
    return Network(features, FlatHead(width, num_classes))


CONTRIBUTED = {"forked": Forked, "pyramid": pyramid}
