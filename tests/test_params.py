"""The schema of params.yaml, and the error messages."""

import re
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from contributed import CONTRIBUTED
from pydantic import ValidationError
from ruamel.yaml import YAML

from cifarlens.classifier.networks import NETWORKS, layer_names
from cifarlens.params import Params, load_params, parse_params
from cifarlens.runtime.errors import UserError

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "params.yaml").read_text()
MISSING = object()
MPS = {"trainer.accelerator": "mps"}


def load(changes: dict[str, Any]) -> Params:
    """Parses params.yaml with some parameters changed, added or removed."""
    content = YAML(typ="safe").load(TEXT)
    for name, value in changes.items():
        section, _, key = name.rpartition(".")
        values = content[section] if section else content
        if value is MISSING:
            del values[key]
        else:
            values[key] = value
    return parse_params(content)


def error_message(changes: dict[str, Any]) -> str:
    with pytest.raises(UserError) as failure:
        load(changes)
    message = str(failure.value)
    assert message.isprintable()
    return message


def test_every_parameter_has_a_comment_with_its_default_which_the_file_contains():
    lines = [line for line in TEXT.splitlines() if re.match(r"\s*\w+: \S", line)]
    sections = [field.annotation for field in Params.model_fields.values()]
    assert len(lines) == sum(len(getattr(section, "model_fields", "1")) for section in sections)
    for line in lines:
        value, default = re.fullmatch(r"\s*\w+: (\S+)\s+#.*; default (\S+)", line).groups()
        assert value == default or float(value) == float(default), line


def test_values_are_read_by_name_and_frozen():
    params = load_params(ROOT / "params.yaml")
    assert (params.seed, params.model.width, params.data.source) == (0, 64, "cifar10")
    assert (params.trainer.local_processes, params.trainer.processes) == (1, 1)
    with pytest.raises(ValidationError, match="frozen"):
        params.model.width = 3


@pytest.mark.parametrize(
    ("line", "text", "value"),
    [
        ("lr_max: auto", "lr_max: 5e-05", 5e-05),
        ("lr_max: auto", "lr_max: 1", 1.0),
        ("epochs: 24", "epochs: 10.0", 10),  # -S epochs=1e1
        ("epochs: 24", "epochs: 1E+1", 10),
    ],
)
def test_numbers_as_dvc_writes_them(tmp_path, line, text, value):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace(f"\n{line}", f"\n{text}"))
    actual = getattr(load_params(path), line.partition(":")[0])
    assert (actual, type(actual)) == (value, type(value))


WRONG_VALUES = [
    (
        "lr_max",
        -1,
        "-1; it must be auto or a number from 1e-10 to 10. Change it and run again.",
    ),
    ("lr_max", 11, "11; it must be auto or a number from 1e-10 to 10"),
    ("lr_max", 1e-320, "1e-320; it must be auto or a number from 1e-10 to 10"),
    ("lr_max", "0.01", "'0.01'; it must be auto or"),
    ("lr_max", float("nan"), "nan; it must be"),
    ("lr_max", True, "true; it must be"),
    ("lr_max", None, "empty; it must be"),
    ("lr_max", [0.1], "a list; it must be"),
    ("epochs", 0, "0; it must be a whole number from 1 to 1000"),
    ("epochs", 2.5, "2.5; it must be a whole number"),
    ("peak_epoch", 24.000001, "24.000001; it must be at most epochs, 24"),
    ("seed", date(2024, 1, 1), "2024-01-01; it must be a whole number"),
    ("seed", 99 * "x", "'" + 60 * "x" + "'…; it must be a whole number"),
    ("batch_size", 16385, "16385; it must be at most 16384 at model.width 64"),
    ("ema_decay", 1.0, "1; it must be a number from 0 to below 1"),
    ("keep", "first", "'first'; it must be last or best"),
    ("keep", "best", "'best'; it must be last while data.val_size is 0"),
    ("data", 5, "5; it must be a section with the keys source, folder, fit"),
    ("data.source", "imagenet", "'imagenet'; it must be cifar10"),
    ("augment.flip", "yes", "'yes'; it must be true or false"),
    ("augment.flip", 1, "1; it must be true or false"),
    ("model.name", "vgg", "'vgg'; it must be custom_resnet"),
    ("trainer.precision", 16, "16; it must be auto, 32 or bf16-mixed"),
    ("lr_find.start", 0.9, "0.9; it must be at most a tenth of lr_find.stop, 1"),
]


@pytest.mark.parametrize(("key", "value", "message"), WRONG_VALUES)
def test_a_wrong_value_is_refused(key, value, message):
    assert error_message({key: value}).startswith(f"params.yaml: {key} is {message}")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr_max": 0.01, "lr_min": 0.1}, "lr_min is 0.1; it must be at most lr_max, 0.01."),
        ({"epochs": 3, "peak_epoch": 5}, "peak_epoch is 5; it must be at most epochs, 3"),
        ({"epochs": MISSING}, "epochs is missing; add it: a whole number from 1 to 1000."),
        ({"lr_max": MISSING, "lrmax": 1}, "lrmax is not a parameter; did you mean lr_max? Allowed"),
        (
            {"optimizer.label_smoothing": 0.1},
            "optimizer.label_smoothing is not a parameter; did you mean loss.label_smoothing?",
        ),
        (MPS | {"trainer.devices": 2}, "trainer.devices is 2; it must be 1 with"),
        (MPS | {"trainer.num_nodes": 3}, "trainer.num_nodes is 3; it must be 1 with"),
        (MPS | {"trainer.strategy": "ddp"}, "trainer.strategy is 'ddp'; it must be auto with"),
        (
            {"trainer.devices": 64, "trainer.num_nodes": 5},
            "batch_size is 512; it must be at least 640, two images for each of 320 processes",
        ),
    ],
)
def test_keys_and_values_that_do_not_fit_together_are_refused(changes, message):
    assert error_message(changes).startswith(f"params.yaml: {message}")


def test_limits_are_accepted():
    assert load({"trainer.devices": 64, "trainer.num_nodes": 4}).trainer.processes == 256
    assert load(MPS | {"trainer.devices": 1}).trainer.processes == 1
    assert load({"gradcam.layer": "layer3"}).gradcam.layer == "layer3"
    assert not load({"model.norm_first": False}).model.norm_first


def test_yaml_1_1_is_read_without_warnings(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("%YAML 1.1\n---\n" + TEXT.replace("flip: true", "flip: on"))
    with warnings.catch_warnings(action="error"):
        assert load_params(path).augment.flip


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing here; run from the project's root"),
        ("", "has no keys and values"),
        (b"seed: \xff\n", "is not UTF-8"),
        (b"\xef\xbb\xbfseed: 0\n", "lr_max is missing|epochs is missing"),
        ("1: 0", "the key 1 is not a parameter; remove it"),
        ('"a\\nb": 0', r"the key 'a\\nb' is not a parameter; remove it"),
        ("seed: 0\nseed: 1", "invalid YAML"),
        ("seed: 0\nepochs: [0", r"line 2: invalid YAML \(.*\); fix it"),
        ("seed: !!int ''", "invalid YAML"),
        ("seed: " + 999 * "[", "invalid YAML"),
        ("seed: 0x" + 9999 * "f", "seed is a whole number of more than 60 digits; it must be a"),
        ("seed: " + 9999 * "9", "invalid YAML"),
        ("seed: !!python/object/apply:os.getcwd []", "invalid YAML"),
        ("seed: &x 0\nseeds: [" + 21 * "*x, " + "1]", r"has 21 aliases \(\*name\); it must have"),
        ("seed: 0" + 100_000 * " ", "it must have at most 100000. Restore it"),
    ],
)
def test_an_unreadable_file_is_refused(tmp_path, content, message):
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError, match=message) as failure:
        load_params(path)
    assert "params.yaml" in str(failure.value)
    assert str(failure.value).isprintable()


@pytest.fixture
def contributed(monkeypatch):
    for name, network in CONTRIBUTED.items():
        monkeypatch.setitem(NETWORKS, name, network)


@pytest.mark.usefixtures("contributed")
@pytest.mark.parametrize(
    ("name", "changes", "arguments"),
    [
        ("custom_resnet", {}, {"width": 64, "dropout": 0.0, "norm_first": True}),
        ("forked", {}, {"width": 64, "dropout": 0.0, "groups": 4}),
        ("forked", {"model.groups": 8}, {"width": 64, "dropout": 0.0, "groups": 8}),
        ("pyramid", {"model.width": 8}, {"width": 8}),
    ],
)
def test_each_network_gets_the_arguments_of_its_constructor(name, changes, arguments):
    assert load({"model.name": name, **changes}).model.arguments == arguments
    assert NETWORKS[name](10, **arguments).layers == layer_names(name, arguments)


@pytest.mark.usefixtures("contributed")
@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("pyramid", "model.groups", 4, "model.groups is not a parameter. Allowed here: dropout, n"),
        ("forked", "model.group", 4, "model.group is not a parameter; did you mean groups? All"),
        (
            "forked",
            "model.groups",
            2.5,
            "model.groups is 2.5; it must be a whole number. Change it",
        ),
        ("forked", "model.groups", True, "model.groups is true; it must be a whole number."),
        ("forked", "model.width", 10, "model: width is 10; it must be a multiple of groups, 4. Ch"),
        ("resnet18", "model.norm_first", False, "model.norm_first is false; it must be true for"),
        ("pyramid", "model.dropout", 0.1, "model.dropout is 0.1; it must be 0 for pyramid."),
        ("pyramid", "gradcam.layer", "layer3", "gradcam.layer is 'layer3'; it must be auto or a"),
    ],
)
def test_a_network_refuses_arguments_that_it_does_not_have(name, key, value, message):
    assert error_message({"model.name": name, key: value}).startswith(f"params.yaml: {message}")
