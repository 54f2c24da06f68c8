"""Signals, sent to real processes."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from closure import ROOT

STAGE = """
import os, signal, subprocess, sys, time
from cifarlens.runtime.stage import run_stage

def main():
    try:
        print("started", flush=True)
        time.sleep({seconds})
    finally:
        print("cleaning", flush=True)
        time.sleep(0.3)
        print("cleaned", flush=True)

sys.argv[0] = "waiting.py"
"""
SHELL = ["sh", "-c", '"$@"; exit', "sh"]


def start(code, folder, *command, **environment):
    return subprocess.Popen(
        [sys.executable, *(command or ("-c", textwrap.dedent(code)))],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A background job of a shell ignores SIGINT, and its child processes inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_stage_after_its_cleanup_even_if_the_user_is_impatient(
    tmp_path, signum, code
):
    process = start(STAGE.format(seconds=60) + "run_stage(main)", tmp_path)
    assert process.stdout.readline() == "started\n"
    process.send_signal(signum)
    assert process.stdout.readline() == "cleaning\n"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (code, "cleaned\n")
    assert errors == "\nStopped. Run the same command again to continue.\n"


WRAPPING = """
import sys, time
from cifarlens.runtime.stage import run_stage

def main():
    try:
        print("started", flush=True)
        time.sleep(60)
    except BaseException as error:
        raise ImportError("initialization failed") from error

sys.argv[0] = "waiting.py"
run_stage(main)
"""


def test_ctrl_c_that_a_library_turns_into_its_own_error_shows_no_traceback(tmp_path):
    """As the import of matplotlib's extension module does."""
    process = start(WRAPPING, tmp_path)
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "\nStopped. Run the same command again to continue.\n"


def test_ctrl_c_while_a_stage_imports_shows_no_traceback(tmp_path):
    slow = "import time; print('importing', flush=True); time.sleep(60)"
    (tmp_path / "numpy.py").write_text(slow)
    process = start("", ROOT, "-m", "stages.stats", PYTHONPATH=str(tmp_path))
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=30)[1]
    assert (process.returncode, errors) == (-signal.SIGINT, "")


def test_an_ignored_signal_stays_ignored(tmp_path):
    ignore = "signal.signal(signal.SIGINT, signal.SIG_IGN); run_stage(main)"
    process = start(STAGE.format(seconds=60) + ignore, tmp_path)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143


@pytest.mark.parametrize(("dvc", "shell"), [(True, []), (True, SHELL), (False, [])])
def test_a_stage_stops_when_dvc_is_killed_but_not_without_dvc(tmp_path, monkeypatch, dvc, shell):
    monkeypatch.delenv("DVC_STAGE", raising=False)
    stage = STAGE.format(seconds=60 if dvc else 1.2) + "run_stage(main)"
    starter = f"""
    import os, subprocess, sys, time
    environment = os.environ | {{"DVC_STAGE": "waiting"}} if {dvc} else os.environ
    subprocess.Popen([*{shell!r}, sys.executable, "-c", {stage!r}], env=environment)
    time.sleep(60)
    """
    process = start(starter, tmp_path)
    process.stdout.readline()
    process.kill()
    output = process.communicate(timeout=30)[0]  # ends when the stage has closed its output
    assert output.startswith("cleaning\ncleaned\n" + ("" if dvc else "waiting: 1."))
    assert ("waiting" in output) != dvc
