from collections import OrderedDict

import pytest
import torch
from contributed import CONTRIBUTED, OURS
from tensorboard.compat.proto.graph_pb2 import GraphDef
from torch import nn

from cifarlens.classifier.networks import NETWORKS, Network
from cifarlens.classifier.operations import network_layers
from cifarlens.training.one_cycle.fit import fit
from cifarlens.training.one_cycle.graph import graph_event
from cifarlens.training.one_cycle.schedule import Recipe

MODULES = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Linear)


@pytest.mark.parametrize("name", OURS)
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


@pytest.mark.parametrize("name", CONTRIBUTED)
def test_a_contributed_network(name):
    network = CONTRIBUTED[name](10, width=4)
    graph = GraphDef.FromString(graph_event(network, 32).graph_def)
    names = [node.name for node in graph.node]
    assert len(set(names)) == len(names) == len(network_layers(network, 32)) + 2
    assert [node.op for node in graph.node if not node.input] == ["image"]
    assert {"gated": "head/Mean", "forked": "fork2/Cat", "pyramid": "pyramid1/Interpolate"}[
        name
    ] in names


def picky(num_classes: int, width: int = 64) -> Network:
    """A network that refuses a single image."""

    class Picky(nn.Flatten):
        def forward(self, x):
            if len(x) == 1:
                raise IndexError("one image\nis too few")
            return super().forward(x)

    features = OrderedDict(layer=nn.Conv2d(3, width, 3))
    return Network(features, nn.Sequential(Picky(), nn.Linear(900 * width, num_classes)))


def test_a_network_that_cannot_be_drawn_is_trained(setup, folders, monkeypatch, capsys):
    monkeypatch.setitem(NETWORKS, "picky", picky)
    recipe = Recipe(epochs=1, peak_epoch=1, lr_max=0.01, lr_min=0.001)
    made = setup(name="picky", width=1)
    history = fit(made, recipe, checkpoints=folders.checkpoints, logs=folders.logs)
    assert len(history) == 1
    assert "TensorBoard gets no graph of the network: one image?is too few\n" in (
        capsys.readouterr().out
    )


def test_network_and_random_state_stay():
    network = NETWORKS["custom_resnet"](10, width=2, dropout=0.5).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    graph_event(network, 32)
    assert all(torch.equal(before[name], t) for name, t in network.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert all(module.training for module in network.modules())
