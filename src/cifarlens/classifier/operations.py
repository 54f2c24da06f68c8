"""Every operation of the network, read off the model itself: shapes, kernels, costs, fields.

Knows nothing of pages: one image runs through the network, and each module of torch.nn and each
function called outside of them leaves a row. The forward pass may be any Python.
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
# In lower case; with dropout of all kinds, they change no value when the network predicts. `get`
# reads a property, such as x.T.
LEFT_OUT = ("identity", "clone", "contiguous", "detach", "get")
HEAD = "head"


@dataclass(frozen=True)
class Layer:
    """One operation.

    Attributes:
        part: the feature layer that it belongs to, or `head`.
        name: the module's path inside the part; of a function its kind.
        kind: class of the module, Conv2d, BatchNorm2d and so on; of a function its name
            capitalised, `Add` for a sum.
        kernel: height and width of its window, pixels of its input; None without one.
        stride: of the window, pixels; 1 without one.
        inputs: channels, height and width (or values alone) of the first input for one image.
        outputs: the same of the output.
        parameters: that it has, frozen ones too; those of an earlier row count there.
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
        network: a copy of it predicts, on the CPU, so it stays as it is, and so does the random
            state.
        image_size: side of the input, pixels.

    Receptive fields grow as in Araujo et al. 2019, doi:10.23915/distill.00021. An operation on
    several inputs sees what the farthest of them sees. One whose window is unknown and whose map is
    k times smaller than its input's (adaptive pooling, interpolation) counts as a window of k×k;
    one that gives no map (a mean over height and width, flattening) as a window of the whole map.
    """
    twin = copy.deepcopy(network).cpu().eval()
    image = torch.zeros(1, 3, image_size, image_size)
    reader = _Reader(twin, image)
    with torch.no_grad(), torch.random.fork_rng(devices=[]), reader:
        twin(image)
    return reader.layers


def parts_of(layers: Sequence[Layer]) -> list[Part]:
    """The layers by part, in order."""
    names = dict.fromkeys(layer.part for layer in layers)
    return [Part(name, tuple(x for x in layers if x.part == name)) for name in names]


@dataclass(frozen=True)
class _Value:
    """What is known of a tensor made from the image.

    Attributes:
        rows: that it comes from, empty for the image itself.
        field: side of the receptive field, pixels.
        step: pixels between two neighbours.
    """

    rows: tuple[int, ...]
    field: float
    step: float


class _Reader(TorchFunctionMode):
    """Adds a row for each operation while the network runs; who takes what follows from tensors.

    A module reports itself by hooks; a function outside of modules comes by torch's function mode.
    """

    def __init__(self, network: Network, image: Tensor) -> None:
        super().__init__()
        self.layers: list[Layer] = []
        # By tensor, whose hash is its id: as a key it lives on, and no other tensor gets that id.
        self._values = {image: _Value((), 1, 1)}
        self._weights: dict[Tensor, set[nn.Parameter]] = {  # that a tensor is made from
            parameter: {parameter} for parameter in network.parameters()
        }
        self._counted: set[nn.Parameter] = set()
        self._running: list[str] = []  # paths of the modules, the innermost last
        self._leaves = 0  # modules of torch.nn that run
        for path, module in network.named_modules():
            own = type(module).__module__.startswith("torch.nn.")
            leaf = own and not isinstance(module, CONTAINERS)
            module.register_forward_pre_hook(partial(self._enter, path, leaf))
            module.register_forward_hook(partial(self._leave, leaf), with_kwargs=True)

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self._leaves:
            # The name of add_ and __add__ too is Add.
            self._note(func.__name__.strip("_").capitalize(), (args, kwargs), result)
        return result

    def _enter(self, path: str, leaf: bool, *_: Any) -> None:
        self._running.append(path)
        self._leaves += leaf

    def _leave(self, leaf: bool, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        # Torch does not report autograd functions of one's own: their module stands for them.
        unseen = self._values.keys().isdisjoint(_tensors(result))
        if self._leaves == leaf and (leaf or unseen):
            self._note(type(module).__name__, (args, kwargs), result, module)
        self._running.pop()
        self._leaves -= leaf

    def _note(self, kind: str, given: Any, result: Any, module: nn.Module | None = None) -> None:
        """Follows what an operation gives, and adds its row if it takes the image."""
        taken, results = _tensors(given), _tensors(result)
        weights = set(module.parameters() if module else ())
        weights.update(*(self._weights.get(tensor, ()) for tensor in taken))
        known = [tensor for tensor in taken if tensor in self._values]
        if not known:  # it prepares weights, or a constant
            self._weights |= dict.fromkeys(results, weights)
            return
        values = [self._values[tensor] for tensor in known]
        rows = sorted({row for value in values for row in value.rows})
        # The smallest step is the largest map's, over which the others are spread.
        value = _Value(tuple(rows), max(v.field for v in values), min(v.step for v in values))
        if results and kind.lower() not in LEFT_OUT and "dropout" not in kind.lower():
            value = self._add(kind, module, known, results[0], weights, value)
        self._values |= dict.fromkeys(results, value)

    def _add(
        self,
        kind: str,
        module: nn.Module | None,
        taken: Sequence[Tensor],
        result: Tensor,
        weights: set[nn.Parameter],
        before: _Value,
    ) -> _Value:
        part, _, name = self._running[-1].removeprefix("features.").partition(".")
        kernel, stride, reach = _window(module, taken, result)
        field = before.field + max(reach - 1, 0) * before.step
        outputs = tuple(result.shape[1:])
        places = math.prod(outputs[1:]) if kind == "Conv2d" else 1
        self.layers.append(
            Layer(
                part=part or HEAD,
                name=name if module else kind,
                kind=kind,
                kernel=kernel,
                stride=int(stride) if kernel else 1,
                inputs=tuple(taken[0].shape[1:]),
                outputs=outputs,
                parameters=sum(p.numel() for p in weights - self._counted),
                mult_adds=sum(p.numel() * (places if p.dim() == 4 else 1) for p in weights),
                field=round(field),
                sources=before.rows,
            )
        )
        self._counted |= weights
        return _Value((len(self.layers) - 1,), field, before.step * stride)


def _tensors(value: Any) -> list[Tensor]:
    """The tensors in what a function takes or gives."""
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]


def _window(
    module: nn.Module | None, taken: Sequence[Tensor], result: Tensor
) -> tuple[tuple[int, int] | None, float, float]:
    """Kernel, stride and how far it reaches, the larger of both ways; no kernel for most."""
    if not isinstance(module, Window):
        ratio = max(map(_side, taken)) / _side(result)
        return None, ratio, ratio
    kernel, stride, dilation = (
        (side, side) if isinstance(side, int) else (side[0], side[-1])
        for side in (module.kernel_size, module.stride, getattr(module, "dilation", 1))
    )
    reach = max((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    return kernel, max(stride), reach


def _side(tensor: Tensor) -> int:
    """Places of a map each way, 1 if it is not a map; the same for C×H×W and H×W×C."""
    return tensor.shape[2] or 1 if tensor.dim() == 4 else 1
