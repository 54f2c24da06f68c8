import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest
from space_making import ROOT, environment, free_port, make_space, wait_for

from cifarlens.space.app import server
from cifarlens.space.packaging.serve import main
from cifarlens.space.packaging.shipped import TEMPLATES


def test_a_folder_without_a_space_is_named(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path} is not a packaged Space (files.json is missing); run `dvc repro` to"
        " create it, or give another folder, such as demo/space after `make demo`.\n"
    )


DAMAGE = {
    "has a damaged model": lambda f: (f / "model/model.safetensors").write_bytes(b"x" * 99),
    "card.json cannot be read (Expecting": lambda f: (f / "card.json").write_text('{"dataset"'),
    "(missing: dataset, fit, held_out, opacity, ": lambda f: (f / "card.json").write_text("{}"),
    "index.json cannot be read": lambda f: (f / "mistakes/index.json").write_text("[3]"),
}


@pytest.mark.parametrize("words", DAMAGE)
def test_serve_and_the_app_name_the_damage(space, tmp_path, words, capsys):
    copy = Path(shutil.copytree(space, tmp_path / "copy"))
    DAMAGE[words](copy)
    assert main([str(copy)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert words in error
    assert str(copy) in error
    with pytest.raises(SystemExit, match="2"):
        server.main(copy)  # on the hub, the app starts without `serve`
    assert capsys.readouterr().err == error


@pytest.mark.parametrize("port", ["0", "65536", "80a", "-1", ""])
def test_an_invalid_port_is_named(monkeypatch, space, port, capsys):
    monkeypatch.setenv("GRADIO_SERVER_PORT", port)
    assert main([str(space)]) == 2
    assert capsys.readouterr().err == (
        f"error: GRADIO_SERVER_PORT is '{port}'; it must be a whole number from 1 to 65535."
        " Change or unset it.\n"
    )


def test_a_port_in_use_is_named(monkeypatch, space, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        monkeypatch.setenv("GRADIO_SERVER_PORT", port)
        assert main([str(space)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: Port {port} of 127.0.0.1 is not available (Address already")
    assert error.count("\n") == 1


def test_folders_for_temporary_files_that_cannot_be_used_are_named(
    space, tmp_path, monkeypatch, capsys
):
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    assert main([str(space)]) == 2
    assert "a temporary folder (Not a directory): set TMPDIR to" in capsys.readouterr().err
    for value, words in (("", "for uploads (Not a dir"), (f"{tmp_path}/file", "file; it must be")):
        monkeypatch.setenv("GRADIO_TEMP_DIR", value)
        with pytest.raises(SystemExit, match="2"):
            server.main(space)
        assert words in capsys.readouterr().err


def test_a_folder_of_links_to_a_cache_runs_its_own_modules(tmp_path):
    """DVC makes such folders with `cache.type symlink`."""
    space = tmp_path / "space"
    (space / "cifarlens").mkdir(parents=True)
    (space / "cifarlens/__init__.py").write_text("raise SystemExit('its own')")
    (space / "app.py").symlink_to(ROOT / "src" / TEMPLATES["app.py"])
    assert subprocess.getoutput(f"cd {space} && {sys.executable} app.py") == "its own"


def end_group(group: int) -> None:
    """Ends what a failed test leaves running."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def test_it_runs_a_copy_and_stops_on_ctrl_c(tmp_path, request):
    """The copy runs its own modules and ignores proxies; the folder does not change."""
    space = make_space(tmp_path)
    (space / ".#about.py").symlink_to("nothing")
    about = space / "cifarlens/space/app/about/__init__.py"
    about.write_text(about.read_text().replace("classifier, explained", "classifier of the copy"))
    before = sorted(space.rglob("*"))
    port, log = free_port(), tmp_path / "log"
    temporary = tmp_path / ("d" * 200)
    temporary.mkdir()
    variables = {**environment(tmp_path, port), "GRADIO_TEMP_DIR": "", "TMPDIR": str(temporary)}
    variables |= {"http_proxy": "http://127.0.0.1:1", "all_proxy": "://", "no_proxy": ""}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "cifarlens.space.packaging.serve", str(space)],
            env=variables,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Background jobs of a shell, such as in CI, ignore Ctrl-C, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    request.addfinalizer(lambda: end_group(process.pid))
    url = f"http://127.0.0.1:{port}"
    wait_for(url, process, log)
    with urllib.request.urlopen(f"{url}/config", timeout=10) as answer:
        assert b"classifier of the copy" in answer.read()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=5)
    assert sorted(space.rglob("*")) == before
    assert not list(temporary.iterdir())
    assert "Traceback" not in log.read_text()
