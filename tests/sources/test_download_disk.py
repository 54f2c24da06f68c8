"""The download stage on file systems with a limit or without permission."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_making import write_archive, write_folder

from cifarlens.sources.cifar10 import ARCHIVE

NEW = "data/.dataset.new.part"
LIMIT = "is larger than the file system or `ulimit -f` allows"
UNPRIVILEGED = 65534  # user and group ID


def test_no_space_for_the_archive(web_stage):
    """A limit on the file size fails in the same way as a full disk."""
    assert f"{ARCHIVE.path}.part {LIMIT}" in web_stage.fails(file_size=300_000)
    assert not (web_stage.folder / ARCHIVE.path).exists()
    assert "retrying" not in web_stage.succeeds()


def test_no_space_for_the_dataset_keeps_the_old_dataset(web_stage):
    web_stage.succeeds()
    message = web_stage.fails(file_size=300_000)
    assert message.startswith(f"{NEW}/train_images.npy {LIMIT}")
    web_stage.check_data()


@pytest.fixture
def user(stage) -> Iterator[dict[str, int]]:
    """Settings under which permissions apply, and a project that every user can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        stage.folder = Path(shutil.move(stage.folder, f"{folder}/project"))
        yield {"user": UNPRIVILEGED} if os.geteuid() == 0 else {}


@pytest.mark.parametrize(
    ("place", "mode", "path"),
    [
        (".", 0o500, ".dvc"),
        ("data", 0o500, NEW),
        ("data", 0o000, "data/archive"),
        ("data/archive", 0o500, f"{ARCHIVE.path.parent}/"),
        ("params.yaml", 0o000, "params.yaml"),
        ("c.tar.gz", 0o000, "c.tar.gz"),
        ("folder", 0o000, "folder"),
    ],
)
def test_no_permission(place, mode, path, web_stage, user, members):
    folder = web_stage.folder
    write_archive(folder / "c.tar.gz", members)
    write_folder(folder / "folder", members)
    if place.startswith("data"):
        (folder / "data" / "archive").mkdir(parents=True)
    if place.startswith(("c.tar.gz", "folder")):
        web_stage.source = place.partition("/")[0]
    for file in (folder, *folder.rglob("*")) if user else ():
        os.chown(file, UNPRIVILEGED, UNPRIVILEGED)
    original = (folder / place).stat().st_mode
    (folder / place).chmod(mode)
    message = web_stage.fails(**user)
    (folder / place).chmod(original)
    assert message.startswith(path)
    assert "cannot be read or written (permission denied)" in message
    assert not (folder / "data" / "dataset").exists()
    web_stage.succeeds(**user)


@pytest.mark.parametrize("place", ["data/archive", "data/dataset"])
def test_file_instead_of_a_folder(place, web_stage):
    path = web_stage.folder / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    assert web_stage.fails().startswith(f"{place} is a file instead of a folder")
    assert path.read_text() == "mine"
    path.unlink()
    web_stage.succeeds()


def test_a_link_to_the_dataset_stays(web_stage, tmp_path):
    """The link may lead to a larger disk. Its target need not exist yet."""
    link = web_stage.folder / "data" / "dataset"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "large" / "dataset")
    for _ in range(2):
        web_stage.succeeds()
        assert link.is_symlink()
        assert [path.name for path in (tmp_path / "large").iterdir()] == ["dataset"]
