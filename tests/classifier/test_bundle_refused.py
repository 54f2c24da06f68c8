"""What strangers give as a bundle is refused in one sentence, and never unpickled."""

import json
import pickle
import resource
import shutil
from pathlib import Path

import pytest
import torch
from contributed import CONTRIBUTED
from report_making import narrow_bundle
from safetensors.torch import load_file, save_file

from cifarlens.classifier.bundle import BundleError, load_bundle, save_bundle
from cifarlens.classifier.networks import NETWORKS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bundle = narrow_bundle(("cat", "dog", "frog"))
    save_bundle(tmp_path / "models", bundle.network, bundle.config)
    return tmp_path / "models"


def change(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "DROP"}))


def change_weights(folder: Path, change_state) -> None:
    path = folder / "model.safetensors"
    state = load_file(path)
    change_state(state)
    save_file(state, path)


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def weights(change_bytes):
    """Spoils the bytes of model.safetensors."""

    def spoil(folder: Path) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(change_bytes(path.read_bytes()))

    return spoil


def header(change_header):
    """Spoils the JSON header of model.safetensors."""

    def change_bytes(content: bytes) -> bytes:
        length = int.from_bytes(content[:8], "little")
        found = json.loads(content[8 : 8 + length])
        change_header(found)
        text = json.dumps(found).encode()
        return len(text).to_bytes(8, "little") + text + content[8 + length :]

    return weights(change_bytes)


def tensors(change_state):
    return lambda folder: change_weights(folder, change_state)


def config(**values: object):
    return lambda folder: change(folder, **values)


def text(content: str | bytes):
    """Spoils config.json as a whole."""
    content = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / "config.json").write_bytes(content)


def folder_for(name: str):
    return lambda folder: ((folder / name).unlink(), (folder / name).mkdir())


def link_for(name: str, target: str):
    return lambda folder: ((folder / name).unlink(), (folder / name).symlink_to(target))


NORM = "features.prep.1.weight"
VARIANCE = "features.prep.1.running_var"
NAN = float("nan")
SPOILED_CONFIGS = [
    (lambda f: shutil.rmtree(f), "models has no config.json"),
    (lambda f: (f / "config.json").unlink(), "has no config.json"),
    (link_for("config.json", "nowhere"), "has no config.json"),
    (link_for("config.json", "config.json"), r"config.json that cannot be read \(Too many levels"),
    (folder_for("config.json"), r"config.json that cannot be read \(Is a directory"),
    (lambda f: (shutil.rmtree(f), f.write_bytes(b"")), r"cannot be read \(Not a directory"),
    (text(""), "config.json that is no JSON"),
    (text("{"), "config.json that is no JSON"),
    (text(b"\xff\xfe\x00"), "config.json that is no JSON .*utf-8"),
    (text("[" * 100_000), "config.json that is no JSON .*recursion"),
    (text('{"mean": ' + "9" * 5000 + "}"), "config.json that is no JSON .*digits"),
    (text("[]"), "config.json that is no JSON object"),
    (config(mean="DROP"), "config.json without mean"),
    (config(extra=1), "config.json with the unknown key 'extra'"),
    (config(**{"a\nb": 1}), r"unknown key 'a\\nb'"),
    (config(architecture="vgg"), "whose architecture is 'vgg', not one of custom_resnet, "),
    (config(architecture=["resnet18"]), r"whose architecture is \['resnet18'\], not one of"),
    (config(architecture="resnet18"), "lists the layers"),
    (config(arguments=[3]), r"whose arguments are \[3\], no JSON object"),
    (config(arguments={"depth": 3}), "argument 'depth' is 3, which custom_resnet does not take"),
    (config(arguments={"num_classes": 3}), "argument 'num_classes' is 3"),
    (config(arguments={"width": True}), "argument 'width' is True"),
    (config(arguments={"width": 4.0}), "argument 'width' is 4.0"),
    (config(arguments={"width": 0}), r"arguments that do not fit custom_resnet \(width is 0, but"),
    (config(arguments={"width": 2**70}), "arguments that do not fit custom_resnet"),
    (config(arguments={"width": 2**20}), r"has features.\S+ as torch.float32 .*, not .*1048576"),
    (config(arguments={"width": 5}), r"has features.\S+ as torch.float32 \(4.*, not .*\(5"),
    (config(arguments={"width": 4, "dropout": 1}), r"do not fit custom_resnet \(dropout is 1, but"),
    (config(arguments={"width": 4, "dropout": NAN}), "do not fit custom_resnet .dropout is nan"),
    (config(arguments={"width": 4, "dropout": "0"}), "argument 'dropout' is '0', which custom_r"),
    (config(arguments={"width": 4, "norm_first": 1}), "argument 'norm_first' is 1"),
    (
        config(arguments={"width": 4, "norm_first": False}),
        "lacks the tensor features.layer1.pooled.3.bias",
    ),
    (
        config(
            architecture="resnet18",
            arguments={"norm_first": True},
            layers=["stem", "layer1", "layer2", "layer3", "layer4"],
        ),
        "argument 'norm_first' is True, which resnet18 does not take",
    ),
    (
        config(architecture="resnet18", layers=["stem", "layer1", "layer2", "layer3", "layer4"]),
        "lacks the tensor features.layer1.0.bn1.bias",
    ),
    (config(classes="abc"), "whose classes are no list of class names"),
    (config(classes=["cat", "dog", 3]), "whose classes are no list of class names"),
    (config(classes=["cat", "dog", " "]), "whose classes are no list of class names"),
    (config(classes=["cat", "dog", "a\nb"]), "whose classes are no list of class names"),
    (config(classes=["cat", "dog", "dog"]), "whose classes are not two or more different names"),
    (config(classes=["cat"]), "whose classes are not two or more different names"),
    (config(classes=[]), "whose classes are not two or more different names"),
    (config(classes=list("abcd")), r"has head.2.\w+ as torch.float32 \(3.*, not .* \(4,"),
    (config(layers="prep"), "whose layers are no list of names"),
    (config(layers=["prep", 3]), "whose layers are no list of names"),
    (config(layers=["prep", "layer1"]), "lists the layers"),
    (config(mean=[0.5, 0.5]), "whose mean has 2 values, not one for each of 3 channels"),
    (config(mean=0.5), "whose mean is 0.5, no list of numbers from 0 to 1"),
    (config(mean=["a", "b", "c"]), "whose mean is .*, no list of numbers from 0 to 1"),
    (config(mean=[True, 0.5, 0.5]), "whose mean is .*True.*, no list of numbers"),
    (config(mean=[NAN, 0.5, 0.5]), "whose mean is .*nan.*, no list of numbers"),
    (config(mean=[127, 127, 127]), "whose mean is .*, no list of numbers from 0 to 1"),
    (config(std=[0.5, 0.5, 0.5, 0.5]), "whose std has 4 values"),
    (config(std=[0, 0.5, 0.5]), "whose std is .*, no list of numbers from 1e-09 to 1"),
    (config(std=[-0.1, 0.5, 0.5]), "whose std is .*, no list of numbers"),
    (config(std=[1e-320, 0.5, 0.5]), "whose std is .*, no list of numbers"),
    (config(std=[float("inf"), 0.5, 0.5]), "whose std is .*inf.*, no list of numbers"),
    (config(image_size="big"), "whose image_size is 'big', no whole number"),
    (config(image_size=True), "whose image_size is True, no whole number"),
    (config(image_size=0), "whose image_size is 0, no whole number"),
    (config(image_size=31), "has the image_size 31, which custom_resnet cannot take"),
    (config(image_size=64), "has the image_size 64, which custom_resnet cannot take"),
    (config(image_size=10**9), "image_size is 1000000000, no whole number of pixels from 1 to"),
    (config(image_size=10**30), "image_size is 10+, no whole number of pixels from 1 to 1024"),
]
SPOILED_WEIGHTS = [
    (lambda f: (f / "model.safetensors").unlink(), "has no model.safetensors"),
    (folder_for("model.safetensors"), "has a damaged model.safetensors"),
    (link_for("model.safetensors", "nowhere"), "has no model.safetensors"),
    (weights(lambda content: b""), "has a damaged model.safetensors"),
    (weights(lambda content: content[:7]), "has a damaged model.safetensors"),
    (weights(lambda content: content[:100]), "has a damaged model.safetensors"),
    (weights(lambda content: content[:-1]), "has a damaged model.safetensors"),
    (weights(lambda content: content + b"\0"), "has a damaged model.safetensors"),
    (weights(lambda content: b"\xff" * 8 + content[8:]), "has a damaged model.safetensors"),
    (weights(lambda content: bytes(8) + content[8:]), "has a damaged model.safetensors"),
    (header(lambda h: h[NORM].update(shape=[10**12])), "has a damaged model.safetensors"),
    (header(lambda h: h[NORM].update(dtype="F4096")), "has a damaged model.safetensors"),
    (header(lambda h: h[NORM].update(data_offsets=[0, 2**60])), "has a damaged model.safetensors"),
    (header(lambda h: h[NORM].update(dtype="I32")), f"has {NORM} as torch.int32"),
    (header(lambda h: h.update(other=h.pop(NORM))), f"lacks the tensor {NORM}"),
    (tensors(lambda s: s.pop(NORM)), f"lacks the tensor {NORM}"),
    (tensors(lambda s: s.update(extra=torch.zeros(1))), "a tensor too many, extra"),
    (tensors(lambda s: s.update({NORM: torch.zeros(5)})), rf"{NORM} as torch.float32 \(5,\), not"),
    (tensors(lambda s: s.update({NORM: s[NORM].half()})), f"{NORM} as torch.float16"),
    (tensors(lambda s: s[NORM].fill_(NAN)), f"values in {NORM} that are no finite numbers"),
    (tensors(lambda s: s[NORM].neg_().div_(0)), f"values in {NORM} that are no finite numbers"),
    (tensors(lambda s: s[VARIANCE].neg_()), f"variance below 0 in {VARIANCE}"),
]


@pytest.mark.parametrize(("spoil", "words"), SPOILED_CONFIGS + SPOILED_WEIGHTS)
def test_bad_bundles_are_named(folder, spoil, words):
    spoil(folder)
    with pytest.raises(BundleError, match=words) as caught:
        load_bundle(folder)
    sentence = str(caught.value)
    assert str(folder) in sentence
    assert sentence.isprintable()
    assert len(sentence) < 600 + len(str(folder))
    assert sentence.endswith(": run `dvc repro` to make it again.")


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
    change(folder, arguments={"width": 2**20})  # 10**15 weights
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BundleError):
        load_bundle(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KB on Linux


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"width": 10}, r"do not fit forked \(width is 10, but must be a multiple of groups, 4\)"),
        ({"width": 8, "groups": 0}, r"do not fit forked \(width is 8, but must be a multiple of"),
        ({"width": 8, "groups": 2.0}, "whose argument 'groups' is 2.0, which forked does not take"),
        ({"width": 8, "norm_first": True}, "argument 'norm_first' is True, which forked does not"),
    ],
)
def test_arguments_that_a_contributed_network_refuses(folder, monkeypatch, arguments, words):
    monkeypatch.setitem(NETWORKS, "forked", CONTRIBUTED["forked"])
    change(folder, architecture="forked", arguments=arguments)
    with pytest.raises(BundleError, match=words):
        load_bundle(folder)
