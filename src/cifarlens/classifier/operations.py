"""Lists every operation of a network: shapes, kernels, costs and receptive fields.

Runs one image through the network and records a row for each torch.nn module and for each function
called outside such modules. The forward pass can be any Python code.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from .networks import Network

Window = nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
# Operations, in lower case, that do not change values in `eval()` mode; neither do any whose names
# contain "dropout". `get` reads a property, such as x.T.
NEUTRAL_KINDS = ("identity", "clone", "contiguous", "detach", "get")
HEAD = "head"


@dataclass(frozen=True)
class Layer:
    """Describes one operation.

    Attributes:
        part: name of the feature layer that contains the operation, or `head`.
        name: path of the module inside the part; for a function, its kind.
        kind: class name of the module, such as Conv2d or BatchNorm2d; for a function, its
            capitalised name, such as `Add` for a sum.
        kernel: height and width of the window in pixels of the input; None without a window.
        stride: stride of the window in pixels; 1 without a window.
        inputs: channels, height and width (or number of values) of the first input for one image.
        outputs: channels, height and width (or number of values) of the output for one image.
        parameters: number of parameters, including frozen ones; each counts in its first row only.
        mult_adds: number of multiply-adds for one image, counted as torchinfo does: weights of a
            convolution count once per output position, all other parameters count once.
        field: side of the receptive field of one output value in pixels of the image.
        sources: indices of the rows whose outputs are inputs here; empty for the first row.
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
    """Groups the operations of one feature layer, or of the head, with their totals."""

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
    """Returns every operation in the order of computation, without identity and dropout.

    Args:
        network: the network; a copy runs on the CPU, so the network and the random state do not
            change.
        image_size: side of the input in pixels.

    Computes receptive fields as in Araujo et al. 2019, doi:10.23915/distill.00021. An operation
    with several inputs takes the largest of their receptive fields. Where the window is unknown, an
    output map k times smaller than the input (adaptive pooling, interpolation) counts as a k×k
    window, and an output that is not a map (a mean over height and width, flattening) as a window
    over the whole input map.
    """
    twin = copy.deepcopy(network).cpu().eval()
    image = torch.zeros(1, 3, image_size, image_size)
    reader = _Reader(twin, image)
    with torch.no_grad(), torch.random.fork_rng(devices=[]), reader:
        twin(image)
    return reader.layers


def parts_of(layers: Sequence[Layer]) -> list[Part]:
    """Groups operations by part, in order."""
    names = dict.fromkeys(layer.part for layer in layers)
    return [Part(name, tuple(x for x in layers if x.part == name)) for name in names]


@dataclass(frozen=True)
class _Value:
    """Describes a tensor that is computed from the image.

    Attributes:
        rows: indices of the rows that produced it; empty for the image itself.
        field: side of the receptive field in pixels.
        step: distance between the receptive fields of two neighbouring values in pixels.
    """

    rows: tuple[int, ...]
    field: float
    step: float


class _Reader(TorchFunctionMode):
    """Adds a row for each operation while the network runs, and tracks tensors to link the rows.

    Hooks report modules; torch's function mode reports functions outside modules.
    """

    def __init__(self, network: Network, image: Tensor) -> None:
        super().__init__()
        self.layers: list[Layer] = []
        # A tensor's hash is its id. As a key it stays alive, so no other tensor can reuse the id.
        self._values = {image: _Value((), 1, 1)}
        self._weights: dict[Tensor, set[nn.Parameter]] = {  # the parameters behind each tensor
            parameter: {parameter} for parameter in network.parameters()
        }
        self._counted: set[nn.Parameter] = set()
        self._running: list[str] = []  # paths of the running modules, the innermost last
        self._leaves = 0  # number of running torch.nn modules that are not containers
        for path, module in network.named_modules():
            from_torch = type(module).__module__.startswith("torch.nn.")
            leaf = from_torch and not isinstance(module, CONTAINERS)
            module.register_forward_pre_hook(partial(self._enter, path, leaf))
            module.register_forward_hook(partial(self._leave, leaf), with_kwargs=True)

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self._leaves:
            # add, add_ and __add__ all become Add.
            self._record(func.__name__.strip("_").capitalize(), (args, kwargs), result)
        return result

    def _enter(self, path: str, leaf: bool, *_: Any) -> None:
        self._running.append(path)
        self._leaves += leaf

    def _leave(self, leaf: bool, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        # Torch does not report custom autograd functions; record their module instead.
        unseen = self._values.keys().isdisjoint(_tensors(result))
        if self._leaves == leaf and (leaf or unseen):
            self._record(type(module).__name__, (args, kwargs), result, module)
        self._running.pop()
        self._leaves -= leaf

    def _record(
        self, kind: str, arguments: Any, result: Any, module: nn.Module | None = None
    ) -> None:
        """Tracks the outputs of an operation, and adds a row if the image is among its inputs."""
        inputs, outputs = _tensors(arguments), _tensors(result)
        weights = set(module.parameters() if module else ())
        weights.update(*(self._weights.get(tensor, ()) for tensor in inputs))
        maps = [tensor for tensor in inputs if tensor in self._values]
        if not maps:  # the operation prepares weights or a constant
            self._weights |= dict.fromkeys(outputs, weights)
            return
        values = [self._values[tensor] for tensor in maps]
        rows = sorted({row for value in values for row in value.rows})
        # The largest map has the smallest step; the other maps are broadcast to it.
        value = _Value(tuple(rows), max(v.field for v in values), min(v.step for v in values))
        if outputs and kind.lower() not in NEUTRAL_KINDS and "dropout" not in kind.lower():
            value = self._add_row(kind, module, maps, outputs[0], weights, value)
        self._values |= dict.fromkeys(outputs, value)

    def _add_row(
        self,
        kind: str,
        module: nn.Module | None,
        inputs: Sequence[Tensor],
        output: Tensor,
        weights: set[nn.Parameter],
        source: _Value,
    ) -> _Value:
        part, _, name = self._running[-1].removeprefix("features.").partition(".")
        kernel, stride, extent = _window(module, inputs, output)
        field = source.field + max(extent - 1, 0) * source.step
        outputs = tuple(output.shape[1:])
        positions = math.prod(outputs[1:]) if kind == "Conv2d" else 1
        self.layers.append(
            Layer(
                part=part or HEAD,
                name=name if module else kind,
                kind=kind,
                kernel=kernel,
                stride=int(stride) if kernel else 1,
                inputs=tuple(inputs[0].shape[1:]),
                outputs=outputs,
                parameters=sum(p.numel() for p in weights - self._counted),
                mult_adds=sum(p.numel() * (positions if p.dim() == 4 else 1) for p in weights),
                field=round(field),
                sources=source.rows,
            )
        )
        self._counted |= weights
        return _Value((len(self.layers) - 1,), field, source.step * stride)


def _tensors(value: Any) -> list[Tensor]:
    """Returns the tensors in a function's arguments or result."""
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]


def _window(
    module: nn.Module | None, inputs: Sequence[Tensor], output: Tensor
) -> tuple[tuple[int, int] | None, float, float]:
    """Returns kernel (None without one), and the larger stride and extent of both directions."""
    if not isinstance(module, Window):
        ratio = max(map(_side, inputs)) / _side(output)
        return None, ratio, ratio
    kernel, stride, dilation = (
        (side, side) if isinstance(side, int) else (side[0], side[-1])
        for side in (module.kernel_size, module.stride, getattr(module, "dilation", 1))
    )
    extent = max((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    return kernel, max(stride), extent


def _side(tensor: Tensor) -> int:
    """Returns the side of a map in values, C×H×W or H×W×C, or 1 if the tensor is not a map."""
    return tensor.shape[2] or 1 if tensor.dim() == 4 else 1
