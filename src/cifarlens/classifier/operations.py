"""Every operation of the network, read off the model itself: shapes, kernels, costs, fields.

Knows nothing of pages: one image runs through the network, and each module of torch.nn and each
function called outside of them leaves a row. The forward pass may be any Python.
"""

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

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
        outputs: likewise of the output.
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
        self._values = {id(image): _Value((), 1, 1)}
        self._weights: dict[int, tuple[nn.Parameter, ...]] = {  # that a tensor is made from
            id(parameter): (parameter,) for parameter in network.parameters()
        }
        self._counted: set[int] = set()
        self._alive = [image]  # an id stays a tensor's own as long as the tensor lives
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
            kind = func.__name__.strip("_").capitalize()  # of add_ and __add__ too
            self._note(kind, (_place(self._running[-1])[0], kind), (args, kwargs), result)
        return result

    def _enter(self, path: str, leaf: bool, *_: Any) -> None:
        self._running.append(path)
        self._leaves += leaf

    def _leave(self, leaf: bool, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        # Torch does not report autograd functions of one's own: their module stands for them.
        unseen = not any(id(tensor) in self._values for tensor in _tensors(result))
        if self._leaves == leaf and (leaf or unseen):
            place = _place(self._running[-1])
            self._note(type(module).__name__, place, (args, kwargs), result, module)
        self._running.pop()
        self._leaves -= leaf

    def _note(
        self,
        kind: str,
        place: tuple[str, str],
        given: Any,
        result: Any,
        module: nn.Module | None = None,
    ) -> None:
        """Follows what an operation gives, and adds its row if it takes the image."""
        taken, results = list(_tensors(given)), list(_tensors(result))
        self._alive += results
        weights = {id(p): p for tensor in taken for p in self._weights.get(id(tensor), ())}
        weights |= {id(p): p for p in (module.parameters() if module else ())}
        known = [tensor for tensor in taken if id(tensor) in self._values]
        if not known:  # it prepares weights, or a constant
            self._weights |= dict.fromkeys(map(id, results), tuple(weights.values()))
            return
        value = self._merged(known)
        if results and kind.lower() not in LEFT_OUT and "dropout" not in kind.lower():
            value = self._add(kind, place, module, known, results[0], weights, value)
        self._values |= dict.fromkeys(map(id, results), value)

    def _merged(self, tensors: Sequence[Tensor]) -> _Value:
        values = [self._values[id(tensor)] for tensor in tensors]
        rows = sorted({row for value in values for row in value.rows})
        # The smallest step is the largest map's, over which the others are spread.
        return _Value(tuple(rows), max(v.field for v in values), min(v.step for v in values))

    def _add(
        self,
        kind: str,
        place: tuple[str, str],
        module: nn.Module | None,
        taken: Sequence[Tensor],
        result: Tensor,
        weights: dict[int, nn.Parameter],
        before: _Value,
    ) -> _Value:
        kernel, stride, reach = _window(module)
        if not kernel:
            stride = reach = max(map(_side, taken)) / _side(result)
        field = before.field + max(reach - 1, 0) * before.step
        outputs = tuple(result.shape[1:])
        self.layers.append(
            Layer(
                part=place[0],
                name=place[1],
                kind=kind,
                kernel=kernel,
                stride=int(stride) if kernel else 1,
                inputs=tuple(taken[0].shape[1:]),
                outputs=outputs,
                parameters=sum(p.numel() for key, p in weights.items() if key not in self._counted),
                mult_adds=_mult_adds(kind, weights.values(), outputs),
                field=round(field),
                sources=before.rows,
            )
        )
        self._counted |= weights.keys()
        return _Value((len(self.layers) - 1,), field, before.step * stride)


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in what a function takes or gives."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def _place(path: str) -> tuple[str, str]:
    """Part and name inside it of a module's path: features.layer1.pooled.0, head.2."""
    part, _, name = path.removeprefix("features.").partition(".")
    return part or HEAD, name


def _window(module: nn.Module | None) -> tuple[tuple[int, int] | None, float, float]:
    """Kernel, stride and how far it reaches, the larger of both ways; no kernel for most."""
    if not isinstance(module, Window):
        return None, 1, 1
    kernel, stride, dilation = (
        (side, side) if isinstance(side, int) else (side[0], side[-1])
        for side in (module.kernel_size, module.stride, getattr(module, "dilation", 1))
    )
    reach = max((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    return kernel, max(stride), reach


def _side(tensor: Tensor) -> int:
    """Places of a map each way, 1 if it is not a map; the same for C×H×W and H×W×C."""
    return tensor.shape[2] or 1 if tensor.dim() == 4 else 1


def _mult_adds(kind: str, weights: Iterable[nn.Parameter], outputs: tuple[int, ...]) -> int:
    places = math.prod(outputs[1:]) if kind == "Conv2d" else 1
    return sum(p.numel() * (places if p.dim() == 4 else 1) for p in weights)
