"""Loading a bundle with damaged bytes either succeeds or raises `BundleError`."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from report_making import narrow_bundle

from cifarlens.classifier.bundle import BundleConfig, BundleError, load_bundle, save_bundle
from cifarlens.classifier.predict import predict_logits

FILES = ("config.json", "model.safetensors")
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
arguments = st.dictionaries(st.sampled_from(["width", "dropout", "norm_first", "x"]), values)


@pytest.fixture(scope="module")
def load_changed(tmp_path_factory):
    """A function that changes a file of a small bundle and loads it; returns the error, or None."""
    folder = tmp_path_factory.mktemp("bundle")
    small = narrow_bundle(("cat", "dog", "Žába"), width=1)
    save_bundle(folder, small.network, small.config)
    original = {name: (folder / name).read_bytes() for name in FILES}

    def load_changed(changed: str, change) -> str | None:
        for name, content in original.items():
            (folder / name).write_bytes(change(content) if name == changed else content)
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

    return load_changed


def damage(draw, content: bytes) -> bytes:
    """Overwrites, inserts, cuts or truncates; half of the changes are near the start."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(changed)) | st.integers(0, min(2000, len(changed))))
        length = draw(st.integers(0, 8) | st.integers(0, len(changed)))
        changed[place : place + length] = draw(st.binary(max_size=8))
    return bytes(changed)


def change_config(draw, content: bytes) -> bytes:
    """Replaces any keys of config.json with any values."""
    keys = st.sampled_from([*BundleConfig.__dataclass_fields__, "other"])
    changes = draw(st.dictionaries(keys, values | arguments))
    return json.dumps(json.loads(content) | changes).encode()


def change_header(draw, content: bytes) -> bytes:
    """Replaces one field in the JSON header of the weights."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    entry = draw(st.sampled_from(sorted(header)))
    field = draw(st.sampled_from(["dtype", "shape", "data_offsets", "more"]))
    kinds = st.sampled_from(["F64", "F16", "BF16", "I8", "BOOL", "F8_E4M3", "F4", "C64"])
    sizes = st.lists(st.integers(0, 2**63) | st.integers(0, 200), max_size=3)
    header[entry][field] = draw(kinds | sizes | values)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


@pytest.mark.parametrize(
    ("name", "change"),
    [(FILES[0], damage), (FILES[0], change_config), (FILES[1], damage), (FILES[1], change_header)],
)
def test_a_changed_bundle_loads_or_raises_a_bundle_error(load_changed, name, change):
    results = []

    @examples(80)
    @given(st.data())
    def check(data):
        results.append(load_changed(name, lambda content: change(data.draw, content)))

    check()
    assert load_changed("", change) is None
    messages = [message for message in results if message is not None]
    assert len(messages) > len(results) / 3
    assert all(message.isprintable() for message in messages)
