import pytest
import torch
from tensorboard.compat.proto.graph_pb2 import GraphDef
from torch import nn

from cifarlens.classifier.networks import NETWORKS
from cifarlens.training.one_cycle.graph import graph_event

MODULES = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Linear)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_module_is_there_and_what_it_takes_comes_before(name):
    network = NETWORKS[name](10, width=2, dropout=0.1)
    graph = GraphDef.FromString(graph_event(network, 32).graph_def)
    seen = set()
    for node in graph.node:
        assert node.name not in seen
        assert seen >= set(node.input)
        assert bool(node.input) == (node.op != "image")
        seen.add(node.name)
    kinds = [node.op for node in graph.node]
    for module in MODULES:
        found = [m for m in network.modules() if isinstance(m, module)]
        # A block of the ResNets uses its ReLU twice.
        assert kinds.count(module.__name__) >= len(found)
    sizes = [dim.size for dim in graph.node[-1].attr["_output_shapes"].list.shape[0].dim]
    assert sizes == [1, 10]
    assert {name.split("/")[0] for name in seen} == {*network.layers, "head", "image", "logits"}


def test_network_and_random_state_stay():
    network = NETWORKS["custom_resnet"](10, width=2, dropout=0.5).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    graph_event(network, 32)
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert all(module.training for module in network.modules())
