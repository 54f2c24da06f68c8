import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from huggingface_hub import SpaceCard, close_session, constants
from socks_server import socks_proxy
from space_hub import TOKEN, Hub, hub
from space_making import ROOT, files, free_port

from cifarlens.runtime.errors import UserError
from cifarlens.space.packaging.push import LFS, check_name, list_files, main

NAME = "ada/digits"
OLD_FILES = {"old/notes.txt": b"old", "app.py": b"old", ".gitattributes": b"old"}
Push = Callable[..., tuple[int, str, str]]


def pushed_files(space: Path, hub_url: str, model: str | None = None) -> dict[str, bytes]:
    """Returns the packaged files, with the front matter that a push completes."""
    contents = files(space)
    front, body = contents["README.md"].decode().removeprefix("---\n").split("\n---\n", 1)
    data = yaml.safe_load(front)
    data["thumbnail"] = f"{hub_url}/spaces/{NAME}/resolve/main/thumbnail.png"
    if model:
        data["models"] = [model]
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    return {**contents, "README.md": f"---\n{text}---\n{body}".encode()}


@pytest.fixture
def server() -> Iterator[Hub]:
    with hub() as running:
        yield running


@pytest.fixture
def push(
    space: Path,
    server: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Push:
    """Runs the command against the local hub; returns exit code, output and error output."""
    for key in [key for key in os.environ if key.startswith("HF_")]:
        monkeypatch.delenv(key)
    for name in ("NO_PROXY", "no_proxy"):  # a push may change them
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # its storage has its own protocol
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "ENDPOINT", server.url)

    def push(*arguments: str, token: str = "") -> tuple[int, str, str]:
        monkeypatch.setenv("HF_TOKEN", token)
        code = main([NAME, "--folder", str(space), *arguments])
        return (code, *capsys.readouterr())

    return push


def test_a_push_makes_the_space_equal_to_the_folder(space, server, tmp_path):
    server.spaces[NAME] = dict(OLD_FILES)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment |= {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path), "HF_TOKEN": TOKEN}
    command = [sys.executable, "-m", "cifarlens.space.packaging.push", NAME, "--folder", space]
    result = subprocess.run(
        [*command, "--yes"],
        env={**environment, "HF_HUB_DISABLE_XET": "1", "no_proxy": "", "http_proxy": "://x"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert f"Pushed: {server.url}/spaces/{NAME}/commit/" in result.stdout
    assert server.spaces[NAME] == pushed_files(space, server.url)
    assert server.lfs_files == {name for name in list_files(space) if name.endswith(LFS)}
    assert "model/model.safetensors" in server.lfs_files


def test_a_push_creates_a_space_where_xet_is_installed(space, server, push, monkeypatch):
    """Nothing is stored by LFS here, so nothing needs the storage that Xet talks to."""
    server.uses_lfs = False
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    code, _, error = push("--yes", token=TOKEN)
    assert code == 0, error
    assert server.spaces[NAME] == pushed_files(space, server.url)


def test_a_push_with_a_model_also_uploads_the_bundle(space, server, push):
    before, model = files(space), "ada/net"
    server.models[model] = {"old.txt": b"kept"}
    _, output, _ = push("--model", model)
    goals = f"{server.url}/spaces/{NAME} and its model/ to {server.url}/{model}\n"
    assert f"A push would go to {goals}" in output
    assert server.models == {model: {"old.txt": b"kept"}}
    code, _, error = push("--model", model, "--yes", token=TOKEN)
    assert code == 0, error
    names = ("README.md", "config.json", "model.safetensors")
    bundle = {name: before[f"model/{name}"] for name in names}
    assert server.models[model] == {"old.txt": b"kept", **bundle}
    assert server.spaces[NAME] == pushed_files(space, server.url, model)
    front = SpaceCard(server.spaces[NAME]["README.md"].decode()).data
    assert front["models"] == [model]
    assert front["thumbnail"].removeprefix(f"{server.url}/spaces/{NAME}/resolve/main/") in before
    assert files(space) == before  # an output of the pipeline


def test_a_dry_run_shows_all_changes_and_makes_none(space, server, push):
    server.spaces[NAME] = dict(OLD_FILES)
    code, output, error = push()
    assert (code, error) == (0, "")
    lines = output.splitlines()
    contents = files(space)
    for path, content in contents.items():
        (line,) = [line for line in lines if line.split()[:1] == [path]]
        assert ("LFS" in line.split()) == path.endswith((".png", ".safetensors"))
        if len(content) < 1000:
            assert f" {len(content)} B" in line
    total = sum(map(len, contents.values()))
    assert f"{len(contents)} files in {space}, {total / 1000:.1f} kB; 24 of them, " in output
    assert f"A push would go to {server.url}/spaces/{NAME}" in lines
    assert lines[lines.index("A push deletes these files:") + 1] == "  old/notes.txt"
    hint = "Add --yes (with make: YES=1) to push."
    assert lines[-1] == f"Nothing was pushed: this was a dry run. {hint}"
    assert server.spaces == {NAME: OLD_FILES}
    assert all(request.startswith("GET ") for request in server.requests)


def test_a_dry_run_of_a_new_space(server, push):
    code, output, _ = push()
    assert code == 0
    assert "The Space does not exist or is private." in output
    assert server.spaces == {}


def test_without_a_network_a_dry_run_works_and_a_push_is_refused(push, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free_port()}")
    code, output, error = push()
    assert (code, error) == (0, "")
    assert "Cannot list the Space's files: The hub request for" in output
    assert "Add --yes (with make: YES=1) to push." in output
    code, _, error = push("--yes", token=TOKEN)
    assert code == 2
    assert error.startswith(f"error: The hub request for {NAME} failed: ")
    assert error.endswith("check the network and run again.\n")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("token", "offline", "words"),
    [("", False, "A push needs a token: create one"), (TOKEN, True, "HF_HUB_OFFLINE is set")],
)
def test_without_a_token_or_offline_no_request_is_sent(
    server, push, monkeypatch, token, offline, words
):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    code, _, error = push("--yes", token=token)
    assert code == 2
    assert error.startswith(f"error: {words}")
    assert error.count("\n") == 1
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "the token is not valid"),
        (403, "the token has no write access there"),
        (402, "your account's plan does not allow this Space"),
        (500, "the hub answered 500 (set by the test): run again later"),
    ],
)
def test_refusals_of_the_hub_are_one_line_messages(server, push, status, words):
    server.status = status
    code, _, error = push("--yes", token=TOKEN)
    assert code == 2
    assert error.startswith(f"error: The hub request for {NAME} failed: {words}")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "name", ["", "digits", "a/b/c", "a b/c", "../x", "a/b.git", "a/--b", "ä/b"]
)
def test_invalid_names_are_refused(name):
    with pytest.raises(UserError, match="is not a valid name for a model: give USER/NAME"):
        check_name(name, "model")


@pytest.mark.parametrize("arguments", [[], ["a/b", "c"], ["a/b", "--force"]])
def test_invalid_arguments_are_refused_with_the_usage(arguments, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.endswith("push USER/NAME [--model USER/MODEL] [--folder FOLDER] [--yes]\n")
    assert error.count("\n") == 1


def test_what_package_space_did_not_write_is_left_out(space, server, push, tmp_path):
    copy = Path(shutil.copytree(space, tmp_path / "copy"))
    for name in (".env", "cifarlens/__pycache__/about.pyc", "examples/[0]_*.png", "two\nlines.py"):
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text("secret")
    (copy / ".#app.py").symlink_to("nothing")
    (copy / "app.py").unlink()
    (copy / "app.py").symlink_to(space / "app.py")  # as in a folder of links to DVC's cache
    code, output, error = push("--folder", str(copy), "--yes", token=TOKEN)
    assert code == 0, error
    left_out = ".#app.py, .env, cifarlens/__pycache__/about.pyc, …"
    assert f"Left out, not written by package_space: 5 ({left_out}).\n" in output
    assert server.spaces[NAME] == pushed_files(space, server.url)
    (copy / "files.json").write_text('["../secret"]')
    _, _, error = push("--folder", str(copy), "--yes", token=TOKEN)
    assert "is not a packaged Space (../secret is missing)" in error


def test_another_machine_is_reached_through_the_proxy(space, server, push, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://hub.example")
    secret = "me:secret@127.0.0.1:1"
    with socks_proxy(server.server_port) as (address, hosts):
        for proxy, words in (
            (f"socks5h://{address}", ""),
            (f"http://{secret}", "through the proxy http://127.0.0.1:1 (all_proxy) failed"),
            (f"socks4://{secret}", "error: all_proxy is 'socks4://127.0.0.1:1'; it must be the"),
        ):
            close_session()
            monkeypatch.setenv("all_proxy", proxy)
            code, _, error = push("--yes", token=TOKEN)
            assert code == (2 if words else 0), error
            assert words in error
    assert server.spaces[NAME] == pushed_files(space, "http://hub.example")
    assert b"\x0bhub.example" in hosts
