"""An invalid bundle from a stranger is refused with one sentence and never unpickled."""

import json
import pickle
import resource
import shutil
from pathlib import Path

import pytest
import torch
from report_making import narrow_bundle
from safetensors.torch import load_file, save_file

from cifarlens.classifier.bundle import BundleError, load_bundle, save_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bundle = narrow_bundle(("cat", "dog", "frog"))
    save_bundle(tmp_path / "models", bundle.network, bundle.config)
    return tmp_path / "models"


def config(**values: object):
    """Changes keys of config.json; DROP removes a key."""

    def spoil(folder: Path) -> None:
        path = folder / "config.json"
        content = {**json.loads(path.read_text()), **values}
        path.write_text(json.dumps({key: x for key, x in content.items() if x != "DROP"}))

    return spoil


def text(content: str | bytes):
    """Replaces config.json."""
    content = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / "config.json").write_bytes(content)


def weights(change_bytes):
    """Changes the bytes of model.safetensors."""

    def spoil(folder: Path) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(change_bytes(path.read_bytes()))

    return spoil


def tensors(change_state):
    """Changes the tensors in model.safetensors."""

    def spoil(folder: Path) -> None:
        path = folder / "model.safetensors"
        state = load_file(path)
        change_state(state)
        save_file(state, path)

    return spoil


def folder_for(name: str):
    return lambda folder: ((folder / name).unlink(), (folder / name).mkdir())


NORM = "features.prep.1.weight"
VARIANCE = "features.prep.1.running_var"
NAN = float("nan")
SPOILED_CONFIGS = [
    (lambda f: shutil.rmtree(f), "models/ has no config.json"),
    (folder_for("config.json"), r"config.json that cannot be read \(Is a directory"),
    (text("{"), "config.json that is not valid JSON"),
    (text(b"\xff\xfe\x00"), "config.json that is not valid JSON .*utf-8"),
    (text("[" * 100_000), "config.json that is not valid JSON .*recursion"),
    (text('{"mean": ' + "9" * 5000 + "}"), "config.json that is not valid JSON .*digits"),
    (text("[]"), "config.json that is not a JSON object"),
    (config(mean="DROP"), "config.json without mean"),
    (config(**{"a\nb": 1}), r"config.json with the unknown key 'a\\nb'"),
    (config(architecture="vgg"), "whose architecture is 'vgg', not one of custom_resnet, "),
    (config(architecture=["resnet18"]), r"whose architecture is \['resnet18'\], not one of"),
    (config(architecture="resnet18"), "lists the layers prep, .*; resnet18 has stem, "),
    (config(arguments=[3]), r"whose arguments are \[3\], not a JSON object"),
    (config(arguments={"depth": 3}), "argument 'depth' is 3, which custom_resnet does not accept"),
    (config(arguments={"num_classes": 3}), "argument 'num_classes' is 3"),
    (config(arguments={"width": True}), "argument 'width' is True"),
    (config(arguments={"width": 0}), r"do not fit custom_resnet \(width is 0; it must be at least"),
    (config(arguments={"width": 2**70}), "arguments that do not fit custom_resnet"),
    (config(architecture="resnet18", arguments={"norm_first": True}), "True, which resnet18 does"),
    (config(classes="abc"), "whose classes are not a list of class names"),
    (config(classes=["cat", "dog", " "]), "whose classes are not a list of class names"),
    (config(classes=["cat", "dog", "a\nb"]), "whose classes are not a list of class names"),
    (config(classes=["cat", "dog", "a\u202eb"]), "whose classes are not a list of class names"),
    (config(classes=[*"a" * 200, "dog"]), "whose classes name 'a' twice"),
    (config(classes=["cat"]), r"whose classes are \['cat'\], not two or more class names"),
    (config(classes=list("abcd")), r"has head.2.\w+ as torch.float32 \(3.*, not .* \(4,"),
    (config(layers=["prep", 3]), "whose layers are not a list of layer names"),
    (config(mean=[0.5, 0.5]), "whose mean has 2 values, not one for each of the 3 channels"),
    (config(mean=0.5), "whose mean is 0.5, not a list of numbers from 0 to 1"),
    (config(mean=[True, 0.5, 0.5]), "whose mean is .*True.*, not a list of numbers"),
    (config(mean=[NAN, 0.5, 0.5]), "whose mean is .*nan.*, not a list of numbers"),
    (config(mean=[127, 127, 127]), "whose mean is .*, not a list of numbers from 0 to 1"),
    (config(std=[0, 0.5, 0.5]), "whose std is .*, not a list of numbers from 1e-09 to 1"),
    (config(image_size=True), "whose image_size is True, not a whole number"),
    (config(image_size=31), "has the image_size 31, which custom_resnet does not support"),
    (config(image_size=10**30), "image_size is 10+, not a whole number from 1 to 1024"),
]
SPOILED_WEIGHTS = [
    (lambda f: (f / "model.safetensors").unlink(), "has no model.safetensors"),
    (folder_for("model.safetensors"), "has a damaged model.safetensors"),
    (weights(lambda content: b""), "has a damaged model.safetensors"),
    (tensors(lambda s: s.pop(NORM)), f"lacks the tensor {NORM}"),
    (tensors(lambda s: s.update(extra=torch.zeros(1))), "has the unknown tensor extra"),
    (tensors(lambda s: s.update({NORM: torch.zeros(5)})), rf"{NORM} as torch.float32 \(5,\), not"),
    (tensors(lambda s: s.update({NORM: s[NORM].half()})), f"{NORM} as torch.float16"),
    (tensors(lambda s: s[NORM].fill_(NAN)), f"values in {NORM} that are not finite numbers"),
    (tensors(lambda s: s[VARIANCE].neg_()), f"variance below 0 in {VARIANCE}"),
]


@pytest.mark.parametrize(("spoil", "words"), SPOILED_CONFIGS + SPOILED_WEIGHTS)
def test_the_fault_of_an_invalid_bundle_is_named(folder, spoil, words):
    spoil(folder)
    with pytest.raises(BundleError, match=words) as caught:
        load_bundle(folder)
    sentence = str(caught.value)
    assert str(folder) in sentence
    assert sentence.isprintable()
    assert len(sentence) < 600 + len(str(folder))
    assert sentence.endswith(". Run `dvc repro` to create it again.")


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("save", [pickle.dump, torch.save])
@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_pickle_is_refused_and_never_unpickled(folder, tmp_path, save, name):
    mark = tmp_path / "unpickled"
    with (folder / name).open("wb") as stream:
        save(Bomb(mark), stream)
    with pytest.raises(BundleError, match=f"{name} "):
        load_bundle(folder)
    assert not mark.exists()
    with (folder / name).open("rb") as stream:
        pickle.load(stream) if save is pickle.dump else torch.load(stream, weights_only=False)
    assert mark.exists()


def test_nothing_is_allocated_for_a_network_that_does_not_fit(folder):
    config(arguments={"width": 2**20})(folder)  # 10**15 weights
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BundleError, match=r"has features.\S+ as torch.float32 .*, not .*1048576"):
        load_bundle(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KB on Linux
