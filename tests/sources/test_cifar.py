"""CIFAR-10 and CIFAR-100 in small archives and folders: correct, damaged, malicious ones."""

import gzip
import os
import pickle
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torchvision
from archive_making import (
    SIZE,
    MaliciousPickle,
    add_member,
    class_names,
    make_batches,
    md5_sums,
    to_pickle,
    write_archive,
    write_folder,
)

from cifarlens.dataset.arrays import Dataset, dataset_digest, save_dataset
from cifarlens.runtime.errors import UserError
from cifarlens.sources import cifar as loader
from cifarlens.sources import cifar10, cifar100

pytestmark = pytest.mark.parametrize(
    "cifar", [cifar10, cifar100], indirect=True, ids=["cifar10", "cifar100"]
)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def load(cifar, monkeypatch):
    """Loads the dataset from the source that its environment variable names."""

    def load_from(source: object) -> Dataset:
        monkeypatch.setenv(cifar.ARCHIVE.variable, str(source))
        return cifar.ARCHIVE.load()

    return load_from


@pytest.fixture
def error_message(cifar, load):
    """Returns the one-line message about a bad source, which says what to do."""

    def message(source: object) -> str:
        with pytest.raises(UserError) as failure:
            load(source)
        text = str(failure.value)
        assert "\n" not in text
        assert len(text) < 700
        assert f"set {cifar.ARCHIVE.variable} to" in text
        return text

    return message


@pytest.mark.usefixtures("md5s")
def test_images_and_labels_are_in_order(cifar, members, load):
    *train, test = make_batches(cifar.ARCHIVE).values()
    dataset = load(write_archive(Path("c.tar.gz"), members))
    assert dataset.train_images.shape == (len(train) * SIZE, 32, 32, 3)
    assert dataset.test_images.shape == (SIZE, 32, 32, 3)
    assert dataset.train_images.dtype == np.uint8
    assert dataset.train_labels.dtype == np.int64
    row, column, blue = 5, 7, 2
    np.testing.assert_array_equal(
        dataset.train_images[:, row, column, blue],
        np.concatenate([batch["data"][:, blue * 1024 + row * 32 + column] for batch in train]),
    )
    key = cifar.ARCHIVE.labels
    assert dataset.train_labels.tolist() == [label for batch in train for label in batch[key]]
    assert dataset.test_labels.tolist() == test[key]
    assert list(dataset.classes) == class_names(cifar.ARCHIVE)


@pytest.mark.usefixtures("md5s", "short_pauses")
def test_every_form_of_source_gives_the_same_bytes(
    cifar, members, web, tmp_path, load, digest, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = cifar.ARCHIVE.folder
    write_folder(tmp_path / "parent" / folder, members)
    reversed_members = dict(reversed(members.items()))
    web.files["/c.tar.gz"] = write_archive(tmp_path / "web.tar.gz", members).read_bytes()
    web.files["/download?id=3"] = write_archive(tmp_path / "web.tar.xz", members).read_bytes()
    sources = [
        tmp_path / "parent" / folder,
        "parent",
        "~/parent",
        write_archive(tmp_path / "c.tar.gz", members),
        write_archive(tmp_path / "c.tgz", reversed_members, folder=f"./{folder}/"),
        write_archive(tmp_path / "c.tar.xz", {"file.txt~": b"?", **members}, folder=""),
        f"{web.url}/c.tar.gz",
        web.url.replace("http", "HTTP") + "/download?id=3",
    ]
    for number, source in enumerate(sources):
        cifar.ARCHIVE.path.unlink(missing_ok=True)
        save_dataset(tmp_path / str(number), load(source))
        assert dataset_digest(tmp_path / str(number)) == digest


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (" /no/such/place ", "does not exist (VARIABLE is /no/such/place); set"),
        ("~nobody/c", "does not exist (VARIABLE is ~nobody/c); set"),
        ("x/\n" * 80, "…"),
        ("http://127.0.0.1:1/" + "x" * 5000, "…"),
    ],
)
def test_a_source_that_does_not_exist_is_quoted_in_one_short_line(
    cifar, source, problem, error_message
):
    assert problem.replace("VARIABLE", cifar.ARCHIVE.variable) in error_message(source)


@pytest.mark.usefixtures("md5s", "short_pauses")
def test_the_official_archive_is_downloaded_once(
    cifar, web, archive, monkeypatch, load, error_message
):
    name = cifar.ARCHIVE.path.name
    monkeypatch.setattr(cifar, "ARCHIVE", replace(cifar.ARCHIVE, url=f"{web.url}/{name}"))
    web.files[f"/{name}"] = archive
    web.faults = [web.status(404)]
    message = error_message("")
    assert f"{name} yourself to data/archive/" in message
    assert "`make demo`" in message
    for _ in range(2):
        assert len(load("").test_images) == SIZE
    assert len(web.requests) == 2


def test_torchvision_publishes_the_same_description(cifar):
    archive = cifar.ARCHIVE
    published = getattr(torchvision.datasets, archive.title.replace("-", ""))
    meta = published.meta
    assert (archive.url, archive.folder) == (published.url, published.base_folder)
    assert archive.classes == meta["key"]
    files = [*published.train_list, *published.test_list, [meta["filename"], meta["md5"]]]
    assert list(archive.md5s.items()) == [tuple(file) for file in files]


def test_the_published_md5_sums_are_checked(cifar, members, error_message):
    source = write_folder(Path("c"), members)
    assert f"not {next(iter(cifar.ARCHIVE.md5s.values()))}" in error_message(source)


@pytest.mark.usefixtures("md5s")
@pytest.mark.parametrize("write", [write_archive, write_folder])
@pytest.mark.parametrize("place", [0, -1])
def test_no_pickle_is_loaded_if_a_member_is_wrong_or_missing(
    cifar, write, place, members, tmp_path, monkeypatch, error_message
):
    monkeypatch.setattr(loader, "_Unpickler", lambda *_: pytest.fail("loaded"))
    name, title = list(members)[place], cifar.ARCHIVE.title
    bad = {**members, name: to_pickle(MaliciousPickle(tmp_path / "trace"))}
    source = write(tmp_path / "bad", bad)
    assert f"is not {title}: the MD5 sum of {name} is" in error_message(source)
    assert not (tmp_path / "trace").exists()
    del bad[name]
    source = write(tmp_path / "missing", bad)
    assert f"is not {title}: it has no file {name}" in error_message(source)


def test_code_in_a_pickle_is_not_run_even_if_the_md5_sum_is_right(
    cifar, members, tmp_path, monkeypatch, load
):
    test = list(members)[-2]
    bad = {**members, test: to_pickle(MaliciousPickle(tmp_path / "trace"))}
    monkeypatch.setattr(cifar, "ARCHIVE", replace(cifar.ARCHIVE, md5s=md5_sums(bad)))
    with pytest.raises(pickle.UnpicklingError, match="not allowed"):
        load(write_folder(Path("c"), bad))
    assert not (tmp_path / "trace").exists()
    pickle.loads(bad[test])
    assert (tmp_path / "trace").exists()


def test_a_folder_of_pictures_whose_subfolders_have_the_names_of_the_files(cifar, error_message):
    for name in cifar.ARCHIVE.md5s:
        Path("images", name).mkdir(parents=True)
    problem = f"is not {cifar.ARCHIVE.title}: it has no file {next(iter(cifar.ARCHIVE.md5s))};"
    assert error_message("images").startswith(f"images {problem}")


@pytest.mark.usefixtures("md5s")
def test_only_the_beginning_of_a_large_member_is_read(members, monkeypatch, error_message):
    monkeypatch.setattr(loader, "MAX_MEMBER", 10_000)
    source = write_archive(Path("c.tar.gz"), members)
    assert f"the MD5 sum of {next(iter(members))} is" in error_message(source)


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
    files = dict.fromkeys(outside, b"?") | {f"folder/{name}": members[name] for name in members}
    test = list(members)[-2]
    path = write_archive(tmp_path / "deep/c.tar.gz", files, folder="")
    load(path)
    assert sorted(tmp_path.rglob("*")) == [path.parent, path]
    assert not os.path.lexists("/escaped")
    (tmp_path / "outside").write_bytes(files.pop(f"folder/{test}"))
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            add_member(archive, name, content)
        link = {"type": kind, "linkname": f"{tmp_path}/outside", "devmajor": 1, "devminor": 5}
        add_member(archive, f"folder/{test}", b"", **link)
    assert f"it has no file {test}" in error_message(path)
