"""The network layer by layer, read off the model itself: shapes, kernels, costs, receptive fields.

Knows nothing of pages: torch.fx follows one image through the network.
"""

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from .networks import Network

Window = nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d
LEFT_OUT = (nn.Identity, nn.Dropout)  # they change nothing when the network predicts
HEAD = "head"


@dataclass(frozen=True)
class Layer:
    """One operation.

    Attributes:
        part: the feature layer that it belongs to, or `head`.
        name: its path inside the part, `Add` for a residual sum.
        kind: of module: Conv2d, MaxPool2d, BatchNorm2d and so on; `Add` for a sum.
        kernel: height and width of its window, pixels of its input; None without one.
        stride: of the window, pixels; 1 without one.
        inputs: channels, height and width (or values alone) of the input for one image.
        outputs: likewise of the output.
        parameters: that it has, trained or not frozen alike.
        mult_adds: multiply-adds for one image, each weight once for each place where it is
            applied, a batch norm's and a bias's once, as torchinfo counts them.
        field: side of the receptive field of one output value, pixels of the image.
        sources: rows whose outputs it takes, by place in the table; empty for the first.
    """

    part: str
    name: str
    kind: str
    kernel: tuple[int, int] | None
    stride: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    parameters: int
    mult_adds: int
    field: int
    sources: tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """The layers of one feature layer, or of the head, and what they come to."""

    name: str
    layers: tuple[Layer, ...]

    @property
    def outputs(self) -> tuple[int, ...]:
        return self.layers[-1].outputs

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def mult_adds(self) -> int:
        return sum(layer.mult_adds for layer in self.layers)

    @property
    def field(self) -> int:
        return self.layers[-1].field


def network_layers(network: Network, image_size: int) -> list[Layer]:
    """Every operation of the network in the order of computation, without identity and dropout.

    Args:
        network: in `eval()`; it stays as it is.
        image_size: side of the input, pixels.

    Receptive fields grow as in Araujo et al. 2019, doi:10.23915/distill.00021; a sum sees what the
    farthest of its inputs sees.
    """
    follower = _Follower(fx.symbolic_trace(network))
    with torch.no_grad():
        follower.run(torch.zeros(1, 3, image_size, image_size))
    return follower.layers


def parts_of(layers: Sequence[Layer]) -> list[Part]:
    """The layers by part, in order."""
    names = dict.fromkeys(layer.part for layer in layers)
    return [Part(name, tuple(x for x in layers if x.part == name)) for name in names]


@dataclass(frozen=True)
class _Sight:
    """What is known of a value: the rows it comes from, its field and the pixels between two."""

    rows: tuple[int, ...]
    field: int
    step: int


class _Follower(fx.Interpreter):
    """Runs the graph and keeps a line for each operation."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.layers: list[Layer] = []
        self.seen: dict[fx.Node, _Sight] = {}

    def run_node(self, n: fx.Node) -> Any:
        given = [self.env[source] for source in n.all_input_nodes]
        shape = tuple(given[0].shape[1:]) if given else ()  # before: ReLU works in place
        result = super().run_node(n)
        sight = self._merged(n)
        if n.op == "call_module":
            module = self.fetch_attr(str(n.target))
            if not isinstance(module, LEFT_OUT):
                sight = self._add(_path(str(n.target)), module, shape, result, sight)
        elif n.op == "call_function":
            if n.target is not operator.add:
                raise NotImplementedError(f"no line for {n.target}")
            sight = self._add((self.layers[sight.rows[-1]].part, "Add"), None, shape, result, sight)
        self.seen[n] = sight
        return result

    def _merged(self, node: fx.Node) -> _Sight:
        sights = [self.seen[source] for source in node.all_input_nodes]
        if not sights:
            return _Sight((), 1, 1)
        rows = sorted({row for sight in sights for row in sight.rows})
        return _Sight(tuple(rows), max(s.field for s in sights), max(s.step for s in sights))

    def _add(
        self,
        path: tuple[str, str],
        module: nn.Module | None,
        inputs: tuple[int, ...],
        result: Tensor,
        before: _Sight,
    ) -> _Sight:
        kernel, stride = _window(module)
        field = before.field + (max(kernel) - 1 if kernel else 0) * before.step
        sizes = [p.numel() for p in module.parameters()] if module else []
        outputs = tuple(result.shape[1:])
        self.layers.append(
            Layer(
                part=path[0],
                name=path[1],
                kind=type(module).__name__ if module else "Add",
                kernel=kernel,
                stride=stride,
                inputs=inputs,
                outputs=outputs,
                parameters=sum(sizes),
                mult_adds=_mult_adds(module, outputs),
                field=field,
                sources=before.rows,
            )
        )
        return _Sight((len(self.layers) - 1,), field, before.step * stride)


def _path(target: str) -> tuple[str, str]:
    """Part and name inside it of a module's path: features.layer1.pooled.0, head.2."""
    first, _, rest = target.partition(".")
    if first == HEAD:
        return HEAD, rest
    part, _, name = rest.partition(".")
    return part, name


def _window(module: nn.Module | None) -> tuple[tuple[int, int] | None, int]:
    """Kernel and stride, which is the same both ways in all our networks."""
    if not isinstance(module, Window):
        return None, 1
    kernel, stride = module.kernel_size, module.stride
    sides = (kernel, kernel) if isinstance(kernel, int) else (kernel[0], kernel[-1])
    return sides, stride if isinstance(stride, int) else stride[0]


def _mult_adds(module: nn.Module | None, outputs: tuple[int, ...]) -> int:
    if module is None:
        return 0
    places = math.prod(outputs[1:]) if isinstance(module, nn.Conv2d) else 1
    weights = {name: p.numel() for name, p in module.named_parameters()}
    return sum(count * (places if name == "weight" else 1) for name, count in weights.items())
