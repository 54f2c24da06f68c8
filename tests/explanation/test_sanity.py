import numpy as np
import pytest
import torch

from cifarlens.classifier.bundle import Bundle
from cifarlens.dataset.arrays import Dataset
from cifarlens.explanation.gradcam import Maps, cam_maps
from cifarlens.explanation.sanity import Sanity, check_sanity

LABELS = [0, 3, 5]


@pytest.fixture(scope="module")
def images(few_digits: Dataset) -> np.ndarray:
    return few_digits.test_images[:3]


@pytest.fixture(scope="module")
def before(bundle: Bundle, images: np.ndarray) -> Maps:
    return cam_maps(bundle, images, LABELS)


@pytest.fixture(scope="module")
def found(bundle: Bundle, images: np.ndarray, before: Maps) -> Sanity:
    return check_sanity(bundle, images, LABELS, before)


def test_the_network_forgets_from_the_head_down(found: Sanity) -> None:
    assert found.steps == ("head", "layer3", "layer2", "layer1", "prep")
    assert found.maps["layer1 LayerCAM"].shape == (5, 3, 32, 32)
    for values in found.similarity.values():
        assert values.shape == (5,)
        assert (np.abs(values) < 1).all()


def test_a_map_that_stays_has_a_similarity_of_1(
    bundle: Bundle, images: np.ndarray, found: Sanity
) -> None:
    """Against the maps of one step, that step's are the same and others are not."""
    layers = bundle.config.layers
    second = {layer: found.maps[layer][1] for layer in layers}
    again = check_sanity(bundle, images, LABELS, second)
    for layer in layers:
        assert again.similarity[layer][1] == pytest.approx(1)
        assert again.similarity[layer][4] < 0.99


def test_grad_cam_follows_the_head_but_activations_do_not(before: Maps, found: Sanity) -> None:
    """The head alone decides which channels count; LayerCAM adds up what is bright anyway."""
    assert found.similarity["layer3"][0] < found.similarity["layer3 LayerCAM"][0]


def test_bundle_and_random_numbers_stay_as_they_were(
    bundle: Bundle, images: np.ndarray, before: Maps
) -> None:
    state = [value.clone() for value in bundle.network.state_dict().values()]
    random = torch.get_rng_state()
    check_sanity(bundle, images, LABELS, before)
    assert torch.equal(random, torch.get_rng_state())
    for old, new in zip(state, bundle.network.state_dict().values(), strict=True):
        assert torch.equal(old, new)


def test_scores() -> None:
    rows = {"a": [0.9, 0.1], "b": [0.2, -0.1], "c": [np.nan, np.nan], "d": [-0.5, -0.3]}
    values = {name: np.array(row) for name, row in rows.items()}
    found = Sanity(("head", "layer1"), values, {})
    assert [found.score(name) for name in values] == [0.5, 0.05, None, -0.4]
    assert [found.changes(name) for name in values] == [False, True, False, False]


def test_empty_maps_have_no_score(bundle: Bundle, images: np.ndarray) -> None:
    empty = {"layer3": np.zeros((3, 32, 32), np.float32)}
    assert check_sanity(bundle, images, LABELS, empty).score("layer3") is None
