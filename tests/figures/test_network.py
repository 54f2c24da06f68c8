from collections import OrderedDict

import pytest
from contributed import CONTRIBUTED, OURS
from matplotlib.patches import FancyArrowPatch, Polygon
from torch import nn

from cifarlens.classifier.networks import NETWORKS, Network
from cifarlens.classifier.operations import Layer, network_layers
from cifarlens.figures.network import CEILING, LENGTH, PLAIN, WIDTH, network_figure


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


def arcs(layers: list[Layer]) -> list[tuple[float, float]]:
    """Where each arc begins and ends, units."""
    (axes,) = network_figure(layers).axes
    curves = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    ends = [curve._posA_posB for curve in curves if curve.get_connectionstyle().rad]
    return [(start[0], end[0]) for start, end in ends]


def words(layers: list[Layer]) -> list[str]:
    (axes,) = network_figure(layers).axes
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("name", OURS)
def test_nothing_is_named_in_the_own_networks(name: str) -> None:
    """Their drawings stay as they are."""
    layers = network_layers(NETWORKS[name](10, width=2), 32)
    assert "others" not in words(layers)


@pytest.mark.parametrize(("name", "joined"), [("gated", 0), ("forked", 2), ("pyramid", 2)])
def test_other_operations_are_named_and_what_they_join_gets_an_arc(name: str, joined: int) -> None:
    layers = network_layers(CONTRIBUTED[name](10, width=8), 32)
    found = arcs(layers)
    assert len(found) == joined
    assert all(0 <= start < end <= LENGTH for start, end in found)
    others = {layer.kind for layer in layers} - set(PLAIN)
    assert {"others", *others} <= set(words(layers))
    (axes,) = network_figure(layers).axes
    for patch in axes.patches:
        if isinstance(patch, FancyArrowPatch):
            highest = patch.get_path().vertices[:, 1].max()  # of a curve's control points
            assert highest <= 2 * CEILING


SHAPES = [(), (0,), (7,), (49, 8), (1, 1, 1), (8, 49, 49), (4, 7, 7, 2)]


@pytest.mark.parametrize("kind", ["Conv2d", "Strange"])
@pytest.mark.parametrize(("shape", "count"), [((8, 16, 16), 250), *((x, 2) for x in SHAPES)])
def test_any_shape_in_the_middle(shape: tuple[int, ...], kind: str, count: int) -> None:
    rows = [("part", "Conv2d", (8, 32, 32)), *[("part", kind, shape)] * count]
    rows += [("other", "ReLU", shape), ("head", "Linear", (10,))]
    layers = [
        Layer(part, "", kind, None, 1, (3, 32, 32), outputs, 0, 0, 1, (row - 1,) if row else ())
        for row, (part, kind, outputs) in enumerate(rows)
    ]
    (axes,) = network_figure(layers).axes
    faces = [patch.get_xy()[:, 0] for patch in axes.patches if isinstance(patch, Polygon)]
    fronts = faces[::6]
    assert max(map(max, fronts)) == pytest.approx(LENGTH)
    assert all(left < right for left, right, *_ in fronts)
    assert {"part", "other", "head"} <= set(words(layers))


def test_many_parts_make_it_wider() -> None:
    features = OrderedDict((f"layer{n}", nn.Conv2d(3, 3, 3, padding=1)) for n in range(30))
    network = Network(features, nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)))
    assert network_figure(network_layers(network, 32)).get_figwidth() > 2 * WIDTH


def test_blocks_never_change_their_order() -> None:
    (axes,) = network_figure(network_layers(NETWORKS["resnet34"](2, width=1), 32)).axes
    fronts = [patch.get_xy()[0, 0] for patch in axes.patches if isinstance(patch, Polygon)][::6]
    assert fronts == sorted(fronts)
    assert len(fronts) == 36
