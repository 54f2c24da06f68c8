"""The loader of CIFAR-10 on small archives and folders: correct, damaged and malicious ones."""

import gzip
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from archive_making import (
    SIZE,
    MaliciousPickle,
    add_member,
    make_batches,
    md5_sums,
    to_pickle,
    write_archive,
    write_folder,
)

from cifarlens.dataset.arrays import Dataset, dataset_digest, save_dataset
from cifarlens.runtime.errors import UserError
from cifarlens.sources import cifar10
from cifarlens.sources.cifar10 import FOLDER, MD5S, SOURCE_VARIABLE, load_cifar10


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def load(monkeypatch):
    """Loads the dataset from the source that CIFAR10_SOURCE names."""

    def load_from(source: object) -> Dataset:
        monkeypatch.setenv(SOURCE_VARIABLE, str(source))
        return load_cifar10()

    return load_from


@pytest.fixture
def error_message(load):
    """Returns the one-line message about a bad source, which says what to do."""

    def message(source: object) -> str:
        with pytest.raises(UserError) as failure:
            load(source)
        text = str(failure.value)
        assert "\n" not in text
        assert len(text) < 700
        assert f"set {SOURCE_VARIABLE} to" in text
        return text

    return message


@pytest.mark.usefixtures("md5s")
def test_images_and_labels_are_in_order(members, load):
    batches = make_batches()
    dataset = load(write_archive(Path("c.tar.gz"), members))
    assert dataset.train_images.shape == (5 * SIZE, 32, 32, 3)
    assert dataset.test_images.shape == (SIZE, 32, 32, 3)
    assert dataset.train_images.dtype == np.uint8
    assert dataset.train_labels.dtype == np.int64
    row, column, blue = 5, 7, 2
    np.testing.assert_array_equal(
        dataset.train_images[2 * SIZE : 3 * SIZE, row, column, blue],
        batches["data_batch_3"]["data"][:, blue * 1024 + row * 32 + column],
    )
    labels = [label for i in range(1, 6) for label in batches[f"data_batch_{i}"]["labels"]]
    assert dataset.train_labels.tolist() == labels
    assert dataset.test_labels.tolist() == batches["test_batch"]["labels"]
    assert dataset.classes[3] == "class 3"


@pytest.mark.usefixtures("md5s", "short_pauses")
def test_every_form_of_source_gives_the_same_bytes(
    members, web, tmp_path, load, digest, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_folder(tmp_path / "parent" / FOLDER, members)
    reversed_members = dict(reversed(members.items()))
    web.files["/c.tar.gz"] = write_archive(tmp_path / "web.tar.gz", members).read_bytes()
    web.files["/download?id=3"] = write_archive(tmp_path / "web.tar.xz", members).read_bytes()
    sources = [
        tmp_path / "parent" / FOLDER,
        "parent",
        "~/parent",
        write_archive(tmp_path / "c.tar.gz", members),
        write_archive(tmp_path / "c.tgz", reversed_members, folder=f"./{FOLDER}/"),
        write_archive(tmp_path / "c.tar.xz", {"readme.html": b"?", **members}, folder=""),
        f"{web.url}/c.tar.gz",
        web.url.replace("http", "HTTP") + "/download?id=3",
    ]
    for number, source in enumerate(sources):
        cifar10.ARCHIVE.unlink(missing_ok=True)
        save_dataset(tmp_path / str(number), load(source))
        assert dataset_digest(tmp_path / str(number)) == digest


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (" /no/such/place ", "does not exist (CIFAR10_SOURCE is /no/such/place); set"),
        ("~nobody/c", "does not exist (CIFAR10_SOURCE is ~nobody/c); set"),
        ("x/\n" * 80, "…"),
        ("http://127.0.0.1:1/" + "x" * 5000, "…"),
    ],
)
def test_a_source_that_does_not_exist_is_quoted_in_one_short_line(source, problem, error_message):
    assert problem in error_message(source)


@pytest.mark.usefixtures("md5s", "short_pauses")
def test_the_official_archive_is_downloaded_once(web, archive, monkeypatch, load, error_message):
    monkeypatch.setattr(cifar10, "URL", f"{web.url}/official")
    web.files["/official"] = archive
    web.faults = [web.status(404)]
    message = error_message("")
    assert "yourself to data/archive/" in message
    assert "`make demo`" in message
    for _ in range(2):
        assert len(load("").test_images) == SIZE
    assert len(web.requests) == 2


def test_the_published_md5_sums_are_checked(members, error_message):
    source = write_folder(Path("c"), members)
    assert f"not {MD5S['data_batch_1']}" in error_message(source)


@pytest.mark.usefixtures("md5s")
@pytest.mark.parametrize("write", [write_archive, write_folder])
@pytest.mark.parametrize("name", ["data_batch_1", "batches.meta"])
def test_no_pickle_is_loaded_if_a_member_is_wrong_or_missing(
    write, name, members, tmp_path, monkeypatch, error_message
):
    monkeypatch.setattr(cifar10, "_Unpickler", lambda *_: pytest.fail("loaded"))
    bad = {**members, name: to_pickle(MaliciousPickle(tmp_path / "trace"))}
    source = write(tmp_path / "bad", bad)
    assert f"is not CIFAR-10: the MD5 sum of {name} is" in error_message(source)
    assert not (tmp_path / "trace").exists()
    del bad[name]
    source = write(tmp_path / "missing", bad)
    assert f"is not CIFAR-10: it has no file {name}" in error_message(source)


def test_code_in_a_pickle_is_not_run_even_if_the_md5_sum_is_right(
    members, tmp_path, monkeypatch, load
):
    bad = {**members, "test_batch": to_pickle(MaliciousPickle(tmp_path / "trace"))}
    monkeypatch.setattr(cifar10, "MD5S", md5_sums(bad))
    with pytest.raises(pickle.UnpicklingError, match="not allowed"):
        load(write_folder(Path("c"), bad))
    assert not (tmp_path / "trace").exists()
    pickle.loads(bad["test_batch"])
    assert (tmp_path / "trace").exists()


@pytest.mark.usefixtures("md5s")
def test_only_the_beginning_of_a_large_member_is_read(members, monkeypatch, error_message):
    monkeypatch.setattr(cifar10, "MAX_MEMBER", 10_000)
    source = write_archive(Path("c.tar.gz"), members)
    assert "the MD5 sum of data_batch_1 is" in error_message(source)


@pytest.mark.usefixtures("md5s")
def test_truncated_and_damaged_archives_and_other_files(archive, members, error_message):
    xz = write_archive(Path("c.tar.xz"), members).read_bytes()
    contents = [b"", b"<html>", b"PK\x03\x04", gzip.compress(b"not a tar", mtime=0)]
    for content in (archive, xz):
        contents += [content[: int(share * len(content))] for share in (0.001, 0.3, 0.99)]
    for place in range(20, len(archive), len(archive) // 25):
        flipped = bytes([archive[place] ^ 0xFF])
        contents.append(archive[:place] + flipped + archive[place + 1 :])
    for content in contents:
        Path("c").write_bytes(content)
        message = error_message("c")
        assert "c is not a .tar.gz or .tar.xz archive, or is trunc" in message or "MD5" in message


@pytest.mark.usefixtures("md5s")
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_are_not_read_and_nothing_is_written(kind, members, tmp_path, load, error_message):
    outside = ("../escaped", "/escaped", f"{tmp_path}/deep/escaped")
    files = dict.fromkeys(outside, b"?") | {f"{FOLDER}/{name}": members[name] for name in members}
    path = write_archive(tmp_path / "deep/c.tar.gz", files, folder="")
    load(path)
    assert sorted(tmp_path.rglob("*")) == [path.parent, path]
    assert not os.path.lexists("/escaped")
    (tmp_path / "outside").write_bytes(files.pop(f"{FOLDER}/test_batch"))
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            add_member(archive, name, content)
        link = {"type": kind, "linkname": f"{tmp_path}/outside", "devmajor": 1, "devminor": 5}
        add_member(archive, f"{FOLDER}/test_batch", b"", **link)
    assert "it has no file test_batch" in error_message(path)
