"""A bundle with damaged bytes is a sound bundle still, or a `BundleError` and nothing else."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from cifarlens.classifier.bundle import BundleConfig, BundleError, load_bundle, save_bundle
from cifarlens.classifier.networks import custom_resnet
from cifarlens.classifier.predict import predict_logits

FILES = ("config.json", "model.safetensors")
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """Loads a small bundle with changed files: what it says against it, or None."""
    folder = tmp_path_factory.mktemp("bundle")
    torch.manual_seed(0)
    network = custom_resnet(3, width=1)
    names = ("cat", "dog", "Žába")
    config = BundleConfig(
        *("custom_resnet", {"width": 1}, names, (0.5,) * 3, (0.2,) * 3, 32, network.layers)
    )
    save_bundle(folder, network, config)
    whole = {name: (folder / name).read_bytes() for name in FILES}

    def loaded(change) -> str | None:
        for name, content in whole.items():
            (folder / name).write_bytes(change(name, content))
        try:
            bundle = load_bundle(folder)
        except BundleError as error:
            return str(error)
        size = bundle.config.image_size
        images = np.resize(IMAGES, (2, size, size, 3))
        assert predict_logits(bundle, images).shape == (2, len(bundle.config.classes))
        assert len(set(bundle.config.classes)) == len(bundle.config.classes) > 1
        assert all(tensor.isfinite().all() for tensor in bundle.network.state_dict().values())
        return None

    return loaded


def damage(draw, content: bytes) -> bytes:
    """Flips bits, overwrites, cuts out, inserts or truncates; half of it near the beginning."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(changed)) | st.integers(0, min(2000, len(changed))))
        match draw(st.sampled_from(["flip", "write", "cut", "insert", "truncate"])):
            case "flip" if place < len(changed):
                changed[place] ^= 1 << draw(st.integers(0, 7))
            case "write":
                piece = draw(st.binary(max_size=8))
                changed[place : place + len(piece)] = piece
            case "cut":
                del changed[place : place + draw(st.integers(1, 100))]
            case "insert":
                changed[place:place] = draw(st.binary(max_size=8))
            case "truncate":
                del changed[place:]
    return bytes(changed)


@pytest.mark.parametrize("name", FILES)
def test_damaged_bytes(loaded, name):
    found = []

    @examples(120)
    @given(st.data())
    def check(data):
        found.append(loaded(lambda n, whole: damage(data.draw, whole) if n == name else whole))

    check()
    assert loaded(lambda name, whole: whole) is None
    sentences = [words for words in found if words is not None]
    assert len(sentences) > len(found) / 3  # the rest is still sound
    assert all(words.isprintable() for words in sentences)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
arguments = st.dictionaries(st.sampled_from(["width", "dropout", "norm_first", "x"]), values)


@examples(120)
@given(
    changes=st.dictionaries(
        st.sampled_from([*BundleConfig.__dataclass_fields__, "other"]), values | arguments
    )
)
def test_any_configuration(loaded, changes):
    def change(name, whole):
        if name != "config.json":
            return whole
        return json.dumps(json.loads(whole) | changes).encode()

    loaded(change)


def test_any_header(loaded):
    """The JSON header of the weights with one entry's field replaced."""

    @examples(120)
    @given(st.data())
    def check(data):
        def change(name, whole):
            if name == "config.json":
                return whole
            length = int.from_bytes(whole[:8], "little")
            header = json.loads(whole[8 : 8 + length])
            entry = data.draw(st.sampled_from(sorted(header)))
            field = data.draw(st.sampled_from(["dtype", "shape", "data_offsets", "more"]))
            kinds = st.sampled_from(["F64", "F16", "BF16", "I8", "BOOL", "F8_E4M3", "F4", "C64"])
            sizes = st.lists(st.integers(0, 2**63) | st.integers(0, 200), max_size=3)
            header[entry][field] = data.draw(kinds | sizes | values)
            text = json.dumps(header).encode()
            return len(text).to_bytes(8, "little") + text + whole[8 + length :]

        loaded(change)

    check()
