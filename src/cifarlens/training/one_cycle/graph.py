"""The network's graph for TensorBoard, from the same rows as the report's table.

TensorBoard's own `add_graph` traces with torch.jit, which is deprecated and takes seconds.
"""

from collections.abc import Sequence

# TensorBoard ships no types, and nobody else has any for it.
from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]
from tensorboard.compat.proto.graph_pb2 import GraphDef  # type: ignore[import-untyped]

from ...classifier.networks import Network
from ...classifier.operations import network_layers

IMAGE, LOGITS = "image", "logits"


def graph_event(network: Network, image_size: int) -> Event:
    """The graph as an event for a log: a node for each operation, a folder for each module.

    Args:
        network: it stays as it is.
        image_size: side of the input, pixels.
    """
    graph = GraphDef()
    _add_node(graph, IMAGE, IMAGE, [], (3, image_size, image_size))
    names: list[str] = []
    for layer in network_layers(network, image_size):
        place = layer.name.split(".") if layer.name != layer.kind else []
        name = "/".join(filter(None, (layer.part, *place, layer.kind)))
        while name in names:  # a module that is used again, or a second sum
            name += "_again"
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
