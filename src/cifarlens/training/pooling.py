"""Makes max-pooling free its input, for training on a CPU.

PyTorch keeps the input until the backward pass, which needs only its shape. At width 64 and 512
images a step, the inputs take 0.5 GB in float32.
"""

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def free_pooling_inputs(network: nn.Module) -> None:
    """Makes every max-pooling of a network free its input; values and gradients stay the same."""
    for module in network.modules():
        if type(module) is nn.MaxPool2d and not module.return_indices:
            # On the instance, because a subclass would be another kind of layer in the graph.
            module.forward = MethodType(_forward, module)  # type: ignore[method-assign]  # see above


def _forward(pool: nn.MaxPool2d, images: Tensor) -> Tensor:
    window = (pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode)
    return _MaxPool.apply(images, window)  # type: ignore[no-any-return]  # no types


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, window: tuple[Any, ...]) -> Tensor:
        pooled, indices = F.max_pool2d_with_indices(images, *window)
        ctx.save_for_backward(indices)
        ctx.shape, ctx.window = images.shape, window
        return pooled

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (indices,) = ctx.saved_tensors
        # Only its shape is read, and the system adds no memory to a tensor that is never written.
        images = torch.empty(ctx.shape, dtype=gradient.dtype, memory_format=torch.channels_last)
        of_images = torch.ops.aten.max_pool2d_with_indices_backward(
            gradient, images, *ctx.window, indices
        )
        return of_images, None
