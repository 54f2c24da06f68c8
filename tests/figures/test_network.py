import pytest
from matplotlib.patches import FancyArrowPatch, Polygon

from cifarlens.classifier.networks import NETWORKS
from cifarlens.classifier.operations import network_layers
from cifarlens.figures.network import LENGTH, network_figure


@pytest.mark.parametrize(
    ("name", "convolutions", "sums"), [("custom_resnet", 8, 2), ("resnet18", 17, 8)]
)
def test_a_block_a_convolution_and_an_arc_a_sum(name: str, convolutions: int, sums: int) -> None:
    """The image and the head's two vectors are blocks too; a block has three faces on paper."""
    layers = network_layers(NETWORKS[name](10, width=2).eval(), 32)
    assert sum(layer.kind == "Add" for layer in layers) == sums
    (axes,) = network_figure(layers).axes
    faces = [patch for patch in axes.patches if isinstance(patch, Polygon)]
    assert len(faces) == 6 * (convolutions + 3)
    curves = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    bent = [curve for curve in curves if curve.get_connectionstyle().rad]
    assert len(bent) == sums
    left, right = (
        limit(face.get_xy()[:, 0].tolist()) for limit in (min, max) for face in [faces[0]]
    )
    assert left == 0 < right
    assert max(face.get_xy()[:, 0].max() for face in faces) == pytest.approx(LENGTH)


@pytest.mark.parametrize("width", [1, 256])
def test_blocks_never_change_their_order(width: int) -> None:
    with_meta = network_layers(NETWORKS["resnet34"](2, width=1).eval(), 32)
    (axes,) = network_figure(with_meta).axes
    fronts = [patch.get_xy()[0, 0] for patch in axes.patches if isinstance(patch, Polygon)][::6]
    assert fronts == sorted(fronts)
    assert len(fronts) == 36
