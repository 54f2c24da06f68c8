"""Which stages a changed parameter makes DVC run anew: those that read it, and no other."""

import pytest
import yaml
from dvc.repo import Repo
from project import ROOT
from ruamel.yaml import YAML

from cifarlens.params import Params

BOTH = {"lr_find", "train"}
SHOWN = {"gradcam_report", "package_space"}  # both tell people of the run
READERS = {
    "seed": {*BOTH, "gradcam_report"},
    "batch_size": {*BOTH, *SHOWN},
    "epochs": {"train", "package_space"},
    "peak_epoch": {"train", *SHOWN},
    "lr_max": {"train", "gradcam_report"},
    "lr_min": {"train", "gradcam_report"},
    "ema_decay": {"train"},
    "keep": {"train"},
    "data.source": {"download", "gradcam_report", "package_space"},
    "data.val_size": {*BOTH, "gradcam_report"},
    "augment": {*BOTH, *SHOWN},
    "model": BOTH,
    "optimizer": {*BOTH, *SHOWN},
    "lr_find": {"lr_find"},
    "trainer": BOTH,
    "trainer.accelerator": {*BOTH, "evaluate"},
    "trainer.devices": {"train"},
    "trainer.num_nodes": {"train"},
    "trainer.strategy": {"train"},
    "gradcam": {"gradcam_report"},
    "space": {"package_space"},
}

LISTED: dict[str, set[str]] = {}  # stages by the source file that they list
for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items():
    for path in stage["deps"]:
        if path.startswith(("src/", "stages/")):
            LISTED.setdefault(path, set()).add(name)


def leaves() -> list[str]:
    names = []
    for name, field in Params.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        names += [f"{name}.{key}" for key in inner] if inner else [name]
    return names


@pytest.fixture(scope="module")
def repo(project):
    with Repo(project.folder) as opened:
        yield opened


@pytest.mark.parametrize("leaf", leaves())
def test_a_changed_parameter_makes_exactly_its_readers_stale(project, repo, leaf):
    path = project.folder / "params.yaml"
    before = path.read_bytes()
    content = YAML(typ="safe").load(path)
    *section, key = leaf.split(".")
    place = content[section[0]] if section else content
    place[key] = "something else"
    try:
        with path.open("w") as stream:
            YAML(typ="safe").dump(content, stream)
        repo._reset()
        stale = {name.rpartition(":")[2] for name in repo.status()}  # path:stage elsewhere
    finally:
        path.write_bytes(before)
    assert stale == READERS.get(leaf, READERS.get(leaf.split(".")[0]))


def test_without_a_change_nothing_is_stale(repo):
    repo._reset()
    assert repo.status() == {}


@pytest.mark.parametrize("path", sorted(LISTED))
def test_a_changed_file_makes_exactly_those_stale_that_list_it(project, repo, path):
    """test_declared.py shows that those list it that use it."""
    changed = project.folder / path
    before = changed.read_bytes()
    try:
        changed.write_bytes(before + b"\n")
        repo._reset()
        stale = {name.rpartition(":")[2] for name in repo.status()}
    finally:
        changed.write_bytes(before)
    assert stale == LISTED[path]


def test_a_change_to_the_reports_does_not_retrain():
    reporting = [path for path in LISTED if "reporting/" in path]
    assert len(reporting) > 20
    assert not any("train" in LISTED[path] for path in reporting)
