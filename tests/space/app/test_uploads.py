import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cifarlens.space.app import uploads
from cifarlens.space.app.uploads import PREFIX, keep_swept, own_folder, sweep

HOUR = 3600


def put(path: Path, age: float, size: int = 1000) -> Path:
    """Writes a file with an age in seconds, in a folder of the same age."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    times = (time.time() - age,) * 2
    os.utime(path, times)
    os.utime(path.parent, times)
    return path


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_files_are_deleted_by_age_then_the_oldest_by_size(tmp_path):
    for name, age in (("a/1", 4000), ("tmpabc", 4000), ("b/2", 900), ("c/3", 800), ("d/4", 10)):
        put(tmp_path / name, age)
    kept = put(tmp_path / "e/example", 9000)
    sweep(tmp_path, [str(kept)], HOUR, 2500)
    assert names(tmp_path) == {"a", "b", "c", "c/3", "d", "d/4", "e", "e/example"}
    for name in ("a", "b"):
        os.utime(tmp_path / name, (0, 0))
    sweep(tmp_path, [str(kept)], HOUR, 0)  # what is new may be in use
    assert names(tmp_path) == {"c", "d", "d/4", "e", "e/example"}


def test_links_are_deleted_and_not_followed(tmp_path):
    outside = put(tmp_path / "outside/file", 9000)
    folder = tmp_path / "uploads"
    folder.mkdir()
    for name, target in (("file", outside), ("folder", outside.parent), ("broken", "nowhere")):
        (folder / name).symlink_to(target)
        os.utime(folder / name, (0, 0), follow_symlinks=False)
    sweep(folder, [], HOUR, 0)
    assert outside.exists()
    assert names(folder) == set()
    sweep(tmp_path / "nowhere", [], HOUR, 0)


def test_the_sweeper_survives_errors_and_keeps_the_files_of_the_space(tmp_path, monkeypatch):
    kept, failures = put(tmp_path / "example", 9000), [RuntimeError("once")]
    listed = {"a", "b"}

    def fail_once(*arguments: object) -> None:
        if failures:
            raise failures.pop()
        sweep(*arguments)

    monkeypatch.setattr(uploads, "INTERVAL", 0.01)
    monkeypatch.setattr(uploads, "sweep", fail_once)
    keep_swept(tmp_path, [listed])
    old = put(tmp_path / "a/upload", 9000)
    deadline = time.monotonic() + 10
    while old.exists() or listed:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert kept.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks of folders")
def test_folders_of_killed_servers_are_removed_and_no_others(tmp_path):
    code = "import sys, cifarlens.space.app.uploads as u; c = u.own_folder(sys.argv[1])"
    code += "; print(c.__enter__(), flush=True); input()"
    command = [sys.executable, "-c", code, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as server:
        alive = Path(server.stdout.readline().strip())
        others = [put(tmp_path / name / "file", 0) for name in ("gradio-1", f"{PREFIX}holiday")]
        (tmp_path / f"{PREFIX}link").symlink_to(others[0].parent)
        for folder in (alive, *(path.parent for path in others)):
            os.utime(folder, (0, 0))
        with own_folder(str(tmp_path)) as own:
            assert alive.exists()
            assert own.parent == tmp_path.resolve()
        assert not own.exists()
        server.kill()
    with own_folder(str(tmp_path)):
        assert not alive.exists()
    assert all(path.exists() for path in others)
