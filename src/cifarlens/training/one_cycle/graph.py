"""Converts a network to a TensorBoard graph, from the same rows as the report's table.

TensorBoard's own `add_graph` traces with torch.jit, which is deprecated and takes seconds.
"""

from collections.abc import Sequence

# There are no type stubs for TensorBoard.
from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]  # no types
from tensorboard.compat.proto.graph_pb2 import GraphDef  # type: ignore[import-untyped]  # no types

from ...classifier.networks import Network
from ...classifier.operations import network_layers

IMAGE, LOGITS = "image", "logits"


def graph_event(network: Network, image_size: int) -> Event:
    """Returns the graph as a log event, with a node per operation and a folder per module.

    Args:
        network: the network; it is not changed.
        image_size: side of the input, in pixels.
    """
    graph = GraphDef()
    _add_node(graph, IMAGE, IMAGE, [], (3, image_size, image_size))
    names: list[str] = []
    for layer in network_layers(network, image_size):
        place = layer.name.split(".") if layer.name != layer.kind else []
        name = base = "/".join(filter(None, (layer.part, *place, layer.kind)))
        count = 1
        while name in names:  # a module that is used twice, or a second sum
            count += 1
            name = f"{base}_{count}"
        sources = [names[row] for row in layer.sources] or [IMAGE]
        _add_node(graph, name, layer.kind, sources, layer.outputs)
        names.append(name)
    _add_node(graph, LOGITS, LOGITS, names[-1:], layer.outputs)
    return Event(graph_def=graph.SerializeToString())


def _add_node(
    graph: GraphDef, name: str, kind: str, sources: Sequence[str], outputs: Sequence[int]
) -> None:
    node = graph.node.add(name=name, op=kind, input=sources)
    shape = node.attr["_output_shapes"].list.shape.add()
    for size in (1, *outputs):  # one image
        shape.dim.add(size=size)
