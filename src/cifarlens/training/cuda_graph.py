"""Records the passes of a network as CUDA graphs, which start all kernels of a pass at once.

Starting them one by one takes the CPU longer than the GPU needs to run them: 6.1 and 4.9 ms a step
on an H200 (docs/gpu.md).
"""

import gc
from collections.abc import Callable

import torch
from torch import Tensor, nn

Pass = Callable[[Tensor], Tensor]


def record(network: nn.Module, images: Tensor, *, half: bool) -> Pass:
    """Returns a function that computes the same bits as the network, and the same gradients.

    No other thread may use the GPU meanwhile. The network and its state do not change.

    Source: "Partial-network capture" in PyTorch's notes on CUDA semantics.

    Args:
        network: in training mode, on the GPU; runs the same operations for all images.
        images: normalised images N×3×H×W on the GPU. The function takes images of this shape.
        half: whether autocast computes in bfloat16.
    """
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    # Deletes the graphs of an earlier training now; during a recording that would be an error.
    gc.collect()
    # A graph cannot use the cache of converted weights.
    with torch.autocast("cuda", torch.bfloat16, enabled=half, cache_enabled=False):
        torch.cuda.make_graphed_callables(network, (images,), allow_unused_input=True)
    replay: Pass = network.forward
    del network.forward  # it hides that of the class, which takes images of any shape
    network.load_state_dict(kept)  # recording changes batch statistics
    return replay
