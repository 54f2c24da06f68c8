import numpy as np
import pytest
import torch

from cifarlens.classifier.bundle import Bundle
from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation.gradcam import cam_maps
from cifarlens.explanation.sanity import Sanity, check_sanity

LABELS = [0, 3, 5]


@pytest.fixture(scope="module")
def images(few_digits: Dataset) -> np.ndarray:
    return few_digits.test_images[:3]


@pytest.fixture(scope="module")
def sanity(bundle: Bundle, images: np.ndarray) -> Sanity:
    return check_sanity(bundle, images, LABELS, cam_maps(bundle, images, LABELS))


def test_the_network_is_randomised_from_the_head_to_the_first_layer(sanity: Sanity) -> None:
    assert sanity.steps == ("head", "layer3", "layer2", "layer1", "prep")
    assert sanity.maps["layer1 LayerCAM"].shape == (5, 3, 32, 32)
    for values in sanity.similarity.values():
        assert values.shape == (5,)
        assert (np.abs(values) < 1).all()


def test_unchanged_maps_have_a_similarity_of_1_and_the_rest_stays_as_it_was(
    bundle: Bundle, images: np.ndarray, sanity: Sanity
) -> None:
    """Compared with the maps of one step, the maps of that step are equal and others are not."""
    state = [value.clone() for value in bundle.network.state_dict().values()]
    random = torch.get_rng_state()
    layers = bundle.config.layers
    second = {layer: sanity.maps[layer][1] for layer in layers}
    again = check_sanity(bundle, images, LABELS, second)
    for layer in layers:
        assert again.similarity[layer][1] == pytest.approx(1)
        assert again.similarity[layer][4] < 0.99
    assert torch.equal(random, torch.get_rng_state())
    for old, new in zip(state, bundle.network.state_dict().values(), strict=True):
        assert torch.equal(old, new)
    assert not any(module._forward_hooks for module in bundle.network.modules())
    assert all(parameter.grad is None for parameter in bundle.network.parameters())


def test_scores() -> None:
    rows = {"a": [0.9, 0.1], "b": [0.2, -0.1], "c": [np.nan, np.nan], "d": [-0.5, -0.3]}
    values = {name: np.array(row) for name, row in rows.items()}
    sanity = Sanity(("head", "layer1"), values, {})
    assert [sanity.score(name) for name in values] == [0.5, 0.05, None, -0.4]
    assert [sanity.passes(name) for name in values] == [False, True, False, False]


def test_empty_maps_have_no_score(bundle: Bundle, images: np.ndarray) -> None:
    empty = {"layer3": np.zeros((3, 32, 32), np.float32)}
    assert check_sanity(bundle, images, LABELS, empty).score("layer3") is None
