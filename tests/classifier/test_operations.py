import math
from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from contributed import CONTRIBUTED, OURS
from torch import Tensor, nn
from torch.nn import functional as F

from cifarlens.classifier.networks import NETWORKS, Network
from cifarlens.classifier.operations import network_layers, parts_of
from cifarlens.figures.network import UNNAMED
from cifarlens.report.sections.network import network_section


@pytest.mark.parametrize(
    ("name", "mult_adds", "field"),
    [("custom_resnet", 379.27, 88), ("resnet18", 555.43, 133), ("resnet34", 1159.42, 249)],
)
def test_every_row_follows_from_its_sources(name: str, mult_adds: float, field: int) -> None:
    network = NETWORKS[name](10)
    layers = network_layers(network, 32)
    parts = parts_of(layers)
    assert [part.name for part in parts] == [*network.layers, "head"]
    assert round(sum(part.mult_adds for part in parts) / 1e6, 2) == mult_adds
    assert parts[-1].field == field
    assert layers[0].inputs == (3, 32, 32)
    for row, layer in enumerate(layers):
        for source in layer.sources:
            assert source < row
            assert layers[source].outputs == layer.inputs
            assert layers[source].field <= layer.field
        if layer.kind == "Conv2d":
            assert layer.kernel is not None
            channels = layer.inputs[0] * layer.outputs[0]
            assert layer.parameters == math.prod(layer.kernel) * channels


def test_the_receptive_field_is_where_the_gradient_is() -> None:
    """Measures the pixels that one value in the middle of a feature map depends on.

    Average pools spread gradients over the windows that max-pools select from, and sums of positive
    weights do not cancel.
    """
    network = NETWORKS["custom_resnet"](2, width=1).eval()
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(child.kernel_size))
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.1)
    parts = {part.name: part for part in parts_of(network_layers(network, 32))}
    network.double()
    image = torch.ones(1, 3, 192, 192, dtype=torch.float64, requires_grad=True)
    x = image
    for name, layer in [*network.features.named_children(), ("head", network.head[0])]:
        x = layer(x)
        middle = x.shape[-1] // 2
        (gradient,) = torch.autograd.grad(x[0, 0, middle, middle], image, retain_graph=True)
        rows, columns = gradient[0, 0].nonzero(as_tuple=True)
        assert rows.max() - rows.min() + 1 == parts[name].field
        assert columns.max() - columns.min() + 1 == parts[name].field


def test_network_and_random_state_do_not_change() -> None:
    network = NETWORKS["resnet18"](2, width=1, dropout=0.5).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    network_layers(network, 32)
    assert torch.equal(state, torch.get_rng_state())
    assert all(module.training for module in network.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def table(network: Network) -> list[tuple[str, str, tuple[int, ...], int]]:
    """Returns part, kind, outputs and receptive field of every row."""
    layers = network_layers(network, 32)
    return [(layer.part, layer.kind, layer.outputs, layer.field) for layer in layers]


def make_network(*features: nn.Module, head: nn.Module | None = None) -> Network:
    names = OrderedDict((f"layer{index}", layer) for index, layer in enumerate(features, 1))
    return Network(names, head or nn.Identity())


@pytest.mark.parametrize("name", [*OURS, *CONTRIBUTED])
def test_every_network_is_listed_and_drawn_completely(name: str) -> None:
    network = (NETWORKS | CONTRIBUTED)[name](10, width=8)
    layers = network_layers(network, 32)
    assert sum(layer.parameters for layer in layers) == sum(p.numel() for p in network.parameters())
    assert layers[-1].outputs == (10,)
    assert {row for layer in layers for row in layer.sources} == set(range(len(layers) - 1))
    section = network_section(layers)
    assert section["others"] == (name in CONTRIBUTED)
    others = {layer.kind for layer in layers} - set(UNNAMED)
    parts = [text for part in section["parts"] for text in (part.name, f"{part.parameters:,}")]
    for text in (*others, *parts):
        assert f">{text}<" in section["drawing"]


def test_a_loop_adds_a_row_each_time_and_its_weights_count_once() -> None:
    layers = network_layers(CONTRIBUTED["pyramid"](10, width=2), 32)
    first, second = (x for x in layers if x.part == "pyramid1" and x.kind == "Conv2d")
    assert (first.parameters, second.parameters) == (38, 0)
    assert (first.outputs, second.outputs) == ((2, 16, 16), (2, 8, 8))
    assert second.mult_adds == 36 * 64 + 2
    # Halving a map counts as a 2×2 window; enlarging it keeps the receptive field.
    assert [x.field for x in layers if x.part == "pyramid1" and x.kind == "Interpolate"] == [
        *(4, 8, 10, 18)
    ]


def test_weights_may_pass_through_functions_before_they_meet_the_image() -> None:
    layers = network_layers(CONTRIBUTED["forked"](10, width=4), 32)
    (product, *_) = (layer for layer in layers if layer.kind == "Mul")
    assert (product.parameters, product.mult_adds) == (8, 8)  # scale * buffer is not a row
    assert len(product.sources) == 1


class Called(nn.Module):
    """Calls a function in a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@pytest.mark.parametrize(
    ("function", "rows"),
    [
        (lambda x: F.dropout(x.contiguous().clone()), []),
        (lambda x: x.add_(1).relu_(), [("Add", 3), ("Relu", 3)]),
        (lambda x: 1 - x, [("Rsub", 3)]),
        (lambda x: x * torch.sigmoid(x), [("Sigmoid", 3), ("Mul", 3)]),
        (lambda x: x.mean((2, 3)), [("Mean", 34)]),
        (lambda x: x.chunk(2, 1)[1], [("Chunk", 3)]),
        (lambda x: x[:, :, ::2, ::2], [("Getitem", 4)]),
        (lambda x: x.flatten(2).mT, [("Flatten", 34)]),
        (lambda x: x.permute(0, 2, 3, 1).log_softmax(-1), [("Permute", 3), ("Log_softmax", 3)]),
        (lambda x: x * F.adaptive_avg_pool2d(x, 1), [("Adaptive_avg_pool2d", 34), ("Mul", 34)]),
        (lambda x: torch.from_numpy(x.numpy() + 1), [("Called", 3)]),
    ],
)
def test_any_function(function: Callable[[Tensor], Tensor], rows: list[tuple[str, int]]) -> None:
    network = make_network(nn.Conv2d(3, 4, 3, padding=1), Called(function))
    assert [(kind, field) for _, kind, _, field in table(network)[1:]] == rows


def test_each_module_of_torch_is_one_row() -> None:
    tokens = nn.Sequential(nn.Flatten(2), nn.TransformerEncoderLayer(64, 2, 8, batch_first=True))
    recurrent = nn.Sequential(nn.LSTM(64, 5, batch_first=True), Called(lambda x: x[0][:, -1]))
    layers = network_layers(make_network(nn.Conv2d(3, 6, 4, 4), tokens, head=recurrent), 32)
    kinds = ["Conv2d", "Flatten", "TransformerEncoderLayer", "LSTM", "Getitem"]
    assert [layer.kind for layer in layers] == kinds
    assert [layer.outputs for layer in layers] == [(6, 8, 8), (6, 64), (6, 64), (6, 5), (5,)]
    assert len(network_section(layers)["parts"]) == 3


def test_dilation_enlarges_the_receptive_field() -> None:
    rows = table(make_network(nn.Conv2d(3, 2, 3, dilation=4), nn.MaxPool2d((2, 2), 2)))
    assert [field for *_, field in rows] == [9, 10]
