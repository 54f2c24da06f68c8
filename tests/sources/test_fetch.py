"""Transfers against a real server on loopback that cuts, stalls, fails and lies."""

import gzip
import hashlib
import random
import socket
from pathlib import Path

import pytest

from cifarlens.sources.fetch import CHUNK, FetchError, Patience, fetch, file_md5

CONTENT = random.Random(0).randbytes(1_000_000)
MD5 = hashlib.md5(CONTENT).hexdigest()
STEP = 6 * CHUNK  # a transfer that breaks keeps whole chunks
QUICK = Patience(connect=2, read=0.3, attempts=3, pause=0.01)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "folder" / "file.bin"


def get(web, target, content=CONTENT, md5=MD5, **options):
    web.files.setdefault("/file.bin", content)
    fetch(f"{web.url}/file.bin", target, md5=md5, patience=QUICK, **options)


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def ranges(web) -> list[str | None]:
    return [headers.get("Range") for _, headers in web.requests]


def test_file_arrives_whole_and_alone(web, target):
    get(web, target)
    assert target.read_bytes() == CONTENT
    assert file_md5(target) == MD5
    assert left(target) == ["file.bin"]


def test_right_file_is_not_fetched_again(web, target):
    get(web, target)
    get(web, target)
    assert len(web.requests) == 1


def test_wrong_kept_file_is_replaced(web, target):
    target.parent.mkdir()
    target.write_bytes(CONTENT[:-1])
    get(web, target)
    assert target.read_bytes() == CONTENT


def test_cut_transfer_is_resumed_where_it_broke(web, target):
    web.faults = [web.fault(end=4 * STEP), web.fault(end=7 * STEP)]
    get(web, target)
    assert target.read_bytes() == CONTENT
    assert ranges(web) == [None, f"bytes={4 * STEP}-", f"bytes={7 * STEP}-"]
    assert left(target) == ["file.bin"]


def test_next_run_resumes_what_the_last_one_kept(web, target):
    web.faults = [web.fault(end=4 * STEP), web.status(503), web.status(503), web.status(503)]
    with pytest.raises(FetchError, match="503"):
        get(web, target)
    assert left(target) == ["file.bin.part", "file.bin.part.json"]
    get(web, target)
    assert target.read_bytes() == CONTENT
    assert ranges(web)[-1] == f"bytes={4 * STEP}-"


def test_part_of_another_address_is_not_used(web, target):
    web.faults = [web.fault(end=4 * STEP), web.status(404)]
    with pytest.raises(FetchError):
        get(web, target)
    web.files["/other"] = CONTENT[::-1]
    fetch(f"{web.url}/other", target, patience=QUICK)
    assert target.read_bytes() == CONTENT[::-1]
    assert ranges(web)[-1] is None


def test_a_cut_loses_less_than_a_chunk(web, target):
    web.faults = [web.fault(end=4 * STEP + CHUNK - 1)]
    get(web, target)
    assert target.read_bytes() == CONTENT
    assert ranges(web) == [None, f"bytes={4 * STEP}-"]


def test_many_cuts_are_no_failure_while_bytes_arrive(web, target):
    web.faults = [web.fault(end=step * STEP) for step in range(1, 10)]
    get(web, target)
    assert target.read_bytes() == CONTENT
    assert len(web.requests) == 10 > QUICK.attempts


def test_connection_that_is_always_cut_at_the_same_byte_ends(web, target):
    web.faults = [web.fault(end=STEP)] * 20
    with pytest.raises(FetchError, match="gave up after 3 attempts"):
        get(web, target)
    assert len(web.requests) == 4  # the first one brought bytes


def test_server_without_ranges_starts_over(web, target):
    web.faults = [web.fault(end=4 * STEP), web.fault(ranges=False)]
    get(web, target, md5=None)
    assert target.read_bytes() == CONTENT


def test_file_that_changed_meanwhile_is_not_spliced(web, target):
    new = random.Random(1).randbytes(900_000)

    def cut_then_change(handler):
        web.serve(handler, end=4 * STEP)
        web.files["/file.bin"] = new
        web.validators = {"ETag": '"v2"'}

    web.faults = [cut_then_change]
    get(web, target, md5=None)
    assert target.read_bytes() == new


def test_splice_by_a_server_that_ignores_if_range_is_found_and_mended(web, target):
    web.faults = [web.fault(end=4 * STEP), web.status(404)]
    with pytest.raises(FetchError):
        get(web, target)
    new = random.Random(1).randbytes(1_000_000)
    web.files["/file.bin"] = new
    web.faults = [web.fault(check=False)]
    get(web, target, md5=hashlib.md5(new).hexdigest())
    assert target.read_bytes() == new
    assert ranges(web)[-2:] == [f"bytes={4 * STEP}-", None]


@pytest.mark.parametrize(
    ("validators", "resumed"),
    [
        ({"ETag": '"v1"'}, True),
        ({"Last-Modified": "Thu, 04 Jun 2009 20:47:00 GMT"}, True),
        ({"ETag": 'W/"v1"', "Last-Modified": "Thu, 04 Jun 2009 20:47:00 GMT"}, True),
        ({"ETag": 'W/"v1"'}, False),
        ({}, False),
    ],
)
def test_resumes_only_what_the_server_can_name(web, target, validators, resumed):
    web.validators = validators
    web.faults = [web.fault(end=4 * STEP)]
    get(web, target)
    assert target.read_bytes() == CONTENT
    assert ranges(web)[1] == (f"bytes={4 * STEP}-" if resumed else None)


def test_answer_from_another_byte_starts_over(web, target):
    web.faults = [web.fault(end=4 * STEP), web.fault(shift=10)]
    get(web, target, md5=None)
    assert target.read_bytes() == CONTENT


def test_part_that_was_whole_already(web, target):
    """Killed between the last byte and the renaming: the server answers 416."""
    get(web, target)
    part = target.with_name("file.bin.part")
    target.rename(part)
    note = f'{{"url": "{web.url}/file.bin", "validator": "\\"v1\\""}}'
    target.with_name("file.bin.part.json").write_text(note)
    get(web, target)
    assert target.read_bytes() == CONTENT
    assert left(target) == ["file.bin"]


def test_damaged_note_beside_the_part_starts_over(web, target):
    target.parent.mkdir()
    target.with_name("file.bin.part").write_bytes(b"rubbish")
    target.with_name("file.bin.part.json").write_text("{")
    get(web, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_passing_failures_are_tried_again(web, target, code):
    web.faults = [web.status(code), web.status(code)]
    get(web, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_lasting_failures_end_at_once(web, target, code):
    web.faults = [web.status(code)]
    with pytest.raises(FetchError, match=f"/file.bin: the server answers {code}"):
        get(web, target)
    assert len(web.requests) == 1
    assert left(target) == []
    get(web, target)
    assert target.read_bytes() == CONTENT


def test_pauses_double(web, target, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr("cifarlens.sources.fetch.time.sleep", pauses.append)
    web.faults = [web.status(500)] * 5
    web.files["/file.bin"] = CONTENT
    with pytest.raises(FetchError, match="500"):
        fetch(f"{web.url}/file.bin", target, patience=Patience(attempts=5, pause=1))
    assert pauses == [1, 2, 4, 8]


def test_redirect_is_followed(web, target):
    web.faults = [web.status(302, Location="/file.bin")]
    web.files["/file.bin"] = CONTENT
    fetch(f"{web.url}/moved", target, md5=MD5, patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_redirect_in_circles_ends_at_once(web, target):
    web.faults = [web.status(302, Location="/file.bin")] * 100
    with pytest.raises(FetchError, match="redirects"):
        get(web, target)
    assert len(web.requests) < 40


def test_redirect_to_a_local_file_is_refused(web, target, tmp_path):
    (tmp_path / "secret").write_text("secret")
    web.faults = [web.status(302, Location=f"file://{tmp_path}/secret")]
    with pytest.raises(FetchError):
        get(web, target, md5=None)
    assert left(target) == []


@pytest.mark.parametrize("url", ["ftp://host/x", "file:///etc/passwd", "http://", "x", "http:///x"])
def test_other_schemes_are_refused(url, target):
    with pytest.raises(FetchError, match="only http and https"):
        fetch(url, target)
    assert not target.parent.exists()


@pytest.mark.parametrize("url", ["http://[::1/x", "http://host:port/x", f"http://{'a' * 70}.b/"])
def test_impossible_addresses_are_refused(url, target):
    with pytest.raises(FetchError, match="Cannot fetch http://"):
        fetch(url, target, patience=QUICK)


def test_wrong_bytes_are_not_kept(web, target):
    web.files["/file.bin"] = b"<html>Please log in</html>"
    with pytest.raises(FetchError, match=f"instead of {MD5}"):
        get(web, target)
    assert len(web.requests) == 1
    assert left(target) == []
    web.files["/file.bin"] = CONTENT
    get(web, target)
    assert target.read_bytes() == CONTENT


def test_stalled_transfer_is_resumed(web, target):
    web.faults = [web.fault(end=4 * STEP, stall=True)]
    get(web, target)
    assert target.read_bytes() == CONTENT
    assert ranges(web) == [None, f"bytes={4 * STEP}-"]


def test_server_that_never_answers(web, target):
    web.faults = [web.silence] * 3
    with pytest.raises(FetchError, match="no answer in time"):
        get(web, target)


def test_nobody_listens(target):
    with socket.socket() as taken:  # bound but not listening: nobody else can take the port
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(FetchError, match=r"connection refused \(gave up after 3 attempts"):
            fetch(f"http://127.0.0.1:{port}/x", target, patience=QUICK)
    assert left(target) == []


def test_too_large_file_is_not_kept(web, target):
    with pytest.raises(FetchError, match="larger than 600000 bytes"):
        get(web, target, limit=600_000)
    assert left(target) == []


def test_failure_leaves_the_old_file(web, target):
    target.parent.mkdir()
    target.write_bytes(b"old")
    web.faults = [web.status(404)]
    with pytest.raises(FetchError):
        get(web, target)
    assert target.read_bytes() == b"old"


def test_archive_declared_as_gzip_encoding_stays_packed(web, target):
    packed = gzip.compress(CONTENT)
    web.faults = [web.fault(headers=(("Content-Encoding", "gzip"),))]
    get(web, target, content=packed, md5=hashlib.md5(packed).hexdigest())
    assert target.read_bytes() == packed


def test_password_in_the_address_is_not_shown(web, target, capsys):
    web.faults = [web.status(404)]
    url = web.url.replace("http://", "http://me:secret@")
    with pytest.raises(FetchError) as failure:
        fetch(f"{url}/file.bin", target, patience=QUICK)
    assert "secret" not in str(failure.value) + "".join(capsys.readouterr())
    assert web.requests[0][1]["Authorization"].startswith("Basic ")
