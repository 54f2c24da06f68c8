import re
from pathlib import Path

import pytest
from contributed import CONTRIBUTED, OURS
from pydantic import ValidationError
from ruamel.yaml import YAML

from cifarlens.classifier.networks import NETWORKS, layer_names
from cifarlens.params import Params, load_params, parse_params
from cifarlens.runtime.errors import UserError

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "params.yaml").read_text()


@pytest.fixture
def write(tmp_path):
    """Writes params.yaml with one pattern replaced, and gives its path."""

    def write(pattern: str, replacement: str) -> Path:
        text, count = re.subn(pattern, replacement, TEXT, count=1, flags=re.MULTILINE)
        assert count == 1, f"{pattern} is not in params.yaml"
        path = tmp_path / "params.yaml"
        path.write_text(text)
        return path

    return write


def test_committed_file_holds_the_defaults_its_comments_name():
    for line in TEXT.splitlines():
        if found := re.match(r"\s*(\w+): (\S+)\s+#.*; default (\S+)$", line):
            assert found[2] == found[3] or float(found[2]) == float(found[3]), line


def test_every_knob_has_a_comment():
    knobs = [line for line in TEXT.splitlines() if re.match(r"\s*\w+: \S", line)]
    leaves = sum(
        len(getattr(field.annotation, "model_fields", "1"))
        for field in Params.model_fields.values()
    )
    assert len(knobs) == leaves
    assert [line for line in knobs if "; default " not in line] == []


def test_values_are_read_by_name_and_frozen():
    params = load_params(ROOT / "params.yaml")
    assert (params.seed, params.model.width, params.data.source) == (0, 64, "cifar10")
    with pytest.raises(ValidationError, match="frozen"):
        params.model.width = 3


def test_a_parameter_that_moved_names_its_new_place(write):
    path = write("  beta2: 0.99", "  label_smoothing: 0.1\n  beta2: 0.99")
    with pytest.raises(UserError, match=r"optimizer\.label_smoothing .* did you mean loss\.label"):
        load_params(path)


@pytest.mark.parametrize(
    ("written", "value"),
    [("5e-05", 5e-05), ("1e-3", 0.001), ("0.01", 0.01), ("1", 1.0), ("auto", "auto")],
)
def test_lr_max_as_dvc_writes_it(write, written, value):
    assert load_params(write("^lr_max: auto", f"lr_max: {written}")).lr_max == value


WRONG = [
    ("^lr_max: auto", "lr_max: -1", "lr_max is -1, but must be auto or a number above 0"),
    ("^lr_max: auto", "lr_max: 11", "lr_max is 11, but must be auto or"),
    ("^lr_max: auto", "lr_max: 1e-320", "lr_max is 1e-320, but must be at least 1e-10"),
    ("^lr_max: auto", "lr_max: 0x" + 9999 * "f", "lr_max is a whole number of more than 60 digits"),
    ("^lr_max: auto", "lr_max: fast", "lr_max is 'fast', but must be auto or"),
    ("^lr_max: auto", "lr_max: '0.01'", "lr_max is '0.01', but must be auto or"),
    ("^lr_max: auto", "lr_max: .nan", "lr_max is nan, but must be"),
    ("^lr_max: auto", "lr_max: .inf", "lr_max is inf, but must be"),
    ("^lr_max: auto", "lr_max: true", "lr_max is true, but must be"),
    ("^lr_max: auto", "lr_max:", "lr_max is empty, but must be"),
    ("^lr_max: auto", "lr_max: [0.1]", "lr_max is a list, but must be"),
    ("^lr_max: auto\n?", "lrmax: auto", "did you mean lr_max"),
    ("^epochs: 24", "epochs: 0", "epochs is 0, but must be a whole number from 1 to 1000"),
    ("^epochs: 24", "epochs: 2.5", "epochs is 2.5, but must be a whole number"),
    ("^peak_epoch: 5", "peak_epoch: 24.000001", "is 24.000001, but must be at most epochs, 24"),
    ("^epochs: 24", "epochs: 3", "peak_epoch is 5, but must be at most epochs, 3"),
    ("^epochs: 24.*\n", "", "epochs is missing; add it: a whole number from 1 to 1000"),
    ("^peak_epoch: 5", "peak_epoch: 0", "peak_epoch is 0, but must be a number above 0"),
    ("^seed: 0", "seed: -1", "seed is -1, but must be a whole number from 0"),
    ("^seed: 0", "seed: 2024-01-01", "seed is 2024-01-01, but must be a whole number"),
    ("^batch_size: 512", "batch_size: 1", "batch_size is 1, but must be a whole number from 2"),
    ("^batch_size: 512", "batch_size: 16385", "must be at most 16384 at model.width 64"),
    ("^lr_min: auto", "lr_min: 0", "lr_min is 0, but must be"),
    ("ema_decay: 0.0", "ema_decay: 1.0", "ema_decay is 1, but must be a number from 0 to below 1"),
    ("^keep: last", "keep: first", "keep is 'first', but must be last or best"),
    ("^keep: last", "keep: best", "keep is 'best', but must be last while data.val_size is 0"),
    ("source: cifar10", "source: imagenet", "data.source is 'imagenet', but must be cifar10 or"),
    ("cutout: 8", "cutout: 33", "augment.cutout is 33, but must be a whole number from 0"),
    ("flip: true", "flip: yes", "augment.flip is 'yes', but must be true or false"),
    ("flip: true", "flip: 1", "augment.flip is 1, but must be true or false"),
    ("width: 64", "width: '64'", "model.width is '64', but must be a whole number from 1 to 256"),
    ("name: custom_resnet ", "name: vgg ", "model.name is 'vgg', but must be custom_resnet, "),
    ("name: custom_resnet ", "name: resnet18 ", None),
    ("precision: auto", "precision: 16", "trainer.precision is 16, but must be auto, 32 or"),
    ("devices: auto", "devices: 65", "trainer.devices is 65, but must be auto or a whole number"),
    ("devices: auto", "devices: true", "trainer.devices is true, but must be auto or a whole"),
    ("num_nodes: 1", "num_nodes: 0", "trainer.num_nodes is 0, but must be a whole number from 1"),
    ("strategy: auto", "strategy: fsdp", "trainer.strategy is 'fsdp', but must be auto or ddp"),
    ("start: 1.0e-07", "start: 0.9", "lr_find.start is 0.9, but must be at most a tenth of"),
    ("start: 1.0e-07", "start: 1e-11", "lr_find.start is 1e-11, but must be at least 1e-10"),
    ("start: 1.0e-07", "start: 2", "lr_find.start is 2, but must be at most a tenth of"),
    ("layer: auto", "layer: layer4", "gradcam.layer is 'layer4', but must be auto or a layer of c"),
    ("layer: auto", "layer: layer3", None),
    (
        "norm_first: true",
        "norm_first: true\n  group: 4",
        "model.group is no parameter. Allowed",
    ),
    ("norm_first: true", "normfirst: true", "no parameter; did you mean norm_first? Allowed here:"),
    (r"^data:\n.*\n.*\n", "data: 5\n", "data is 5, but must be a section with the keys source"),
    ("^seed: 0", "seed: 0\nseed: 1", "no valid YAML"),
    ("^seed: 0", "seed: [0", "line 6 is no valid YAML"),
    ("^seed: 0", "seed: !!int ''", "no valid YAML"),
    ("^seed: 0", "seed: " + 999 * "[", "no valid YAML"),
    ("^seed: 0", "seed: " + 9999 * "9", "no valid YAML"),
    ("^seed: 0", "seed: &x 0\nseeds: [" + 21 * "*x, " + "1]", "has 21 aliases (*name), but must"),
    ("^seed: 0", "1: 0", "the key 1 is no parameter"),
    ("^seed: 0", '"a\\\\nb": 0', r"the key 'a\nb' is no parameter"),
    ("^seed: 0", "seed: " + 99 * "x", "seed is '" + 60 * "x" + "'…, but must be a whole number"),
    ("^seed: 0", "seed: 0" + 99_999 * " ", "but must be at most 100000: restore it"),
    ("^seed: 0", "seed: !!python/object/apply:os.getcwd []", "no valid YAML"),
]


@pytest.mark.parametrize(("pattern", "replacement", "sentence"), WRONG)
def test_wrong_value_gets_one_sentence(write, pattern, replacement, sentence):
    path = write(pattern, replacement)
    if sentence is None:
        load_params(path)
        return
    with pytest.raises(UserError) as caught:
        load_params(path)
    assert sentence in str(caught.value)
    assert "params.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"accelerator": "mps", "devices": 2}, "trainer.devices is 2, but must be 1 with"),
        ({"accelerator": "mps", "num_nodes": 3}, "trainer.num_nodes is 3, but must be 1 with"),
        ({"accelerator": "mps", "strategy": "ddp"}, "trainer.strategy is 'ddp', but must be auto"),
        (
            {"devices": 64, "num_nodes": 5},
            "batch_size is 512, but must be at least 640, two",
        ),
        ({"devices": 64, "num_nodes": 4}, None),
        ({"accelerator": "mps", "devices": 1}, None),
    ],
)
def test_devices_that_do_not_fit(changes, sentence):
    content = YAML(typ="safe").load(TEXT)
    content["trainer"].update(changes)
    if sentence is None:
        assert parse_params(content).trainer.processes in (1, 256)
        return
    with pytest.raises(UserError) as caught:
        parse_params(content)
    assert f"params.yaml: {sentence}" in str(caught.value)


def test_auto_is_one_device_on_any_machine():
    trainer = load_params(ROOT / "params.yaml").trainer
    assert (trainer.local_processes, trainer.processes) == (1, 1)


def test_lr_min_above_lr_max(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(
        TEXT.replace("\nlr_max: auto", "\nlr_max: 0.01").replace("\nlr_min: auto", "\nlr_min: 0.1")
    )
    with pytest.raises(UserError, match=r"lr_min is 0.1, but must be at most lr_max, 0.01"):
        load_params(path)


def test_resnets_have_one_order(tmp_path):
    path = tmp_path / "params.yaml"
    text = TEXT.replace("norm_first: true", "norm_first: false")
    path.write_text(text)
    load_params(path)
    path.write_text(text.replace("name: custom_resnet ", "name: resnet18 "))
    with pytest.raises(UserError, match=r"model.norm_first is false, but must be true for resnet"):
        load_params(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "is missing here: run from the project's root"),
        (b"", "holds no keys and values"),
        (b"- 1\n", "holds no keys and values"),
        (b"seed: \xff\n", "is not UTF-8"),
        ("seed: 0\n".encode("utf-16"), "is not UTF-8"),
        (b"seed: \x00\n", "no valid YAML"),
        (b"\xef\xbb\xbfseed: 0\n", "lr_max is missing|epochs is missing"),
    ],
)
def test_unreadable_file(tmp_path, content, sentence):
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        load_params(path)


@pytest.fixture
def contributed(monkeypatch):
    """Reads params.yaml with a section `model` for one of the contributed networks."""
    for name, network in CONTRIBUTED.items():
        monkeypatch.setitem(NETWORKS, name, network)

    def read(layer="auto", **model):
        content = YAML(typ="safe").load(TEXT)
        content["model"].update(model)
        content["gradcam"]["layer"] = layer
        return parse_params(content).model

    return read


@pytest.mark.parametrize("name", OURS)
def test_arguments_are_those_that_the_constructor_takes(name):
    model = parse_params(YAML(typ="safe").load(TEXT.replace("custom_resnet ", f"{name} ", 1))).model
    taken = {"width": 64, "dropout": 0.0}
    assert model.arguments == (taken | {"norm_first": True} if name == "custom_resnet" else taken)
    assert NETWORKS[name](10, **model.arguments).layers == layer_names(name, model.arguments)


def test_a_contributed_network_takes_arguments_of_its_own(contributed):
    taken = {"width": 64, "dropout": 0.0}
    assert contributed(name="forked").arguments == taken | {"groups": 4}
    assert contributed(name="forked", groups=8).arguments == taken | {"groups": 8}
    assert contributed(name="gated").arguments == taken
    assert contributed(name="pyramid", width=8).arguments == {"width": 8}


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ({"groups": 4}, "model.groups is no parameter. Allowed here: dropout, name, norm_first, w"),
        ({"name": "gated", "groups": 4}, "model.groups is no parameter. Allowed here: dropout, n"),
        (
            {"name": "forked", "group": 4},
            "model.group is no parameter; did you mean groups? Allowed here: dropout, groups, name",
        ),
        (
            {"name": "forked", "groups": 2.0},
            "model.groups is 2, but must be a whole number; change it and run again.",
        ),
        ({"name": "forked", "groups": True}, "model.groups is true, but must be a whole number;"),
        (
            {"name": "forked", "width": 10},
            "model: width is 10, but must be a multiple of groups, 4; change it and run again.",
        ),
        ({"name": "forked", "norm_first": False}, "model.norm_first is false, but must be true fo"),
        ({"name": "pyramid", "dropout": 0.1}, "model.dropout is 0.1, but must be 0 for pyramid;"),
        (
            {"name": "gated", "layer": "layer3"},
            "gradcam.layer is 'layer3', but must be auto or a layer of gated: first, second,",
        ),
    ],
)
def test_what_a_contributed_network_does_not_take(contributed, model, sentence):
    with pytest.raises(UserError) as caught:
        contributed(**model)
    assert str(caught.value).startswith(f"params.yaml: {sentence}")
