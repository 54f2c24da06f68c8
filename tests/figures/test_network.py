from collections import OrderedDict

import pytest
from contributed import CONTRIBUTED
from matplotlib.patches import FancyArrowPatch, Polygon
from torch import nn

from cifarlens.classifier.networks import NETWORKS, Network
from cifarlens.classifier.operations import Layer, network_layers
from cifarlens.figures.network import CEILING, LENGTH, WIDTH, network_figure


def arcs(layers: list[Layer]) -> list[FancyArrowPatch]:
    (axes,) = network_figure(layers).axes
    curves = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    return [curve for curve in curves if curve.get_connectionstyle().rad]


def fronts(layers: list[Layer]) -> list[tuple[float, float]]:
    """Returns the left and the right edge of each block's front, in units.

    A block has three faces and paper behind each; the first is the front.
    """
    (axes,) = network_figure(layers).axes
    faces = [patch.get_xy()[:, 0] for patch in axes.patches if isinstance(patch, Polygon)]
    return [(face.min(), face.max()) for face in faces[::6]]


def words(layers: list[Layer]) -> set[str]:
    (axes,) = network_figure(layers).axes
    return {text.get_text() for text in axes.texts}


@pytest.mark.parametrize(
    ("name", "convolutions", "sums"),
    [("custom_resnet", 8, 2), ("resnet18", 17, 8), ("resnet34", 33, 16)],
)
def test_every_convolution_is_a_block_and_every_sum_an_arc(
    name: str, convolutions: int, sums: int
) -> None:
    """The image and the two vectors of the head are blocks too."""
    layers = network_layers(NETWORKS[name](10, width=2).eval(), 32)
    blocks = fronts(layers)
    assert len(blocks) == convolutions + 3
    assert len(arcs(layers)) == sums == sum(layer.kind == "Add" for layer in layers)
    assert blocks[0][0] == 0
    assert blocks[-1][1] == pytest.approx(LENGTH)
    assert blocks == sorted(blocks)
    assert "operations" not in words(layers)


@pytest.mark.parametrize(("name", "joins"), [("forked", 2), ("pyramid", 2)])
def test_other_operations_are_named_and_their_inputs_joined_by_arcs(name: str, joins: int) -> None:
    layers = network_layers(CONTRIBUTED[name](10, width=8), 32)
    curves = arcs(layers)
    assert len(curves) == joins
    for curve in curves:
        (start, _), (end, _) = curve._posA_posB
        assert 0 <= start < end <= LENGTH
        highest = curve.get_path().vertices[:, 1].max()  # of the control points
        assert highest <= 2 * CEILING
    assert "operations" in words(layers)


SHAPES = [(), (0,), (7,), (49, 8), (1, 1, 1), (8, 49, 49), (4, 7, 7, 2)]


@pytest.mark.parametrize("kind", ["Conv2d", "Strange"])
@pytest.mark.parametrize(("shape", "count"), [((8, 16, 16), 250), *((x, 2) for x in SHAPES)])
def test_intermediate_values_may_have_any_shape(
    shape: tuple[int, ...], kind: str, count: int
) -> None:
    rows = [("part", "Conv2d", (8, 32, 32)), *[("part", kind, shape)] * count]
    rows += [("other", "ReLU", shape), ("head", "Linear", (10,))]
    layers = [
        Layer(part, "", kind, None, 1, (3, 32, 32), outputs, 0, 0, 1, (row - 1,) if row else ())
        for row, (part, kind, outputs) in enumerate(rows)
    ]
    blocks = fronts(layers)
    assert blocks[-1][1] == pytest.approx(LENGTH)
    assert all(left < right for left, right in blocks)
    assert {"part", "other", "head"} <= words(layers)


def test_many_parts_make_the_drawing_wider() -> None:
    features = OrderedDict((f"layer{n}", nn.Conv2d(3, 3, 3, padding=1)) for n in range(30))
    network = Network(features, nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)))
    assert network_figure(network_layers(network, 32)).get_figwidth() > 2 * WIDTH
