"""Defines the networks, for 3×32×32 images.

A network has two parts. `features` is a sequence of named layers; each can be the target layer of
a saliency map. `head` computes the logits from the last feature map.

To add a network, write a function or class that returns a `Network` and add it to `NETWORKS`. Its
signature lists the arguments and their defaults (bool, int, float or str). params.yaml can set them
under `model`, and the bundle stores them. The constructor raises ValueError with a short message
for an unsupported value. It must also run on torch.device("meta"), where tensors have shapes but no
values. The forward pass can be any code. Feature maps are in channels_last memory format, so use
`flatten` or `reshape` where `view` fails.
"""

import inspect
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn


class Network(nn.Module):
    """Classifies images with named feature layers and a head.

    Args:
        features: feature layers by name, in the order of computation.
        head: computes the logits.
        static: whether the forward pass runs the same operations for any images: no decision by a
            value or by Python's random numbers, and no tensor made from numbers. A GPU then trains
            it with CUDA graphs, which is faster.
    """

    def __init__(
        self, features: "OrderedDict[str, nn.Module]", head: nn.Module, *, static: bool = False
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(features)
        self.head = head
        self.static = static

    @property
    def layers(self) -> tuple[str, ...]:
        """Returns the names of the feature layers in the order of computation."""
        return tuple(name for name, _ in self.features.named_children())

    def forward_features(self, x: Tensor) -> Tensor:
        """Maps normalised images N×3×32×32 to the last feature map N×C×4×4."""
        return cast(Tensor, self.features(x))

    def forward_head(self, x: Tensor) -> Tensor:
        """Maps the last feature map N×C×4×4 to logits N×classes."""
        return cast(Tensor, self.head(x))

    def forward(self, x: Tensor) -> Tensor:
        """Maps normalised images N×3×32×32 to logits N×classes."""
        return self.forward_head(self.forward_features(x))


def check_arguments(width: int, dropout: float) -> None:
    """Raises ValueError if a value is outside the range that the networks here support."""
    if width < 1:
        raise ValueError(f"width is {width}; it must be at least 1")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout}; it must be at least 0 and below 1")


def conv_block(
    inputs: int, outputs: int, *, pool: bool = False, norm_first: bool = True, dropout: float = 0.0
) -> nn.Sequential:
    """Returns Conv3×3 without bias, optional 2×2 max-pool, BN-ReLU or ReLU-BN, then dropout."""
    block: list[nn.Module] = [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)]
    if pool:
        block.append(nn.MaxPool2d(2))
    norm = nn.BatchNorm2d(outputs)
    relu: list[nn.Module] = [nn.ReLU(inplace=True)]
    if dropout:
        relu.append(nn.Dropout(dropout))
    return nn.Sequential(*block, *([norm, *relu] if norm_first else [*relu, norm]))


class PooledResidual(nn.Module):
    """Applies a pooling conv block, then adds a residual branch of two conv blocks."""

    def __init__(self, inputs: int, outputs: int, **options: Any) -> None:
        super().__init__()
        self.pooled = conv_block(inputs, outputs, pool=True, **options)
        self.residual = nn.Sequential(
            conv_block(outputs, outputs, **options), conv_block(outputs, outputs, **options)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps N×inputs×H×W to N×outputs×H/2×W/2."""
        x = self.pooled(x)
        return x + cast(Tensor, self.residual(x))


def custom_resnet(
    num_classes: int, width: int = 64, dropout: float = 0.0, norm_first: bool = True
) -> Network:
    """Returns David Page's ResNet of cifar10-fast in its conv-pool-BN-ReLU order.

    At width 64 with ten classes, it has 6,573,130 parameters and a receptive field of 88 pixels.
    `norm_first=False` gives Conv-ReLU-BN and a head without bias (6,573,120 parameters).
    Source: https://github.com/davidcpage/cifar10-fast.
    """
    check_arguments(width, dropout)
    options: dict[str, Any] = {"norm_first": norm_first, "dropout": dropout}
    features = OrderedDict[str, nn.Module](
        prep=conv_block(3, width, **options),
        layer1=PooledResidual(width, 2 * width, **options),
        layer2=conv_block(2 * width, 4 * width, pool=True, **options),
        layer3=PooledResidual(4 * width, 8 * width, **options),
    )
    # Use a fixed window: adaptive pooling has no deterministic backward pass on CUDA.
    head = nn.Sequential(
        nn.MaxPool2d(4), nn.Flatten(), nn.Linear(8 * width, num_classes, bias=norm_first)
    )
    return Network(features, head, static=True)


class BasicBlock(nn.Module):
    """Adds two Conv3×3-BN to an identity or a 1×1 projection (He et al. 2015, figure 2)."""

    def __init__(self, inputs: int, outputs: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(dropout)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Maps N×inputs×H×W to N×outputs×H/stride×W/stride."""
        residual = self.dropout(self.relu(self.bn1(self.conv1(x))))
        residual = self.bn2(self.conv2(residual)) + self.shortcut(x)
        return cast(Tensor, self.dropout(self.relu(residual)))


def _resnet(
    blocks: tuple[int, int, int, int], num_classes: int, width: int, dropout: float
) -> Network:
    check_arguments(width, dropout)
    features = OrderedDict[str, nn.Module](stem=conv_block(3, width, dropout=dropout))
    inputs = width
    for stage, count in enumerate(blocks):
        outputs = width * 2**stage
        layer = []
        for block in range(count):
            stride = 2 if stage and not block else 1
            layer.append(BasicBlock(inputs, outputs, stride, dropout))
            inputs = outputs
        features[f"layer{stage + 1}"] = nn.Sequential(*layer)
    head = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(inputs, num_classes))
    return Network(features, head, static=True)


def resnet18(num_classes: int, width: int = 64, dropout: float = 0.0) -> Network:
    """Returns ResNet-18 for 32×32 images: 3×3 stem, no max-pool.

    It has 11,173,962 parameters at width 64 with ten classes.
    """
    return _resnet((2, 2, 2, 2), num_classes, width, dropout)


def resnet34(num_classes: int, width: int = 64, dropout: float = 0.0) -> Network:
    """Returns ResNet-34 for 32×32 images: 3×3 stem, no max-pool.

    It has 21,282,122 parameters at width 64 with ten classes.
    """
    return _resnet((3, 4, 6, 3), num_classes, width, dropout)


NETWORKS: dict[str, Callable[..., Network]] = {
    "custom_resnet": custom_resnet,
    "resnet18": resnet18,
    "resnet34": resnet34,
}


def default_arguments(name: str) -> dict[str, Any]:
    """Returns the default of each constructor argument except the number of classes."""
    parameters = inspect.signature(NETWORKS[name]).parameters.values()
    return {p.name: p.default for p in parameters if type(p.default) in (bool, int, float, str)}


def layer_names(name: str, arguments: dict[str, Any]) -> tuple[str, ...]:
    """Returns the names of a network's feature layers without allocating its weights.

    Raises:
        ValueError: the constructor does not support the arguments.
    """
    with torch.device("meta"):
        return NETWORKS[name](10, **arguments).layers


def layer_sizes(network: Network, image_size: int) -> dict[str, tuple[int, int, int]]:
    """Returns channels, height and width of every feature layer's output for one square image.

    Pass a network in `eval()` mode; in training mode, the blank image would change the batch norms.
    """
    sizes = {}
    x = torch.zeros(1, 3, image_size, image_size)
    with torch.no_grad():
        for name, layer in network.features.named_children():
            x = layer(x)
            sizes[name] = (x.shape[1], x.shape[2], x.shape[3])
    return sizes
