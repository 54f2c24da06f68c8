"""The project on other people's machines: their make and shell, git, locks and output."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from project import ROOT, Project

TARGETS = re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
PROGRAMS = (".venv/bin/python", "/a b/python", "uv", "echo", "mkdir", "test", "touch")


def test_make_depends_on_no_path_shell_or_variable_of_the_user(tmp_path: Path) -> None:
    """The make of macOS looks programs up in its own PATH, not in the one that it exports."""
    folder = tmp_path / 'it\'s a "checkout"'
    (folder / ".venv/bin").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.lock").touch()
    command = ["make", "-ns", "PYTHON=/a b/python", "SPACE_ID=a/b", *TARGETS]
    for line in subprocess.check_output(command, cwd=folder, text=True).splitlines():
        words = shlex.split(line.removeprefix("UV_CUSTOM_COMPILE_COMMAND='make lock' "))
        assert words[0] in PROGRAMS, line

    (folder / ".venv/bin/python").write_text("#!/bin/sh\nenv")
    (folder / ".venv/bin/python").chmod(0o755)
    (folder / ".venv/.ready").touch()
    users = {"SHELL": "/usr/sbin/nologin", "PYTHONPATH": "/older", "MPLBACKEND": "module://x"}
    command = ["make", "-s", "-j4", "repro"]
    output = subprocess.check_output(command, cwd=folder, env=os.environ | users, text=True)
    path = f"PATH={folder}/.venv/bin:{os.environ['PATH']}"
    assert {"SHELL=/bin/sh", "MPLBACKEND=agg", path} <= set(output.splitlines())
    assert "PYTHONPATH" not in output


def test_a_clone_has_the_same_bytes_with_any_line_ends_in_its_settings(
    project: Project, tmp_path: Path
) -> None:
    shutil.copy(ROOT / ".gitattributes", project.folder)
    project.commit("attributes")
    settings = ("-c", "core.autocrlf=true", "-c", "core.eol=crlf")
    project.run("git", "clone", "-q", *settings, ".", str(tmp_path / "clone"))
    for name in project.run("git", "ls-files").splitlines():
        assert (tmp_path / "clone" / name).read_bytes() == (project.folder / name).read_bytes()
