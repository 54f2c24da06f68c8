import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from space_making import environment, free_port, make_space, wait_for

from cifarlens.space.packaging.serve import main

COMMAND = [sys.executable, "-m", "cifarlens.space.packaging.serve"]


def serve(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_folder_that_is_no_space_is_named(tmp_path):
    done = serve(tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: {tmp_path} is not a packaged Space (it has no app.py): make one with `dvc repro`,"
        " or name its folder, such as demo/space after `make demo`.\n"
    )


@pytest.mark.parametrize("arguments", [(), ("a", "b")])
def test_one_folder_is_wanted(arguments):
    done = serve(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: name one folder")


DAMAGE = {
    "has no model.safetensors": lambda f: (f / "model/model.safetensors").unlink(),
    "has a damaged model": lambda f: (f / "model/model.safetensors").write_bytes(b"x" * 99),
    "has a config.json that is no JSON": lambda f: (f / "model/config.json").write_text("{"),
    "card.json cannot be read": lambda f: (f / "card.json").write_text('{"dataset"'),
}


def damaged(space: Path, folder: Path, words: str) -> Path:
    copy = Path(shutil.copytree(space, folder / "copy"))
    DAMAGE[words](copy)
    return copy


@pytest.mark.parametrize("words", DAMAGE)
def test_a_damaged_space_is_named(space, tmp_path, words, capsys):
    assert main([str(damaged(space, tmp_path, words))]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert words in error


@pytest.mark.parametrize("words", ["has a damaged model", "card.json cannot be read"])
def test_a_damaged_space_says_so_itself(space, tmp_path, words):
    """Without `serve`, as on the hub."""
    copy = damaged(space, tmp_path, words)
    done = subprocess.run(
        [sys.executable, "-P", "app.py"],
        cwd=copy,
        env={**environment(tmp_path, free_port()), "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


@pytest.mark.parametrize("port", ["0", "65536", "80a", "-1", ""])
def test_a_port_that_is_none_is_named(monkeypatch, space, port, capsys):
    monkeypatch.setenv("GRADIO_SERVER_PORT", port)
    assert main([str(space)]) == 2
    words = f"error: GRADIO_SERVER_PORT is '{port}', but must be a whole number from 1 to 65535.\n"
    assert capsys.readouterr().err == words


def test_a_port_in_use_is_named(monkeypatch, space, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("GRADIO_SERVER_PORT", port)
        assert main([str(space)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: Port {port} of 127.0.0.1 cannot be used (Address already")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "kill"]
)
def test_it_runs_a_copy_and_stops_when_told(tmp_path, stop, code):
    """The copy's own modules run, not this repository's, and its folder stays as it was."""
    space = make_space(tmp_path)
    about = space / "cifarlens/space/app/about.py"
    about.write_text(about.read_text().replace("classifier, explained", "classifier of the copy"))
    before = sorted(space.rglob("*"))
    port, log = free_port(), tmp_path / "log"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*COMMAND, str(space)],
            env={**environment(tmp_path, port), "TMPDIR": str(temporary)},
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # A shell's background jobs, as CI may be one, ignore Ctrl-C and pass that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    url = f"http://127.0.0.1:{port}"
    wait_for(url, process, log)
    with urllib.request.urlopen(f"{url}/config", timeout=10) as answer:
        assert b"classifier of the copy" in answer.read()
    os.kill(process.pid, stop)
    assert process.wait(20) == code
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=5)
    assert sorted(space.rglob("*")) == before
    assert not list(temporary.glob("space-*"))
    assert "Traceback" not in log.read_text()
