import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from cifarlens.classifier.bundle import BundleConfig, BundleError, load_bundle, save_bundle
from cifarlens.classifier.networks import custom_resnet
from cifarlens.classifier.predict import predict_logits
from cifarlens.classifier.preprocess import normalize

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


def test_round_trip(folder):
    bundle = load_bundle(folder)
    assert bundle.config == CONFIG
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    with torch.no_grad():
        x = normalize(torch.from_numpy(images), CONFIG.mean, CONFIG.std)
        expected = make_network().eval()(x).numpy()
    assert np.abs(predict_logits(bundle, images) - expected).max() < 1e-5


def test_loaded_network_is_frozen_and_in_eval(folder):
    network = load_bundle(folder).network
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_same_weights_same_bytes(folder, tmp_path):
    save_bundle(tmp_path / "again", make_network(), CONFIG)
    for file in ("model.safetensors", "config.json"):
        assert (folder / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "config.json"}


def test_saving_what_was_loaded_gives_the_same_bytes(folder, tmp_path):
    bundle = load_bundle(folder)
    save_bundle(tmp_path / "again", bundle.network, bundle.config)
    weights = "model.safetensors"
    assert (folder / weights).read_bytes() == (tmp_path / "again" / weights).read_bytes()


def change(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "DROP"}))


def change_weights(folder: Path, change_state) -> None:
    path = folder / "model.safetensors"
    state = load_file(path)
    change_state(state)
    save_file(state, path)


class Unpickled(Exception):
    pass


class Bomb:
    def __reduce__(self):
        return _explode, ()


def _explode():
    raise Unpickled


NORM = "features.prep.1.weight"
SPOILERS = {
    "has no config.json": lambda f: (f / "config.json").unlink(),
    "has no model.safetensors": lambda f: (f / "model.safetensors").unlink(),
    "config.json that is no JSON": lambda f: (f / "config.json").write_text("{"),
    "not JSON but bytes": lambda f: (f / "config.json").write_bytes(b"\xff\xfe\x00"),
    "config.json with list": lambda f: (f / "config.json").write_text("[]"),
    "with \\['architecture'": lambda f: change(f, mean="DROP"),
    "extra": lambda f: change(f, extra=1),
    "'vgg', not one of custom_resnet": lambda f: change(f, architecture="vgg"),
    "arguments that do not fit": lambda f: change(f, arguments={"depth": 3}),
    "no lists of the right length": lambda f: change(f, mean=[0.5, 0.5]),
    "classes, mean, std or layers": lambda f: change(f, classes=[]),
    "or layers are no lists": lambda f: change(f, layers="prep"),
    "lists the layers": lambda f: change(f, layers=["prep", "layer1"]),
    r"not torch.float32 \(4, 12\)|head.2.\w+ as torch.float32 \(3": (
        lambda f: change(f, classes=list("abcd"))
    ),
    f"lacks the tensor {NORM}": lambda f: change_weights(f, lambda s: s.pop(NORM)),
    "a tensor too many, extra": (
        lambda f: change_weights(f, lambda s: s.update(extra=torch.zeros(1)))
    ),
    f"{NORM} as torch.float32 \\(5,\\)": (
        lambda f: change_weights(f, lambda s: s.update({NORM: torch.zeros(5)}))
    ),
    f"{NORM} as torch.float16": (
        lambda f: change_weights(f, lambda s: s.update({NORM: s[NORM].half()}))
    ),
    "damaged model.safetensors": (
        lambda f: (f / "model.safetensors").write_bytes(
            (f / "model.safetensors").read_bytes()[:-100]
        )
    ),
    "a damaged model": lambda f: (f / "model.safetensors").write_bytes(b""),
    "damaged": lambda f: (f / "model.safetensors").write_bytes(pickle.dumps(Bomb())),
    "is a folder": lambda f: (
        (f / "model.safetensors").unlink(),
        (f / "model.safetensors").mkdir(),
    ),
    "models has no config": lambda f: shutil.rmtree(f),
    "mean or std holds no numbers": lambda f: change(f, mean=["a", "b", "c"]),
    "arguments .* do not fit": lambda f: change(f, arguments=[3]),
    "image_size": lambda f: change(f, image_size="big"),
}
VAGUE = {"not JSON but bytes": "config.json", "is a folder": "model.safetensors"}


@pytest.mark.parametrize("words", SPOILERS)
def test_bad_bundles_are_named(folder, words):
    SPOILERS[words](folder)
    with pytest.raises(BundleError, match=VAGUE.get(words, words)) as caught:
        load_bundle(folder)
    assert str(folder) in str(caught.value)
    assert "run `dvc repro`" in str(caught.value)


def test_config_is_utf8_json_with_sorted_keys(folder):
    content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert content["classes"] == ["cat", "dog", "Žába"]
    assert list(content) == sorted(content)


def test_the_bomb_would_go_off():
    with pytest.raises(Unpickled):
        pickle.loads(pickle.dumps(Bomb()))
