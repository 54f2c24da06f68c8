"""Computes weight gradients of wide convolutions as matrix products, where AMX makes that faster.

With 256 or more input channels on maps of at most 8×8 pixels, in bfloat16, they take between a
quarter and all of the time of oneDNN's kernel. Without AMX, or in float32, a step gains nothing.
"""

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MIN_CHANNELS, MAX_SIDE = 256, 8  # where the products are faster, see docs/speed.md


def use_matrix_products(network: nn.Module) -> None:
    """Changes how wide 3×3 convolutions compute their weight gradients, if this CPU has AMX."""
    if not torch.cpu.get_capabilities().get("amx_bf16"):
        return
    for module in network.modules():
        if type(module) is nn.Conv2d and _is_wide(module):
            # On the instance, because a subclass would be another kind of layer in the graph.
            module.forward = MethodType(_forward, module)  # type: ignore[method-assign]  # see above


def weight_gradient(images: Tensor, gradient: Tensor) -> Tensor:
    """Returns the gradient of a 3×3 convolution's weights, outputs×inputs×3×3, channels_last.

    Args:
        images: the input, N×inputs×H×W.
        gradient: of the output, N×outputs×H×W.
    """
    height, width = images.shape[2:]
    padded = F.pad(images.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    by_output = gradient.permute(0, 2, 3, 1).flatten(0, 2).t()
    products = [
        by_output @ padded[:, y : y + height, x : x + width].flatten(0, 2)
        for y in range(3)
        for x in range(3)
    ]
    return torch.stack(products, 1).view(-1, 3, 3, images.shape[1]).permute(0, 3, 1, 2)


def _is_wide(conv: nn.Conv2d) -> bool:
    shape = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups, conv.bias)
    usual = shape == ((3, 3), (1, 1), (1, 1), (1, 1), 1, None)
    return usual and conv.padding_mode == "zeros" and conv.in_channels >= MIN_CHANNELS


def _forward(conv: nn.Conv2d, images: Tensor) -> Tensor:
    if not torch.is_autocast_enabled("cpu") or max(images.shape[2:]) > MAX_SIDE:
        return nn.Conv2d.forward(conv, images)
    half = torch.get_autocast_dtype("cpu")
    return _Convolution.apply(images.to(half), conv.weight.to(half))  # type: ignore[no-any-return]  # no types


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(images, weight)
        return F.conv2d(images, weight, padding=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        images, weight = ctx.saved_tensors
        one, images_only = (1, 1), (True, False, False)
        of_images = torch.ops.aten.convolution_backward(
            gradient, images, weight, None, one, one, one, False, (0, 0), 1, images_only
        )[0]
        return of_images, weight_gradient(images, gradient)
