"""A loaded bundle equals the saved one, and its files are never half-written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from contributed import CONTRIBUTED
from report_making import narrow_bundle

from cifarlens.classifier.bundle import Bundle, BundleError, load_bundle, save_bundle
from cifarlens.classifier.networks import NETWORKS
from cifarlens.classifier.predict import predict_logits

FILES = ("config.json", "model.safetensors")


@pytest.fixture
def saved() -> Bundle:
    bundle = narrow_bundle(("cat", "می\u200cخواهم", "Žába"))
    config = replace(bundle.config, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    return replace(bundle, config=config)


@pytest.fixture
def folder(saved: Bundle, tmp_path: Path) -> Path:
    save_bundle(tmp_path / "models", saved.network, saved.config)
    return tmp_path / "models"


def test_a_loaded_bundle_is_frozen_in_eval_and_predicts_as_before(saved, folder):
    bundle = load_bundle(folder)
    assert bundle.config == saved.config
    assert not any(module.training for module in bundle.network.modules())
    assert not any(parameter.requires_grad for parameter in bundle.network.parameters())
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    np.testing.assert_allclose(
        predict_logits(bundle, images), predict_logits(saved, images), atol=1e-5
    )


def test_a_loaded_network_no_longer_depends_on_the_file(saved, folder):
    network = load_bundle(folder).network
    path = folder / "model.safetensors"
    with path.open("r+b") as stream:
        stream.write(bytes(path.stat().st_size))
    expected = saved.network.state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_the_same_weights_give_the_same_bytes_also_after_loading(saved, folder, tmp_path):
    for bundle in (saved, load_bundle(folder)):
        save_bundle(tmp_path / "again", bundle.network, bundle.config)
        for file in FILES:
            assert (folder / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == list(FILES)


@pytest.mark.parametrize("failing", FILES)
def test_a_save_that_fails_half_way_leaves_no_bundle(saved, folder, failing, monkeypatch):
    replace = Path.replace

    def fail(path: Path, target: Path) -> Path:
        if target.name == failing:
            raise OSError("killed")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="killed"):
        save_bundle(folder, saved.network, saved.config)
    with pytest.raises(BundleError, match=r"has no config\.json"):
        load_bundle(folder)
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]


def test_a_save_replaces_the_file_of_a_killed_save(saved, folder):
    left = folder / ".model.safetensors.part"
    left.write_bytes(b"half")
    save_bundle(folder, saved.network, saved.config)
    assert not left.exists()
    assert load_bundle(folder).config == saved.config


@pytest.mark.parametrize("name", CONTRIBUTED)
def test_a_contributed_network_predicts_the_same_after_loading(saved, tmp_path, monkeypatch, name):
    """Its constants and buffers are correct too, including those that are not in the file."""
    monkeypatch.setitem(NETWORKS, name, CONTRIBUTED[name])
    network = CONTRIBUTED[name](3, width=8).eval()
    arguments = {"width": 8}
    config = replace(saved.config, architecture=name, arguments=arguments, layers=network.layers)
    save_bundle(tmp_path, network, config)
    image = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(load_bundle(tmp_path).network(image), network(image))


def test_weights_that_two_layers_share_are_saved(saved, tmp_path):
    residual = saved.network.features.layer1.residual
    residual[1] = residual[0]
    save_bundle(tmp_path, saved.network, saved.config)
    loaded = load_bundle(tmp_path).network
    first, second = (block[0].weight for block in loaded.features.layer1.residual)
    assert torch.equal(first, second)
