"""CIFAR-10's reader on small archives of the same form, from every kind of place."""

import contextlib
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from archive_making import NOBODY, ROOT, SIZE, pack, spread

from cifarlens import params
from cifarlens.dataset.arrays import dataset_digest, save_dataset
from cifarlens.runtime.errors import UserError
from cifarlens.sources import cifar10
from cifarlens.sources.cifar10 import ARCHIVE, FOLDER, SourceError, obtain_cifar10, read_archive
from cifarlens.sources.fetch import FetchError, Patience

QUICK = Patience(connect=2, read=1, attempts=2, pause=0.01)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory and no CIFAR10_SOURCE."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CIFAR10_SOURCE", raising=False)
    return tmp_path


def test_images_and_labels_are_in_their_places(batches, members, md5s, tmp_path):
    dataset = read_archive(pack(tmp_path / "c.tar.gz", members), md5s)
    assert dataset.train_images.shape == (5 * SIZE, 32, 32, 3)
    assert dataset.test_images.shape == (SIZE, 32, 32, 3)
    assert dataset.train_images.dtype == np.uint8
    assert dataset.train_labels.dtype == np.int64
    third = batches["data_batch_3"]
    row, column, blue = 5, 7, 2
    np.testing.assert_array_equal(
        dataset.train_images[2 * SIZE : 3 * SIZE, row, column, blue],
        third["data"][:, blue * 1024 + row * 32 + column],
    )
    order = [label for number in range(1, 6) for label in batches[f"data_batch_{number}"]["labels"]]
    assert dataset.train_labels.tolist() == order
    assert dataset.test_labels.tolist() == batches["test_batch"]["labels"]
    assert dataset.classes[3] == "class 3"


def test_every_form_of_source_gives_the_same_bytes(members, md5s, web, tmp_path, monkeypatch):
    spread(tmp_path / "parent" / FOLDER, members)
    shuffled = dict(reversed(members.items()))
    web.files["/c.tar.gz"] = pack(tmp_path / "web.tar.gz", members).read_bytes()
    web.files["/download?id=3"] = pack(tmp_path / "web.tar.xz", members).read_bytes()
    sources = [
        tmp_path / "parent",
        tmp_path / "parent" / FOLDER,
        "parent",
        pack(tmp_path / "c.tar.gz", members),
        pack(tmp_path / "c.tgz", shuffled, folder=f"./{FOLDER}/"),
        pack(tmp_path / "c.tar.xz", {"readme.html": b"?", **members}, folder=""),
        f"{web.url}/c.tar.gz",
        f"{web.url}/download?id=3",
    ]
    digests = set()
    for number, source in enumerate(sources):
        monkeypatch.setenv("CIFAR10_SOURCE", str(source))
        save_dataset(tmp_path / str(number), obtain_cifar10(md5s, QUICK))
        digests.add(dataset_digest(tmp_path / str(number)))
    assert len(digests) == 1


@contextlib.contextmanager
def as_nobody():
    """Permissions do not bind root, so root becomes someone else for a while."""
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(NOBODY)
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def open_to_others():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_to_others")
def test_without_permission(members, md5s, monkeypatch, tmp_path_factory):
    base = tmp_path_factory.mktemp("permission")
    base.chmod(0o755)
    monkeypatch.chdir(base)  # relative paths: others may not walk through pytest's own folders
    pack(Path("c.tar.gz"), members)
    spread(Path("open"), members)
    for place, target in [("c.tar.gz", "c.tar.gz"), ("open", "open"), ("open", "open/test_batch")]:
        monkeypatch.setenv("CIFAR10_SOURCE", place)
        mode = Path(target).stat().st_mode
        Path(target).chmod(0)
        with as_nobody(), pytest.raises(UserError, match=rf"{place}.* \(permission denied\)"):
            obtain_cifar10(md5s)
        Path(target).chmod(mode)
        with as_nobody():
            obtain_cifar10(md5s)


@pytest.mark.parametrize("source", ["no/such/place", "/no/such/place", "~/nothing", " x.tar.gz "])
def test_source_that_does_not_exist(source, monkeypatch):
    monkeypatch.setenv("CIFAR10_SOURCE", source)
    with pytest.raises(UserError, match=f"CIFAR10_SOURCE is {source.strip()}, but there is no"):
        obtain_cifar10()


@pytest.mark.parametrize("source", ["x" * 5000, "x/\n" * 2000, "http://127.0.0.1:1/" + "x" * 5000])
def test_long_source_is_cut(source, monkeypatch):
    monkeypatch.setenv("CIFAR10_SOURCE", source)
    with pytest.raises(UserError) as failure:
        obtain_cifar10(patience=QUICK)
    assert "…" in str(failure.value)
    assert len(str(failure.value)) < 600
    assert "\n" not in str(failure.value)


def test_home_folder(members, md5s, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    spread(tmp_path / "c", members)
    for source in ("~/c", "~"):
        monkeypatch.setenv("CIFAR10_SOURCE", source)
        if source == "~":
            (tmp_path / "c").rename(tmp_path / FOLDER)
        assert len(obtain_cifar10(md5s).test_images) == SIZE
    monkeypatch.setenv("CIFAR10_SOURCE", "~nobody-of-that-name/c")
    with pytest.raises(UserError, match="is ~nobody-of-that-name/c, but there is no such file"):
        obtain_cifar10(md5s)


def test_source_that_is_neither_file_nor_folder(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    for source in ("/dev/null", "/dev/zero", str(tmp_path / "pipe")):
        monkeypatch.setenv("CIFAR10_SOURCE", source)
        with pytest.raises(
            UserError, match=f"is {source}, but that is neither a file nor a folder"
        ):
            obtain_cifar10()
    monkeypatch.setenv("CIFAR10_SOURCE", "/dev/null/c.tar.gz")
    with pytest.raises(UserError, match="there is no such file or folder"):
        obtain_cifar10()


def test_very_long_file_name_in_an_address(mirror, members, md5s, monkeypatch, tmp_path):
    path = f"/{'n' * 300}é{'x' * 300}.tar.gz?token={'t' * 300}"
    mirror.files[quote(path, safe="/?=")] = mirror.files[f"/{ARCHIVE}"]
    monkeypatch.setenv("CIFAR10_SOURCE", mirror.url + path)
    obtain_cifar10(md5s, QUICK)
    assert kept(tmp_path) == [f"{'x' * 190}.tar.gz"]
    obtain_cifar10(md5s, QUICK)
    assert len(mirror.requests) == 1


def test_scheme_in_capitals(mirror, md5s, monkeypatch):
    monkeypatch.setenv("CIFAR10_SOURCE", mirror.url.replace("http", "HTTP") + f"/{ARCHIVE}")
    obtain_cifar10(md5s, QUICK)


def kept(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "data" / "archive").iterdir())


@pytest.fixture
def mirror(members, web, tmp_path, monkeypatch):
    web.files[f"/{ARCHIVE}"] = pack(tmp_path / "mirror.tar.gz", members).read_bytes()
    monkeypatch.setenv("CIFAR10_SOURCE", f"{web.url}/{ARCHIVE}")
    return web


def test_kept_archive_is_not_fetched_again(mirror, md5s, tmp_path):
    obtain_cifar10(md5s, QUICK)
    obtain_cifar10(md5s, QUICK)
    assert len(mirror.requests) == 1
    assert kept(tmp_path) == [ARCHIVE]


def test_damaged_kept_archive_is_fetched_anew(mirror, md5s, tmp_path, capsys):
    archive = tmp_path / "data" / "archive" / ARCHIVE
    archive.parent.mkdir(parents=True)
    archive.write_bytes(mirror.files[f"/{ARCHIVE}"][:-100])
    obtain_cifar10(md5s, QUICK)
    assert len(mirror.requests) == 1
    assert archive.read_bytes() == mirror.files[f"/{ARCHIVE}"]
    assert "Fetching it anew" in capsys.readouterr().err


def test_wrong_archive_from_a_mirror_is_not_kept(mirror, members, md5s, tmp_path):
    good = mirror.files[f"/{ARCHIVE}"]
    wrong = {**members, "test_batch": members["data_batch_1"]}
    for bad in (pack(tmp_path / "x.tar.gz", wrong).read_bytes(), good[:-100], b"<html>"):
        mirror.files[f"/{ARCHIVE}"] = bad
        with pytest.raises(SourceError, match=f"From {mirror.url}/{ARCHIVE}: "):
            obtain_cifar10(md5s, QUICK)
        assert kept(tmp_path) == []
    mirror.files[f"/{ARCHIVE}"] = good
    obtain_cifar10(md5s, QUICK)


def test_interrupted_mirror_is_resumed(mirror, md5s):
    mirror.faults = [mirror.fault(end=100_000), mirror.status(500)]
    obtain_cifar10(md5s, QUICK)
    assert [bool(headers.get("Range")) for _, headers in mirror.requests] == [False, True, True]


def test_official_archive_needs_the_official_sum(mirror, md5s, tmp_path, monkeypatch):
    """The official address is played by the server on loopback."""
    monkeypatch.delenv("CIFAR10_SOURCE")
    monkeypatch.setattr(cifar10, "URL", f"{mirror.url}/{ARCHIVE}")
    with pytest.raises(FetchError, match="instead of c58f30108f718f92721af3b95e74349a"):
        obtain_cifar10(md5s, QUICK)
    assert kept(tmp_path) == []
    official = hashlib.md5(mirror.files[f"/{ARCHIVE}"]).hexdigest()
    monkeypatch.setattr(cifar10, "URL_MD5", official)
    obtain_cifar10(md5s, QUICK)
    assert kept(tmp_path) == [ARCHIVE]


def test_without_network_three_ways_are_named_and_work(members, md5s, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "URL", "http://127.0.0.1:1/cifar-10-python.tar.gz")
    with pytest.raises(FetchError) as failure:
        obtain_cifar10(md5s, QUICK)
    sentence = str(failure.value)
    for way in ("set CIFAR10_SOURCE to", f"put it into {cifar10.ARCHIVES}/", "`make demo`"):
        assert way in sentence
    assert "\n" not in sentence
    pack(tmp_path / "data" / "archive" / ARCHIVE, members)
    assert len(obtain_cifar10(md5s, QUICK).test_images) == SIZE


@pytest.mark.parametrize("source", ["nowhere", "members", "ftp://host/c.tar.gz"])
def test_stage_ends_with_one_sentence_and_leaves_nothing(source, members, tmp_path):
    """As a process, with the published sums: the small members are not CIFAR-10."""
    spread(tmp_path / "members", members)
    (tmp_path / params.PARAMS).write_bytes((ROOT / params.PARAMS).read_bytes())
    environment = {**os.environ, "CIFAR10_SOURCE": source, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-m", "stages.download"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()
