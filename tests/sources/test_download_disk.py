"""The download stage on real file systems that are full, limited or closed to it."""

import contextlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from archive_making import NOBODY, ROOT, STAGE, pack, spread

from cifarlens.sources.cifar10 import ARCHIVE, SOURCE

PART = f"{ARCHIVE}.part"
NEW = "data/.dataset.new.part"
LIMIT = "grows larger than the file system or `ulimit -f` allows"


@pytest.fixture
def local(stage, good, tmp_path):
    """The stage with the right archive as a file."""
    (tmp_path / ARCHIVE.name).write_bytes(good)
    stage.source = str(tmp_path / ARCHIVE.name)
    return stage


@pytest.mark.parametrize("limit", [1, 1000, 300_000])
def test_no_room_for_the_archive(limit, mirrored):
    """A limit on the size of files, which every Linux has."""
    assert f"{PART} {LIMIT}" in mirrored.fails(file_size=limit)
    assert "gz" not in mirrored.kept()
    shown = mirrored.succeeds()
    assert "trying again" not in shown


@pytest.mark.parametrize("limit", [0, 300_000])
def test_no_room_for_the_data_set(limit, local):
    """The old one stays."""
    local.succeeds()
    code, shown = local.run(file_size=limit)
    assert code == 2
    assert shown.startswith(f"error: {NEW}/train_images.npy {LIMIT}")
    local.intact()


def unshare() -> list[str]:
    """A command that gives its process a mount table of its own."""
    user = ["unshare", "--user", "--map-root-user", "--mount"]
    for command in (["unshare", "--mount"], user, ["sudo", "-n", "unshare", "--mount"]):
        with contextlib.suppress(OSError):
            trial = [*command, "mount", "-t", "tmpfs", "none", "/tmp"]
            if subprocess.run(trial, capture_output=True, check=False).returncode == 0:
                return command
    pytest.skip("mounting is forbidden here; the limit on file sizes was tried instead")


ON_SMALL_DISK = """
set -e
mount -t tmpfs -o size={size}k none data
python() {{ "{python}" "{stage}" || echo "code $?" >&2; }}
python
find data >left
mount -o remount,size=10m data
python
cp -r data kept
chmod -R a+rwX kept
"""


@pytest.mark.parametrize(
    ("size", "source", "where"),
    [
        (100, "remote", PART),
        (600, "remote", f"{NEW}/train_images.npy"),
        (340, "local", f"{NEW}/test_images.npy"),
    ],
)
def test_full_disk(size, source, where, request):
    """A file system of some kB that fills up, and is then enlarged."""
    stage = request.getfixturevalue("mirrored" if source == "remote" else "local")
    (stage.folder / "data").mkdir()
    script = ON_SMALL_DISK.format(size=size, python=sys.executable, stage=STAGE)
    done = subprocess.run(
        [*unshare(), "env", f"SMALL_STAGE={json.dumps(stage.settings)}",
         f"{SOURCE}={stage.source}", f"PYTHONPATH={ROOT}", "sh", "-c", script],
        cwd=stage.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    failed, _, again = done.stderr.partition("code 2\n")
    sentence = failed.splitlines()[-1]
    assert sentence.startswith(f"error: The disk is full while writing {where}: free some space")
    assert "code" not in again
    assert "Traceback" not in done.stderr
    left = (stage.folder / "left").read_text().split()
    assert not [path for path in left if path.startswith((NEW, "data/dataset"))]
    shutil.rmtree(stage.folder / "data")
    (stage.folder / "kept").rename(stage.folder / "data")
    stage.intact()


@contextlib.contextmanager
def closed(path: Path, mode: int) -> Iterator[None]:
    before = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


@pytest.fixture
def user(stage) -> Iterator[dict[str, int]]:
    """Settings under which permissions bind, for a project that everyone may walk to."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        stage.folder = Path(shutil.move(stage.folder, f"{folder}/project"))
        yield {"user": NOBODY} if os.geteuid() == 0 else {}


def give_away(stage) -> None:
    """To whom the process will be: permissions do not bind root."""
    if os.geteuid() != 0:
        return
    for path in (stage.folder, *stage.folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)


@pytest.mark.parametrize(
    ("place", "mode", "sentence"),
    [
        (".", 0o500, "No permission to use .dvc"),
        ("data", 0o500, f"No permission to use {NEW}"),
        ("data", 0o000, "No permission to use data/archive"),
        ("data/archive", 0o500, f"No permission to use {ARCHIVE.parent}/"),
        ("data/archive", 0o000, f"No permission to use {ARCHIVE.parent}/"),
        ("params.yaml", 0o000, "No permission to use params.yaml"),
    ],
)
def test_place_without_permission(place, mode, sentence, mirrored, user):
    if place.startswith("data"):
        (mirrored.folder / "data" / "archive").mkdir(parents=True)
    give_away(mirrored)
    with closed(mirrored.folder / place, mode):
        said = mirrored.run(**user)
        assert said[0] == 2, said
    assert said[1].splitlines()[-1].startswith(f"error: {sentence}"), said
    assert "Traceback" not in said[1]
    assert not (mirrored.folder / "data" / "dataset").exists()
    mirrored.succeeds(**user)


@pytest.mark.parametrize("form", ["archive", "folder", "file"])
def test_source_without_permission(form, stage, user, members):
    pack(stage.folder / "c.tar.gz", members)
    spread(stage.folder / "open", members)
    stage.source = "c.tar.gz" if form == "archive" else "open"
    place = {"archive": "c.tar.gz", "folder": "open", "file": "open/test_batch"}[form]
    give_away(stage)
    with closed(stage.folder / place, 0):
        assert stage.fails(**user).startswith(f"No permission to use {place}")
    stage.succeeds(**user)


@pytest.mark.parametrize("place", ["data", "data/archive", "data/dataset"])
def test_file_where_a_folder_belongs(place, mirrored):
    path = mirrored.folder / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    code, shown = mirrored.run()
    assert code == 2
    assert f"error: {place} is a file where a folder belongs" in shown
    assert "Traceback" not in shown
    assert path.read_text() == "mine"
    path.unlink()
    mirrored.succeeds()


def test_data_set_behind_a_link(local, tmp_path):
    """To a larger disk: the link stays, also when it leads nowhere yet."""
    link = local.folder / "data" / "dataset"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "large" / "dataset")
    for _ in range(2):
        local.succeeds()
        assert link.is_symlink()
        assert [path.name for path in (tmp_path / "large").iterdir()] == ["dataset"]
