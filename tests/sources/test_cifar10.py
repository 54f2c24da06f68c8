"""CIFAR-10's reader on small archives and folders of its form: right, damaged and evil ones."""

import gzip
import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from archive_making import SIZE, Evil, add, dump, pack, spread, sums

from cifarlens.dataset.arrays import Dataset, dataset_digest, save_dataset
from cifarlens.runtime.errors import UserError
from cifarlens.sources import cifar10
from cifarlens.sources.cifar10 import FOLDER, MD5S, SOURCE, load_cifar10

FORMS = ("archive", "folder")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def load(monkeypatch):
    """Loads from a place that CIFAR10_SOURCE names."""

    def load_from(place: object) -> Dataset:
        monkeypatch.setenv(SOURCE, str(place))
        return load_cifar10()

    return load_from


@pytest.fixture
def refuses(load):
    """The one sentence about a place, which it names beside what to do."""

    def sentence(place: object) -> str:
        with pytest.raises(UserError) as failure:
            load(place)
        said = str(failure.value)
        assert "\n" not in said
        assert len(said) < 700
        assert f"set {SOURCE} to" in said
        return said

    return sentence


def make(form: str, members: dict[str, bytes]) -> Path:
    return pack(Path("c.tar.gz"), members) if form == "archive" else spread(Path("c"), members)


def test_images_and_labels_are_in_their_places(batches, members, md5s, load):
    dataset = load(make("archive", members))
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


@pytest.mark.usefixtures("md5s", "quick")
def test_every_form_of_source_gives_the_same_bytes(members, web, tmp_path, load):
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
        web.url.replace("http", "HTTP") + "/download?id=3",
    ]
    digests = set()
    for number, source in enumerate(sources):
        cifar10.ARCHIVE.unlink(missing_ok=True)
        save_dataset(tmp_path / str(number), load(source))
        digests.add(dataset_digest(tmp_path / str(number)))
    assert len(digests) == 1


@pytest.mark.usefixtures("md5s")
def test_home_folder(members, tmp_path, monkeypatch, load, refuses):
    monkeypatch.setenv("HOME", str(tmp_path))
    spread(tmp_path / "c", members)
    assert len(load("~/c").test_images) == SIZE
    assert "does not exist (CIFAR10_SOURCE is ~nobody/c)" in refuses("~nobody/c")


@pytest.mark.parametrize("source", ["no/such/place", "/no/such/place", " x.tar.gz "])
def test_source_that_does_not_exist(source, refuses):
    place = Path(source.strip()).absolute()
    said = refuses(source)
    assert said.startswith(f"{place} does not exist (CIFAR10_SOURCE is {source.strip()}); set")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("source", ["x/\n" * 80, "http://127.0.0.1:1/" + "x" * 5000])
def test_long_source_is_cut(source, refuses):
    assert "…" in refuses(source)


@pytest.mark.usefixtures("quick")
def test_without_network_three_ways_are_named_and_work(members, md5s, monkeypatch, refuses, load):
    monkeypatch.setattr(cifar10, "URL", "http://127.0.0.1:1/cifar-10-python.tar.gz")
    said = refuses("")
    assert "put it into data/archive/" in said
    assert "`make demo`" in said
    pack(cifar10.ARCHIVE, members)
    assert len(load("").test_images) == SIZE


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["data_batch_1", "batches.meta"])
def test_pickle_with_the_right_name_and_wrong_sum_is_never_loaded(
    form, name, members, md5s, tmp_path, monkeypatch, refuses
):
    """Nor is any other before all are checked."""
    monkeypatch.setattr(cifar10, "_Unpickler", lambda *_: pytest.fail("loaded"))
    evil = {**members, name: dump(Evil(tmp_path / "trace"))}
    assert f"is not CIFAR-10: the MD5 sum of {name} is" in refuses(make(form, evil))
    assert not (tmp_path / "trace").exists()
    pickle.loads(evil[name])
    assert (tmp_path / "trace").exists()  # so it would have been seen


def test_code_is_not_run_even_with_the_right_sum(members, tmp_path, monkeypatch, load):
    evil = {**members, "test_batch": dump(Evil(tmp_path / "trace"))}
    monkeypatch.setattr(cifar10, "MD5S", sums(evil))
    with pytest.raises(pickle.UnpicklingError, match="not allowed"):
        load(make("folder", evil))
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MD5S)
def test_missing_member(form, name, members, md5s, refuses):
    fewer = {other: content for other, content in members.items() if other != name}
    assert f"is not CIFAR-10: it has no file {name}" in refuses(make(form, fewer))


def test_of_a_large_member_only_the_beginning_is_read(members, md5s, monkeypatch, refuses):
    monkeypatch.setattr(cifar10, "MAX_MEMBER", 10_000)
    assert "the MD5 sum of data_batch_1 is" in refuses(make("archive", members))


@pytest.mark.parametrize("suffix", ["gz", "xz"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.8, 0.99])
def test_truncated_archive(suffix, share, members, md5s, tmp_path, refuses):
    path = pack(tmp_path / f"c.tar.{suffix}", members)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert f"c.tar.{suffix} is not a .tar.gz or .tar.xz archive, or is truncated or" in refuses(
        path
    )


def test_flipped_bytes(members, md5s, tmp_path, refuses):
    path = pack(tmp_path / "c.tar.gz", members)
    good = path.read_bytes()
    for place in range(20, len(good), len(good) // 50):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        refuses(path)


def test_header_with_any_content(tmp_path, monkeypatch, refuses):
    """Damage behind right checksums of gzip and tar: no traceback."""
    monkeypatch.setattr(cifar10, "MD5S", dict.fromkeys(MD5S, "never right"))
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as archive:
        add(archive, "long/" * 60, b"")
        for name in MD5S:
            add(archive, name, b"content" * 100)
    random = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(plain.getvalue())
        start = 512 * int(random.integers(8))
        place = random.choice([0, 124, 156, *range(0, 500, 20)])
        damaged[start + place : start + place + 4] = random.bytes(4)
        header = damaged[start : start + 512]
        total = sum(header[:148]) + 256 + sum(header[156:])
        damaged[start + 148 : start + 156] = b"%06o\0 " % total
        (tmp_path / "c.tar.gz").write_bytes(gzip.compress(damaged, 1))
        refuses("c.tar.gz")


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"PK\x03\x04", bytes(5000), gzip.compress(b"no tar", mtime=0)]
)
def test_other_files(content, md5s, tmp_path, refuses):
    (tmp_path / "c.tar.gz").write_bytes(content)
    assert "c.tar.gz is no" in (said := refuses("c.tar.gz")) or "has no file" in said


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_no_members(kind, members, md5s, tmp_path, refuses):
    (tmp_path / "outside").write_bytes(members["test_batch"])
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as archive:
        for name, content in members.items():
            if name != "test_batch":
                add(archive, f"{FOLDER}/{name}", content)
        link = f"{tmp_path}/outside"
        add(archive, f"{FOLDER}/test_batch", b"", type=kind, linkname=link, devmajor=1, devminor=5)
    assert "it has no file test_batch" in refuses("c.tar.gz")


def test_members_outside_of_their_folder_are_not_written(members, md5s, tmp_path, load):
    names = ("../escaped", "/escaped", f"{tmp_path}/deep/escaped")
    strange = {f"{FOLDER}/{name}": content for name, content in members.items()}
    place = pack(tmp_path / "deep/c.tar.gz", {**dict.fromkeys(names, b"?"), **strange}, folder="")
    load(place)
    assert sorted(tmp_path.rglob("*")) == [place.parent, place]
    assert not os.path.lexists("/escaped")
