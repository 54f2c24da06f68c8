import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from space_making import environment, free_port, make_space, wait_for

COMMAND = [sys.executable, "-m", "cifarlens.space.serve"]


def serve(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_folder_that_is_no_space_is_named(tmp_path):
    done = serve(tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: {tmp_path} is no packaged Space (it has no app.py): make one with `dvc repro`,"
        " or name its folder, such as demo/space after `make demo`.\n"
    )


@pytest.mark.parametrize("arguments", [(), ("a", "b")])
def test_one_folder_is_wanted(arguments):
    done = serve(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: name one folder")


@pytest.mark.parametrize(
    ("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "kill"]
)
def test_it_runs_a_copy_and_stops_when_told(tmp_path, stop, code):
    """The copy's own modules run, not this repository's, and its folder stays as it was."""
    space = make_space(tmp_path)
    about = space / "cifarlens/space/about.py"
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
