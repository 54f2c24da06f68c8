import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from space_hub import TOKEN, Hub, hub
from space_making import ROOT, free_port

from cifarlens.runtime.errors import UserError
from cifarlens.space.packaging.push import LFS, check_name, listing, main

NAME = "ada/digits"


@pytest.fixture
def server() -> Iterator[Hub]:
    with hub() as running:
        yield running


def push(
    folder: Path, home: Path, *arguments: str, url: str, **settings: str
) -> "subprocess.CompletedProcess[str]":
    """The real command against a hub of ours; `home` has no token and no settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment = {
        **kept,
        "HF_ENDPOINT": url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",  # its storage speaks a protocol that only the hub has
        "NO_PROXY": "127.0.0.1,localhost",
        **settings,
    }
    command = [
        sys.executable,
        "-m",
        "cifarlens.space.packaging.push",
        NAME,
        "--folder",
        str(folder),
    ]
    return subprocess.run(
        [*command, *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def stored(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_push_makes_the_space_equal_to_the_folder(space, server, tmp_path):
    done = push(space, tmp_path, "--yes", url=server.url, HF_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    assert f"Pushed: {server.url}/spaces/{NAME}/commit/" in done.stdout
    assert server.spaces[NAME] == stored(space)
    assert server.by_lfs == {name for name in listing(space) if name.endswith(LFS)}
    assert "model/model.safetensors" in server.by_lfs


def test_a_second_push_deletes_what_is_gone(space, server, tmp_path):
    server.spaces[NAME] = {"old/notes.txt": b"old", "app.py": b"old", ".gitattributes": b"old"}
    done = push(space, tmp_path, "--yes", url=server.url, HF_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    assert server.spaces[NAME] == stored(space)


def test_the_upload_that_is_used_where_xet_is_installed(space, server, tmp_path):
    """Nothing goes to LFS here, so nothing needs the hub's own storage."""
    server.uses_lfs = False
    done = push(space, tmp_path, "--yes", url=server.url, HF_TOKEN=TOKEN, HF_HUB_DISABLE_XET="0")
    assert done.returncode == 0, done.stderr
    assert server.spaces[NAME] == stored(space)


def test_a_dry_run_shows_all_and_changes_nothing(space, server, tmp_path):
    before = {"old/notes.txt": b"old", "app.py": b"old", ".gitattributes": b"old"}
    server.spaces[NAME] = dict(before)
    done = push(space, tmp_path, url=server.url)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    for path, content in stored(space).items():
        (line,) = [line for line in lines if line.split()[:1] == [path]]
        assert ("LFS" in line.split()) == path.endswith((".png", ".safetensors"))
        if len(content) < 1000:
            assert f" {len(content)} B" in line
    total = sum(map(len, stored(space).values()))
    assert (
        f"{len(stored(space))} files of {space}, {total / 1000:.1f} kB; 23 of them" in done.stdout
    )
    assert f"To: {server.url}/spaces/{NAME}" in lines
    assert lines[lines.index("Would be deleted there:") + 1] == "  old/notes.txt"
    added = "Add --yes (with make: YES=1) to push."
    assert lines[-1] == f"Nothing was pushed: this was a dry run. {added}"
    assert server.spaces == {NAME: before}
    assert all(request.startswith("GET ") for request in server.requests)


def test_a_dry_run_of_a_new_space(space, server, tmp_path):
    done = push(space, tmp_path, url=server.url)
    assert done.returncode == 0
    assert "There is no such Space" in done.stdout
    assert server.spaces == {}


def test_a_dry_run_without_a_network(space, tmp_path):
    done = push(space, tmp_path, url=f"http://127.0.0.1:{free_port()}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "What lies there now is not known, and would be deleted." in done.stdout
    assert "Add --yes (with make: YES=1) to push." in done.stdout


def test_without_a_token_nothing_is_asked(space, server, tmp_path):
    done = push(space, tmp_path, "--yes", url=server.url)
    assert done.returncode == 2
    assert done.stderr.startswith("error: There is no token to push with: make one")
    assert done.stderr.count("\n") == 1
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "the token is not valid"),
        (403, "your token may not write there"),
        (402, "your account's plan does not allow such a Space"),
        (500, "it answered 500 (as asked for): run it again later"),
    ],
)
def test_what_the_hub_refuses_is_told_in_one_sentence(space, server, tmp_path, status, words):
    server.status = status
    done = push(space, tmp_path, "--yes", url=server.url, HF_TOKEN=TOKEN)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: The hub could not be used for {NAME}: {words}")
    assert done.stderr.count("\n") == 1


def test_no_network_is_told_in_one_sentence(space, tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    done = push(space, tmp_path, "--yes", url=url, HF_TOKEN=TOKEN)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: The hub could not be used for {NAME}: ")
    assert "check the network and run it again" in done.stderr
    assert done.stderr.count("\n") == 1


def test_offline_mode_is_named(space, server, tmp_path):
    done = push(space, tmp_path, "--yes", url=server.url, HF_TOKEN=TOKEN, HF_HUB_OFFLINE="1")
    assert done.returncode == 2
    assert done.stderr.startswith("error: HF_HUB_OFFLINE is set")
    assert server.requests == []


@pytest.mark.parametrize(
    "name", ["", "digits", "a/b/c", "a b/c", "../x", "a/b.git", "a/--b", "ä/b"]
)
def test_names_that_are_none(name, capsys):
    with pytest.raises(UserError, match="is not the name of a Space: give USER/NAME"):
        check_name(name)


@pytest.mark.parametrize("arguments", [[], ["a/b", "c"], ["a/b", "--force"]])
def test_other_arguments_get_one_sentence(arguments, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.endswith(": python -m cifarlens.space.packaging.push USER/NAME [--yes].\n")
    assert error.count("\n") == 1


SPOIL = {
    "was not made by package_space": lambda f: (f / ".env").write_text("SECRET=1"),
    "notes.pkl was not made": lambda f: (f / "model/notes.pkl").write_bytes(b""),
    "is not a packaged Space": lambda f: (f / "app.py").unlink(),
    "has no model.safetensors": lambda f: (f / "model/model.safetensors").unlink(),
    "card.json cannot be read": lambda f: (f / "card.json").write_text("{"),
    "link.png was not made": lambda f: (f / "link.png").symlink_to("/etc/passwd"),
}


@pytest.mark.parametrize("words", SPOIL)
def test_a_folder_that_package_space_did_not_make(space, tmp_path, words, capsys):
    copy = Path(shutil.copytree(space, tmp_path / "copy"))
    SPOIL[words](copy)
    assert main([NAME, "--folder", str(copy), "--yes"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert words in printed.err
    assert printed.out == ""
