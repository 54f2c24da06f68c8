"""What augmentation does to a train image, in words; needs none of the libraries that do it."""

from ..params import Augment


def augmentation_steps(augment: Augment, hole: str) -> list[str]:
    """The steps in the order they are done; empty for nothing.

    Args:
        augment: as in params.yaml.
        hole: what becomes of CutOut's square, such as "cut out".
    """
    steps = []
    if augment.padding:
        pixels = f"{augment.padding} reflected pixel{'s' if augment.padding > 1 else ''}"
        steps.append(f"padded by {pixels} on each side, then cropped back at random")
    if augment.flip:
        steps.append("half of the images mirrored")
    if augment.cutout:
        steps.append(f"a square of {augment.cutout}×{augment.cutout} pixels {hole}")
    return steps
