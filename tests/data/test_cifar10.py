"""CIFAR-10's reader on small archives of the same form, good and bad, from every kind of place."""

import contextlib
import gzip
import hashlib
import io
import lzma
import os
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from cifarlens import params
from cifarlens.data import cifar10
from cifarlens.data.cifar10 import (
    ARCHIVE,
    FOLDER,
    MD5S,
    SourceError,
    obtain_cifar10,
    read_archive,
    read_folder,
)
from cifarlens.data.dataset import dataset_digest, save_dataset
from cifarlens.data.fetch import FetchError, Patience
from cifarlens.errors import UserError

ROOT = Path(__file__).parents[2]
QUICK = Patience(connect=2, read=1, attempts=2, pause=0.01)
SIZE = 20  # images a batch


def dump(value) -> bytes:
    return pickle.dumps(value, protocol=3)


def sums(members: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.md5(content).hexdigest() for name, content in members.items()}


@pytest.fixture(scope="module")
def batches():
    random = np.random.default_rng(0)
    return {
        name: {
            "data": random.integers(0, 256, (SIZE, 3072), dtype=np.uint8),
            "labels": random.integers(0, 10, SIZE).tolist(),
        }
        for name in MD5S
        if name != "batches.meta"
    }


@pytest.fixture(scope="module")
def members(batches):
    meta = {"label_names": [f"class {label}" for label in range(10)]}
    return {name: dump(batches.get(name, meta)) for name in MD5S}


@pytest.fixture
def md5s(members):
    return sums(members)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory and no CIFAR10_SOURCE."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CIFAR10_SOURCE", raising=False)
    return tmp_path


def pack(path: Path, members: dict[str, bytes], folder: str = f"{FOLDER}/") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:xz" if path.suffix == ".xz" else "w:gz") as archive:
        for name, content in members.items():
            add(archive, folder + name, content)
    return path


def add(archive: tarfile.TarFile, name: str, content: bytes, **fields) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(content))


def spread(folder: Path, members: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in members.items():
        (folder / name).write_bytes(content)
    return folder


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


class Evil:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["data_batch_1", "test_batch", "batches.meta"])
def test_pickle_with_the_right_name_and_wrong_sum_is_never_loaded(name, members, md5s, tmp_path):
    trace = tmp_path / "trace"
    evil = {**members, name: dump(Evil(trace))}
    for read, place in [
        (read_archive, pack(tmp_path / "c.tar.gz", evil)),
        (read_folder, spread(tmp_path / "c", evil)),
    ]:
        with pytest.raises(SourceError, match=f"{name} whose MD5 sum is"):
            read(place, md5s)
    assert not trace.exists()
    pickle.loads(evil[name])
    assert trace.exists()  # so it would have been seen


def test_no_member_is_loaded_before_all_are_checked(members, md5s, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "_load", lambda _: pytest.fail("loaded"))
    last = list(md5s)[-1]
    with pytest.raises(SourceError, match=last):
        read_folder(spread(tmp_path / "c", {**members, last: b"?"}), md5s)


def test_code_is_not_run_even_with_the_right_sum(members, tmp_path):
    trace = tmp_path / "trace"
    evil = {**members, "test_batch": dump(Evil(trace))}
    with pytest.raises(pickle.UnpicklingError, match="not allowed"):
        read_folder(spread(tmp_path / "c", evil), sums(evil))
    assert not trace.exists()


@pytest.mark.parametrize("suffix", ["gz", "xz"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.8, 0.99])
def test_truncated_archive(suffix, share, members, md5s, tmp_path):
    path = pack(tmp_path / f"c.tar.{suffix}", members)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(SourceError, match=rf"c\.tar\.{suffix} (is|has)"):
        read_archive(path, md5s)
    path.write_bytes(content)
    read_archive(path, md5s)


def test_flipped_bytes(members, md5s, tmp_path):
    path = pack(tmp_path / "c.tar.gz", members)
    good = path.read_bytes()
    for place in range(20, len(good), len(good) // 50):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        with pytest.raises(SourceError):
            read_archive(path, md5s)


@pytest.mark.parametrize("name", ["../escaped", "a/../../escaped", "/escaped", "../data_batch_1"])
def test_member_outside_of_its_folder(name, members, md5s, tmp_path):
    place = tmp_path / "deep" / "deeper" / "c.tar.gz"
    pack(place, {**members, name: b"?"}, folder="")
    with pytest.raises(SourceError, match="a file outside of its folder"):
        read_archive(place, md5s)
    assert sorted(tmp_path.rglob("*")) == [place.parent.parent, place.parent, place]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_no_members(kind, members, md5s, tmp_path):
    (tmp_path / "outside").write_bytes(members["test_batch"])
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as archive:
        for name, content in members.items():
            if name != "test_batch":
                add(archive, f"{FOLDER}/{name}", content)
        link = f"{tmp_path}/outside"
        add(archive, f"{FOLDER}/test_batch", b"", type=kind, linkname=link)
    with pytest.raises(SourceError, match="has no file test_batch"):
        read_archive(tmp_path / "c.tar.gz", md5s)


@pytest.mark.parametrize("name", MD5S)
def test_missing_member(name, members, md5s, tmp_path):
    fewer = {other: content for other, content in members.items() if other != name}
    for read, place in [
        (read_archive, pack(tmp_path / "c.tar.gz", fewer)),
        (read_folder, spread(tmp_path / "c", fewer)),
    ]:
        with pytest.raises(SourceError, match=f"has no file {name}"):
            read(place, md5s)


def test_too_large_member(members, md5s, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "MEMBER_LIMIT", 10_000)
    for read, place in [
        (read_archive, pack(tmp_path / "c.tar.gz", members)),
        (read_folder, spread(tmp_path / "c", members)),
    ]:
        with pytest.raises(SourceError, match=r"data_batch_1 of \d+ bytes"):
            read(place, md5s)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
def test_bomb_does_not_fill_the_memory(kind, compress, md5s, tmp_path, monkeypatch):
    """A small file that unpacks to 16 MB in one member, or in one header that tarfile buffers."""
    monkeypatch.setattr(cifar10, "UNPACKED_LIMIT", 1 << 20)
    header = tarfile.TarInfo("x")
    header.size, header.type = 16 << 20, kind
    bomb = tmp_path / "c.tar.gz"
    bomb.write_bytes(compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(header.size)))
    assert bomb.stat().st_size < 30_000
    with pytest.raises(SourceError, match="unpacks to more than 1048576 bytes"):
        read_archive(bomb, md5s)


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"PK\x03\x04", bytes(5000), gzip.compress(b"no tar")]
)
def test_other_files(content, md5s, tmp_path):
    (tmp_path / "c.tar.gz").write_bytes(content)
    with pytest.raises(SourceError, match=r"c\.tar\.gz (is|has) .*CIFAR10_SOURCE"):
        read_archive(tmp_path / "c.tar.gz", md5s)


def test_folder_in_place_of_a_file(members, md5s, tmp_path):
    folder = spread(tmp_path / "c", {**members, "test_batch": b""})
    (folder / "test_batch").unlink()
    (folder / "test_batch").mkdir()
    with pytest.raises(UserError, match=r"test_batch cannot be read \(is a directory"):
        read_folder(folder, md5s)


@contextlib.contextmanager
def as_nobody():
    """Permissions do not bind root, so root becomes someone else for a while."""
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        yield
    finally:
        os.seteuid(user)


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
    monkeypatch.setenv("CIFAR10_SOURCE", "x" * 5000)
    with pytest.raises(UserError, match=r"cannot be read \(file name too long"):
        obtain_cifar10()


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
