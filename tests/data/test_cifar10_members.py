"""Archives and folders that are damaged or mean harm: refused in a sentence, nothing is run."""

import gzip
import lzma
import pickle
import tarfile

import pytest
from archive_making import Evil, add, dump, pack, spread, sums

from cifarlens.data import cifar10
from cifarlens.data.cifar10 import FOLDER, MD5S, SourceError, read_archive, read_folder
from cifarlens.errors import UserError


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
