"""Signals, sent to real processes."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from closure import ROOT

HEAD = """
import os, sys, time
sys.argv[0] = "waiting.py"
from cifarlens.runtime.stage import run_stage
"""
WAIT = """
def main():
    try:
        print("started", os.getpid(), flush=True)
        time.sleep(60)
    finally:
        print("cleaned", flush=True)

run_stage(main)
"""


def start(code, folder, **environment):
    # A shell's background job ignores SIGINT, and so would what it starts.
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + textwrap.dedent(code)],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_stage_in_one_sentence_after_its_cleaning(tmp_path, signum, code):
    process = start(WAIT, tmp_path)
    assert process.stdout.readline().startswith("started")
    process.send_signal(signum)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (code, "cleaned\n")
    assert err == "\nStopped. Run `dvc repro` again to go on.\n"


def test_impatience_does_not_break_the_cleaning(tmp_path):
    code = WAIT.replace(
        'print("cleaned", flush=True)',
        'print("cleaning", flush=True); time.sleep(1); print("cleaned", flush=True)',
    )
    process = start(code, tmp_path)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "cleaning\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "cleaned\n")
    assert "Traceback" not in err


def test_ctrl_c_while_a_stage_imports_shows_no_traceback(tmp_path):
    slow = "import time; print('importing', flush=True); time.sleep(60)"
    (tmp_path / "numpy.py").write_text(slow)
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.stats"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (-signal.SIGINT, "")


def test_an_ignored_signal_stays_ignored(tmp_path):
    process = start("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)" + WAIT, tmp_path)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143


@pytest.mark.parametrize("shell", [[], ["sh", "-c", '"$@"; exit', "sh"]], ids=["exec", "shell"])
def test_a_stage_ends_when_dvc_is_gone(tmp_path, shell):
    starter = f"""
    import subprocess, time
    code = {HEAD + WAIT!r}
    environment = {{**os.environ, "DVC_STAGE": "waiting"}}
    subprocess.Popen([*{shell!r}, sys.executable, "-c", code], env=environment)
    time.sleep(60)
    """
    process = start(starter, tmp_path)
    try:
        stage = int(process.stdout.readline().split()[1])
    finally:
        process.kill()
        process.wait()
    deadline = time.monotonic() + 30
    while running(stage) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not running(stage)
    assert process.communicate()[0] == "cleaned\n"


def test_a_stage_started_by_hand_outlives_its_shell(tmp_path, monkeypatch):
    monkeypatch.delenv("DVC_STAGE", raising=False)
    quick = WAIT.replace("sleep(60)", "sleep(2)")
    starter = f"""
    import subprocess, time
    code = {HEAD + quick!r}
    subprocess.Popen([sys.executable, "-c", code])
    time.sleep(60)
    """
    process = start(starter, tmp_path)
    process.stdout.readline()
    process.kill()
    process.wait()
    assert process.communicate(timeout=30)[0].startswith("cleaned\nwaiting: 2.")


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
