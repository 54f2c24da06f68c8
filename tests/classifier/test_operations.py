import math

import pytest
import torch
from torch import nn

from cifarlens.classifier.networks import NETWORKS, Network
from cifarlens.classifier.operations import Layer, network_layers, parts_of
from cifarlens.report.sections.network import millions, network_section, shape_words

TOTALS = {  # parameters, mult-adds in millions, receptive field in pixels
    "custom_resnet": (6_573_130, 379.27, 88),
    "resnet18": (11_173_962, 555.43, 133),
    "resnet34": (21_282_122, 1159.42, 249),
}


@pytest.fixture(scope="module", params=TOTALS)
def network(request: pytest.FixtureRequest) -> Network:
    """One of the networks at width 64, its weights never made."""
    with torch.device("meta"):
        return NETWORKS[request.param](10).eval()


def outlined(network: Network) -> list[Layer]:
    with torch.device("meta"):
        return network_layers(network, 32)


def test_totals(network: Network, request: pytest.FixtureRequest) -> None:
    parameters, mult_adds, field = TOTALS[request.node.callspec.params["network"]]
    parts = parts_of(outlined(network))
    assert [part.name for part in parts] == [*network.layers, "head"]
    assert sum(part.parameters for part in parts) == parameters
    assert sum(part.parameters for part in parts) == sum(p.numel() for p in network.parameters())
    assert round(sum(part.mult_adds for part in parts) / 1e6, 2) == mult_adds
    assert parts[-1].field == field
    assert parts[-1].outputs == (10,)


def test_every_line_follows_from_those_it_takes(network: Network) -> None:
    layers = outlined(network)
    assert layers[0].inputs == (3, 32, 32)
    for row, layer in enumerate(layers):
        for source in layer.sources:
            assert source < row
            assert layers[source].outputs == layer.inputs
            assert layers[source].field <= layer.field
        if layer.kind == "Add":
            assert len(layer.sources) == 2
            assert layer.field == max(layers[source].field for source in layer.sources)
        if layer.kind == "Conv2d":
            assert layer.kernel is not None
            weights = math.prod(layer.kernel) * layer.inputs[0] * layer.outputs[0]
            assert layer.parameters == weights
            assert layer.mult_adds == weights * math.prod(layer.outputs[1:])


@pytest.mark.parametrize("norm_first", [True, False])
def test_options_are_followed(norm_first: bool) -> None:
    layers = network_layers(
        NETWORKS["custom_resnet"](3, width=2, dropout=0.5, norm_first=norm_first).eval(), 32
    )
    kinds = [layer.kind for layer in layers[:3]]
    after = ["BatchNorm2d", "ReLU"]
    assert kinds == ["Conv2d", *(after if norm_first else after[::-1])]
    assert "Dropout" not in {layer.kind for layer in layers}
    assert layers[-1].outputs == (3,)


def test_the_receptive_field_is_where_the_gradient_is() -> None:
    """Measured: the pixels that one value in the middle of a feature map depends on."""
    network = NETWORKS["custom_resnet"](2, width=1).eval()
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.05)  # no path cancels another
    parts = {part.name: part for part in parts_of(network_layers(network, 32))}
    image = torch.rand(1, 3, 192, 192, requires_grad=True)
    x = image
    for name, layer in network.features.named_children():
        x = layer(x)
        middle = x.shape[-1] // 2
        (gradient,) = torch.autograd.grad(x[0, 0, middle, middle], image, retain_graph=True)
        rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero()
        reach = int(rows.max() - rows.min()) + 1
        # Max-pools pass the gradient to one pixel of each window.
        assert parts[name].field - 2 * 2 ** list(parts).index(name) <= reach <= parts[name].field


def test_the_network_is_left_as_it_is() -> None:
    network = NETWORKS["resnet18"](2, width=1).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network_layers(network, 32)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_the_section_is_drawn_for_every_network(network: Network) -> None:
    layers = outlined(network)
    section = network_section(layers)
    assert section["open"] == (len(layers) <= 40)
    for part in section["parts"]:
        assert f">{part.name}<" in section["drawing"]
        assert f">{part.parameters:,}<" in section["drawing"]
    assert section["drawing"] == network_section(layers)["drawing"]


def test_numbers_in_few_digits() -> None:
    assert [millions(count) for count in (0, 999, 5_130, 379_266_442, 1_159_419_530)] == [
        "0",
        "999",
        "5.13K",
        "379.27M",
        "1.16G",
    ]
    assert shape_words((64, 32, 32)) == "64×32×32"
    assert shape_words((10,)) == "10"
