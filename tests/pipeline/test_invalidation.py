"""A changed parameter or file makes exactly those stages stale that read it."""

import pytest
import yaml
from dvc.repo import Repo
from params_making import FIELDS
from project import ROOT, edit, ran
from ruamel.yaml import YAML

BOTH = {"lr_find", "train"}
PAGES = {"gradcam_report", "package_space"}  # they describe the run
READERS = {
    "seed": {*BOTH, "gradcam_report"},
    "batch_size": {*BOTH, *PAGES},
    "epochs": {"train", *PAGES},
    "peak_epoch": {"train", *PAGES},
    "lr_max": {"train", "gradcam_report"},
    "lr_min": {"train", "gradcam_report"},
    "ema_decay": {"train", *PAGES},
    "keep": {"train"},
    "data": {"download"},
    "data.fit": {"download", "package_space"},
    "data.source": {"download", "gradcam_report", "package_space"},
    "data.val_size": {*BOTH, "evaluate", *PAGES},
    "augment": {*BOTH, *PAGES},
    "model": BOTH,
    "optimizer": {*BOTH, *PAGES},
    "loss": {*BOTH, *PAGES},
    "lr_find": {"lr_find"},
    "lr_find.repeats": {"lr_find", "gradcam_report"},
    "trainer": BOTH,
    "trainer.accelerator": {*BOTH, "evaluate"},
    "trainer.devices": {"train"},
    "trainer.num_nodes": {"train"},
    "trainer.strategy": {"train"},
    "gradcam": {"gradcam_report"},
    "gradcam.opacity": PAGES,
    "space": {"package_space"},
}

LISTED: dict[str, set[str]] = {}  # stages by the room or script that they list
for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items():
    for path in stage["deps"]:
        if path.startswith(("src/", "stages/")):
            LISTED.setdefault(path, set()).add(name)


@pytest.fixture(scope="module")
def repo(project):
    with Repo(project.folder) as opened:
        yield opened


@pytest.mark.parametrize("leaf", FIELDS)
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


def test_a_change_to_pages_figures_or_sources_does_not_retrain():
    rooms = ("sources", "evaluation", "explanation", "display", "figures", "report", "space")
    for room in rooms:
        assert not LISTED[f"src/cifarlens/{room}"] & BOTH
    assert "src/cifarlens/params.py" not in LISTED


def test_a_new_source_and_a_new_parameter_of_the_report_do_not_retrain(project):
    """The source has the same images, so nothing that reads only them runs."""
    package = project.folder / "src/cifarlens"
    edit(
        package / "params.py",
        "    opacity: ",
        "    columns: Annotated[int, whole_number(1, 9)]\n    opacity: ",
    )
    edit(project.folder / "params.yaml", "  opacity: ", "  columns: 4  # of a gallery\n  opacity: ")
    edit(package / "sources/__init__.py", '"digits": DIGITS', '"digits": DIGITS, "numbers": DIGITS')
    (project.folder / "data/source/numbers").write_text("Nothing to watch.")
    project.params(data={"source": "numbers"})
    try:
        output = project.run("dvc", "repro")
    finally:
        project.restore()
    assert ran(output) == ["download", "gradcam_report", "package_space"]
