from collections import OrderedDict

import pytest
from contributed import CONTRIBUTED
from tensorboard.compat.proto.graph_pb2 import GraphDef
from torch import nn

from cifarlens.classifier.networks import NETWORKS, Network
from cifarlens.classifier.operations import network_layers
from cifarlens.training.one_cycle.graph import graph_event


@pytest.mark.parametrize("name", ["resnet18", "pyramid"])
def test_every_operation_has_a_node_after_its_inputs(name):
    network = (NETWORKS | CONTRIBUTED)[name](10, width=4)
    graph = GraphDef.FromString(graph_event(network, 32).graph_def)
    names = set()
    for node in graph.node:
        assert node.name not in names
        assert names >= set(node.input)
        names.add(node.name)
    layers = network_layers(network, 32)
    assert [node.op for node in graph.node] == ["image", *(x.kind for x in layers), "logits"]
    inputs = [max(1, len(layer.sources)) for layer in layers]
    assert [len(node.input) for node in graph.node] == [0, *inputs, 1]
    sizes = [dim.size for dim in graph.node[-1].attr["_output_shapes"].list.shape[0].dim]
    assert sizes == [1, 10]
    assert {name.split("/")[0] for name in names} <= {*network.layers, "head", "image", "logits"}


def picky(num_classes: int, width: int = 64) -> Network:
    """Returns a network that refuses a single image."""

    class Picky(nn.Flatten):
        def forward(self, x):
            if len(x) == 1:
                raise IndexError("one image\nis too few")
            return super().forward(x)

    features = OrderedDict(layer=nn.Conv2d(3, width, 3))
    return Network(features, nn.Sequential(Picky(), nn.Linear(900 * width, num_classes)))


def test_a_network_without_a_graph_is_trained(setup, train, monkeypatch, capsys):
    monkeypatch.setitem(NETWORKS, "picky", picky)
    assert len(train(setup(name="picky", width=1), epochs=1)) == 1
    message = "Skipping the network graph in TensorBoard: one image?is too few\n"
    assert message in capsys.readouterr().out
