"""The network's graph for TensorBoard, by torch.fx.

TensorBoard's own `add_graph` traces with torch.jit, which is deprecated and takes seconds.
"""

import copy
from typing import Any

import torch

# TensorBoard ships no types, and nobody else has any for it.
from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]
from tensorboard.compat.proto.graph_pb2 import GraphDef  # type: ignore[import-untyped]
from torch import Tensor, fx

from ...classifier.networks import Network


def graph_event(network: Network, image_size: int) -> Event:
    """The graph as an event for a log.

    Args:
        network: a copy of it runs, on the CPU, so it stays as it is, and so does every random
            state.
        image_size: side of the input, pixels.
    """
    twin = copy.deepcopy(network).cpu().eval()
    drawer = _Drawer(fx.symbolic_trace(twin))
    with torch.no_grad():
        drawer.run(torch.zeros(1, 3, image_size, image_size))
    return Event(graph_def=drawer.graph_def.SerializeToString())


class _Drawer(fx.Interpreter):
    """Runs the graph and draws a node for each of its, with the shape of what it gives."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.graph_def = GraphDef()
        self.names: dict[fx.Node, str] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        name, kind = self.named(n)
        while name in self.names.values():  # a module that is used again
            name += "_again"
        self.names[n] = name
        node = self.graph_def.node.add(name=name, op=kind)
        node.input.extend(self.names[source] for source in n.all_input_nodes)
        if isinstance(result, Tensor):
            shape = node.attr["_output_shapes"].list.shape.add()
            for size in result.shape:
                shape.dim.add(size=size)
        return result

    def named(self, n: fx.Node) -> tuple[str, str]:
        """Name, with a folder for each module around it, and kind."""
        if n.op == "call_module":
            path = str(n.target).removeprefix("features.").replace(".", "/")
            kind = type(self.fetch_attr(str(n.target))).__name__
            return f"{path}/{kind}", kind
        if n.op == "call_function":  # a sum, beside the module before it
            return f"{self.names[n.all_input_nodes[-1]].split('/')[0]}/{n.name}", "Add"
        name = {"placeholder": "image", "output": "logits"}[n.op]
        return name, name
