"""Archives and folders that are damaged or mean harm: refused in a sentence, nothing is run."""

import gzip
import io
import lzma
import os
import pickle
import tarfile

import pytest
from archive_making import Evil, add, dump, pack, spread, sums
from hypothesis import given, settings
from hypothesis import strategies as st

from cifarlens.runtime.errors import UserError
from cifarlens.sources import cifar10
from cifarlens.sources.cifar10 import FOLDER, MD5S, SourceError, read_archive, read_folder


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
    "content", [b"", b"<html>", b"PK\x03\x04", bytes(5000), gzip.compress(b"no tar", mtime=0)]
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


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE])
def test_devices_and_folders_with_a_members_name(kind, members, md5s, tmp_path):
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as archive:
        for name, content in members.items():
            if name != "test_batch":
                add(archive, f"{FOLDER}/{name}", content)
        add(archive, f"{FOLDER}/test_batch", b"", type=kind, devmajor=1, devminor=5)  # /dev/zero
    with pytest.raises(SourceError, match="has no file test_batch"):
        read_archive(tmp_path / "c.tar.gz", md5s)


@pytest.mark.parametrize("last", ["right", "evil"])
def test_member_that_is_there_twice(last, members, md5s, tmp_path):
    """The last one counts, as for tar; the other is not run."""
    trace = tmp_path / "trace"
    both = [members["test_batch"], dump(Evil(trace))]
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as archive:
        for name, content in members.items():
            add(archive, f"{FOLDER}/{name}", content)
        for content in both if last == "evil" else reversed(both):
            add(archive, f"{FOLDER}/test_batch", content)
    if last == "right":
        read_archive(tmp_path / "c.tar.gz", md5s)
    else:
        with pytest.raises(SourceError, match="test_batch whose MD5 sum is"):
            read_archive(tmp_path / "c.tar.gz", md5s)
    assert not trace.exists()


def sparse_member(real_size: int) -> bytes:
    """A GNU sparse file of that many zeros, in two blocks of an archive."""
    header = tarfile.TarInfo(f"{FOLDER}/test_batch")
    header.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    block[386:410] = b"%011o\0%011o\0" % (real_size, 0)  # one piece of no bytes, at the end
    block[483:495] = b"%011o\0" % real_size
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 256 + sum(block[156:512]))
    return bytes(block)


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (8 << 20, "test_batch whose MD5 sum is 96995b58d4cbf6aaa9041b4f00c7f6ae"),
        (0o77777777777, "test_batch of 8589934591 bytes, too large"),
    ],
)
def test_sparse_member(size, sentence, members, md5s, tmp_path):
    """Its zeros are not in the archive, so the limit on what is unpacked does not see them."""
    fewer = {name: content for name, content in members.items() if name != "test_batch"}
    path = pack(tmp_path / "c.tar.gz", fewer)
    plain = gzip.decompress(path.read_bytes()).rstrip(b"\0")
    plain += bytes(-len(plain) % 512) + sparse_member(size) + bytes(1024)
    path.write_bytes(gzip.compress(plain))
    with pytest.raises(SourceError, match=sentence):
        read_archive(path, md5s)


def test_claimed_size_beyond_the_end_ends_at_once(members, md5s, tmp_path):
    """tarfile alone would skip 2**80 bytes in steps of 10 kB."""
    header = tarfile.TarInfo("x")
    header.size = 2**80
    path = tmp_path / "c.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(10240)))
    with pytest.raises(SourceError, match=r"damaged \(unexpected end of data\)"):
        read_archive(path, md5s)


def test_long_chain_of_long_names(md5s, tmp_path):
    """tarfile alone would call itself for each of them."""
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 5
    chain = (header.tobuf(tarfile.GNU_FORMAT) + b"name".ljust(512, b"\0")) * 2000
    (tmp_path / "c.tar.gz").write_bytes(gzip.compress(chain))
    with pytest.raises(SourceError, match="too many headers of one member"):
        read_archive(tmp_path / "c.tar.gz", md5s)


def test_long_and_strange_name_is_cut(members, md5s, tmp_path):
    path = pack(tmp_path / "c.tar.gz", {"../\x1b[2J\n" + "x" * 5000: b"?"}, folder="")
    with pytest.raises(SourceError, match=r"holds '\.\./\?\[2J\?x+…', a file outside") as failure:
        read_archive(path, md5s)
    assert len(str(failure.value)) < 500
    assert "\n" not in str(failure.value)


VALUES = [b"77777777777\0", b"\xff" * 12, b"\x80" + b"\0" * 10 + b"\x7f", b"-0000000001\0", b"0\0"]
TYPES = b"0123456789LKSxgXADVN\0"


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(
    format=st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    changes=st.lists(
        st.tuples(
            st.integers(0, 30),  # block
            st.one_of(
                st.tuples(st.just(156), st.sampled_from(TYPES).map(lambda kind: bytes([kind]))),
                st.tuples(st.just(124), st.sampled_from(VALUES)),
                st.tuples(st.integers(0, 511), st.binary(min_size=1, max_size=8)),
            ),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_headers_with_any_content_are_read_or_refused(format, changes, tmp_path_factory):
    """Damage behind a right checksum: no traceback, no hang."""
    small = {name: name.encode() * 50 for name in MD5S}
    plain = bytearray(tar(small, format))
    for block, (place, content) in changes:
        start = 512 * block % len(plain)
        plain[start + place : start + place + len(content)] = content
        header = plain[start : start + 512]
        total = sum(header[:148]) + 256 + sum(header[156:])
        plain[start + 148 : start + 156] = b"%06o\0 " % total
    path = tmp_path_factory.mktemp("any") / "c.tar.gz"
    path.write_bytes(gzip.compress(plain, 1))
    with pytest.raises(SourceError) as failure:
        read_archive(path, {**sums(small), "data_batch_1": "never right"})
    assert "\n" not in str(failure.value)


def tar(members: dict[str, bytes], format: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        for name, content in members.items():
            add(archive, f"{FOLDER}/{name}", content, mtime=1.5, uname="ü")
        add(archive, "long/" * 60, b"", pax_headers={"GNU.sparse.map": "0,1,x"})
    return stream.getvalue()


def test_folder_without_any_of_the_files(md5s, tmp_path):
    with pytest.raises(SourceError, match=r"has none of the files data_batch_1, .*, batches\.meta"):
        read_folder(tmp_path, md5s)


def test_files_that_never_end(members, md5s, tmp_path):
    """A pipe that nobody writes to, and a device: neither is opened."""
    folder = spread(tmp_path / "c", {**members, "test_batch": b""})
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
        (folder / "test_batch").unlink()
        make(folder / "test_batch")
        with pytest.raises(SourceError, match="has a test_batch that is no file"):
            read_folder(folder, md5s)
