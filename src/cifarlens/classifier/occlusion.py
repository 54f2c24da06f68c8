"""Computes occlusion maps, which need no gradients: a patch covers part of the image.

Source: Zeiler and Fergus 2014, arXiv:1311.2901.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from .bundle import Bundle
from .preprocess import normalize

OCCLUSION = "Occlusion"  # name of the method
BATCH = 16  # patches in a forward pass, which bounds the memory of several threads
CELLS = 8  # side of a map; a patch covers 2×2 cells, which is 8×8 of 32×32 pixels as in CutOut


def occlusion_maps(
    bundle: Bundle, images: np.ndarray, targets: Sequence[Sequence[int]]
) -> list[np.ndarray]:
    """Returns how far covering a place lowers the probability of the given classes.

    The patch has the mean colour of the training images and a quarter of the image's side. It moves
    in steps of half its side, and its centre reaches the edges, so four patches cover each place.
    The passes of an image are the same for any number of targets.

    Args:
        bundle: the bundle, with its network on the CPU; threads can share it.
        images: uint8, N×H×W×3.
        targets: for each image, the labels to explain.

    Returns:
        For each image, float32 maps, targets×8×8: the probability (0 to 1) without a patch minus
        the probability with it, as the mean over the four patches that cover the place. Where a
        patch raises the probability, the value is negative.
    """
    config = bundle.config
    covered = _patches(config.image_size)
    maps = []
    for image, labels in zip(images, targets, strict=True):
        with torch.inference_mode():
            x = normalize(torch.from_numpy(np.array(image[None])), config.mean, config.std)
            batch = torch.cat([x, x.masked_fill(covered, 0.0)])  # 0 is the mean after normalising
            batch = batch.contiguous(memory_format=torch.channels_last)
            logits = torch.cat([bundle.network(part) for part in torch.split(batch, BATCH)])
            probabilities = (logits / bundle.temperature).softmax(1)[:, list(labels)]
            drops = (probabilities[0] - probabilities[1:]).T.reshape(-1, 1, CELLS + 1, CELLS + 1)
            maps.append(avg_pool2d(drops, 2, stride=1)[:, 0].numpy())
    return maps


def _patches(size: int) -> Tensor:
    """Returns which pixels each patch covers: bool, 81×1×size×size, row by row."""
    cell = torch.arange(size) * CELLS // size
    centre = torch.arange(CELLS + 1)[:, None]  # the edges of the cells
    covered = (cell == centre - 1) | (cell == centre)
    patches = covered[:, None, :, None] & covered[None, :, None, :]
    return patches.reshape(-1, 1, size, size)
