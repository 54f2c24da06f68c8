"""A loaded bundle equals the saved one, and its files are never half-written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from contributed import CONTRIBUTED

from cifarlens.classifier.bundle import BundleConfig, BundleError, load_bundle, save_bundle
from cifarlens.classifier.networks import NETWORKS, custom_resnet
from cifarlens.classifier.predict import predict_logits
from cifarlens.classifier.preprocess import normalize

FILES = ("config.json", "model.safetensors")
CONFIG = BundleConfig(
    architecture="custom_resnet",
    arguments={"width": 4},
    classes=("cat", "dog", "Žába"),
    mean=(0.5, 0.4, 0.3),
    std=(0.2, 0.3, 0.4),
    image_size=32,
    layers=("prep", "layer1", "layer2", "layer3"),
)


def make_network():
    torch.manual_seed(0)
    return custom_resnet(3, width=4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_bundle(tmp_path / "models", make_network(), CONFIG)
    return tmp_path / "models"


def test_a_loaded_bundle_is_frozen_in_eval_and_predicts_as_before(folder):
    bundle = load_bundle(folder)
    assert bundle.config == CONFIG
    assert not any(module.training for module in bundle.network.modules())
    assert not any(parameter.requires_grad for parameter in bundle.network.parameters())
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    with torch.no_grad():
        x = normalize(torch.from_numpy(images), CONFIG.mean, CONFIG.std)
        expected = make_network().eval()(x).numpy()
    assert np.abs(predict_logits(bundle, images) - expected).max() < 1e-5


def test_a_loaded_network_no_longer_depends_on_the_file(folder):
    network = load_bundle(folder).network
    path = folder / "model.safetensors"
    with path.open("r+b") as stream:
        stream.write(bytes(path.stat().st_size))
    expected = make_network().state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_the_same_weights_give_the_same_bytes_also_after_loading(folder, tmp_path):
    bundle = load_bundle(folder)
    for network in (make_network(), bundle.network):
        save_bundle(tmp_path / "again", network, bundle.config)
        for file in FILES:
            assert (folder / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == list(FILES)


@pytest.mark.parametrize("failing", FILES)
def test_a_save_that_fails_half_way_leaves_no_bundle(folder, failing, monkeypatch):
    replace = Path.replace

    def fail(path: Path, target: Path) -> Path:
        if target.name == failing:
            raise OSError("killed")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="killed"):
        save_bundle(folder, make_network(), CONFIG)
    with pytest.raises(BundleError, match=r"has no config\.json"):
        load_bundle(folder)
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]


def test_a_save_replaces_the_file_of_a_killed_save(folder):
    left = folder / ".model.safetensors.part"
    left.write_bytes(b"half")
    save_bundle(folder, make_network(), CONFIG)
    assert not left.exists()
    assert load_bundle(folder).config == CONFIG


@pytest.mark.parametrize("name", CONTRIBUTED)
def test_a_contributed_network_predicts_the_same_after_loading(tmp_path, monkeypatch, name):
    """Its constants and buffers are correct too, including those that are not in the file."""
    monkeypatch.setitem(NETWORKS, name, CONTRIBUTED[name])
    network = CONTRIBUTED[name](3, width=8).eval()
    config = replace(CONFIG, architecture=name, arguments={"width": 8}, layers=network.layers)
    save_bundle(tmp_path, network, config)
    image = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(load_bundle(tmp_path).network(image), network(image))


def test_weights_that_two_layers_share_are_saved(tmp_path):
    network = custom_resnet(3, width=4)
    network.features.layer1.residual[1] = network.features.layer1.residual[0]
    save_bundle(tmp_path, network, CONFIG)
    loaded = load_bundle(tmp_path).network
    first, second = (block[0].weight for block in loaded.features.layer1.residual)
    assert torch.equal(first, second)
